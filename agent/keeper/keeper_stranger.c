#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/keeper/keeper.h"
#include "agent/keeper/keeper_watch.h"
#include "agent/role/messages.h"
#include "agent/role/stranger.h"
#include "agent/role/stranger_walk.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

/* -- a mount whose server is gone lets nobody go who looks into it: a child goes first -- */

static void touch(void *arg, const char *folder, int error)
{
	struct stat st;

	(void)arg;
	(void)error;
	(void)stat(folder, &st);
}

/* Before each pattern, a byte: so it is known at which one it stays. */
static void scout(void *arg, int fd)
{
	const struct spec *s = arg;

	for (uint32_t i = 0; i < s->n[SPEC_WATCH]; i++) {
		struct stranger_walk w = { NULL, touch, NULL, STRANGER_FOLDERS };

		if (write(fd, "", 1) != 1)
			_exit(EXIT_FAILURE);
		stranger_walk(&w, spec_text(s, s->watch[i]));
	}
}

/* How many patterns were begun when it was through, or its time was over. */
static uint32_t wait_for(const struct child *c, bool *through)
{
	const int64_t until = clock_awake_ms() + STRANGER_SCOUT_MS;
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	char bytes[STRANGER_PATTERNS];
	uint32_t begun = 0;
	ssize_t n = -1;

	for (int64_t left = STRANGER_SCOUT_MS; left > 0 && n != 0;
	     left = until - clock_awake_ms()) {
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = read(c->fd, bytes, sizeof(bytes));
		begun += n > 0 ? (uint32_t)n : 0;
	}
	*through = n == 0;
	return begun;
}

/* It stays our child as long as it is held up: until then nobody else is sent. */
static int try_folders(struct keeper *k, struct err *e)
{
	const struct spec *s = &k->start.spec;
	uint32_t begun;
	bool through;

	TRY(child_start(LIMIT_STRANGER_S, scout, &k->start.spec, &k->strangers, e));
	begun = wait_for(&k->strangers, &through);
	if (!through)
		return err_set(e, ERR_BUSY,
			       "%s: nothing is heard from there for %d s: a mount "
			       "whose server is gone?",
			       begun == 0 || begun > s->n[SPEC_WATCH]
				   ? "the first pattern"
				   : spec_text(s, s->watch[begun - 1]),
			       STRANGER_SCOUT_MS / 1000);
	child_end(&k->strangers);
	return 0;
}

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
		return err_set(
		    e, ERR_BUSY,
		    "the last look at them is not over: a mount whose server "
		    "is gone?");
	TRY(try_folders(k, e));
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
