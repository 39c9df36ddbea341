#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "agent/keeper.h"
#include "agent/keeper_watch.h"
#include "agent/messages.h"
#include "agent/stranger.h"
#include "agent/stranger_walk.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"

/* Whether it is our own sandbox that is in the way: the folder was made, replaced or mounted
 * over since we entered it. */
static bool is_shut_out(const struct keeper *k, struct err *e)
{
	const struct spec *s = &k->start.spec;

	for (uint32_t i = 0; i < s->n[SPEC_WATCH]; i++) {
		const char *pattern = spec_text(s, s->watch[i]);
		AUTO_FREE char *root = xstrndup(pattern, stranger_root(pattern));
		AUTO_FD int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd >= 0 || errno != EACCES ||
		    faccessat(AT_FDCWD, root, R_OK, AT_EACCESS) < 0)
			continue;
		errno = EACCES;
		err_sys(e, "look into %s", root);
		return true;
	}
	return false;
}

int keeper_strangers(void *role, struct msg *m, struct err *e)
{
	struct keeper *k = role;
	const uint32_t id = m->id;
	bool is_told, shut_out;

	TRY(msg_end(m, e));
	if (k->strangers.fd >= 0)
		return err_set(e, ERR_BUSY, "the last look at them is not over");
	shut_out = is_shut_out(k, e);
	if (shut_out && keeper_failed(k, m, e) == 0)
		return 0;
	is_told = keeper_watch_strangers(k) && !shut_out;
	TRY(child_start(LIMIT_STRANGER_S, strangers_tell, &k->start.spec, &k->strangers,
			e));
	msg_begin(m, KEEPER_STRANGERS, id);
	msg_put_u64(m, is_told);
	m->fd = fcntl(k->strangers.fd, F_DUPFD_CLOEXEC, 0);
	return m->fd < 0 ? err_sys(e, "a look at strangers") : 0;
}
