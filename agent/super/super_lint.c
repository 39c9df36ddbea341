#include "agent/super/super_lint.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/role/messages.h"
#include "agent/super/super.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#define LINT_SECONDS 60

/* What the role asks for. It decides nothing, and what it has read stays with it: with the
 * rights of the caller any file is opened that a server's configuration names. */
struct opening {
	struct super *super;
	char *pattern; /* owned: that `found` is of; NULL: none yet */
	glob_t found;
};

static void find(struct opening *o, const char *pattern)
{
	if (o->pattern != NULL && strcmp(o->pattern, pattern) == 0)
		return;
	if (o->pattern != NULL)
		globfree(&o->found);
	free(o->pattern);
	o->pattern = xstrdup(pattern);
	if (glob(pattern, 0, NULL, &o->found) != 0)
		o->found.gl_pathc = 0;
}

/* What it is shows before it is opened: that alone does something to a device, and lets go
 * who waits for a reader of a pipe. */
static int open_regular(const char *path, int *out, struct err *e)
{
	AUTO_FD int at = open(path, O_PATH | O_CLOEXEC);
	AUTO_FREE char *self = NULL;
	struct stat st;

	if (at < 0 || fstat(at, &st) < 0)
		return err_set(e, ERR_CONFIG, "it cannot be read: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_CONFIG, "it is not a regular file");
	self = xasprintf("/proc/self/fd/%d", at);
	*out = open(self, O_RDONLY | O_CLOEXEC);
	if (*out < 0)
		return err_set(e, ERR_CONFIG, "it cannot be read: %s", strerror(errno));
	return 0;
}

static int on_file(void *role, struct msg *m, struct err *e)
{
	struct opening *o = role;
	AUTO_FREE char *pattern = xstrdup(msg_get_str(m));
	const uint64_t n = msg_get_u64(m);
	const uint32_t id = m->id;
	const char *path = "";
	AUTO_FD int fd = -1;

	TRY(msg_end(m, e));
	find(o, pattern);
	if (n < o->found.gl_pathc) {
		path = o->found.gl_pathv[n];
		TRY(open_regular(path, &fd, e));
	}
	msg_begin(m, LINT_FILE, id);
	msg_put_str(m, path);
	m->fd = take_fd(&fd);
	return 0;
}

static const struct msg_rule rules[] = {
	{ CONFIG_USER, 1, super_user },
	{ CONFIG_GROUP, 1, super_group },
	{ CONFIG_REACH, 1, super_reach_config },
	{ LINT_FILE, 1, on_file },
};

/* One question, one answer. A refusal is an answer too. */
static int answer(struct opening *o, int sock, struct err *e)
{
	struct msg *m = &o->super->msg;
	uint32_t id;

	TRY(msg_recv(sock, m, e));
	id = m->id;
	if (msg_dispatch(rules, sizeof(rules) / sizeof(*rules), 0, o, m, e) < 0) {
		msg_begin(m, MSG_FAILED, id);
		msg_put_err(m, e);
	}
	return msg_send(sock, m, e);
}

/* It has let go of its socket: it has seen all, or has died. */
static int await(struct super_proc *p, struct err *e)
{
	struct pollfd fd = { .fd = p->process.pidfd, .events = POLLIN };
	int status;

	poll(&fd, 1, SUPER_STOP_MS);
	status = super_reap(p);
	if (status < 0)
		super_end_role(p, clock_awake_ms());
	return status == EXIT_SUCCESS
		   ? 0
		   : err_set(e, ERR_SYS, "who reads it has ended with status %d",
			     status);
}

/* Until it lets go. */
static int serve(struct opening *o, int sock, struct err *e)
{
	const int64_t until_ms = clock_awake_ms() + LINT_SECONDS * 1000;
	int rc = 0;

	while (rc == 0) {
		struct pollfd p = { .fd = sock, .events = POLLIN };
		const int64_t left = until_ms - clock_awake_ms();
		const int n = poll(&p, 1, left < 0 ? 0 : (int)left);

		if (n == 0 || left < 0)
			return err_set(e, ERR_LIMIT, "it took longer than %d s",
				       LINT_SECONDS);
		if (n < 0 && errno != EINTR)
			return err_sys(e, "poll");
		if (n > 0)
			rc = answer(o, sock, e);
	}
	return rc == ERR_NET ? 0 : rc;
}

int super_lint(struct super *s, struct err *e)
{
	const struct super_fds fds = {
		.snapshot = s->snapshot, .peer = -1, .lock = -1, .control = -1
	};
	struct opening o = { .super = s };
	struct super_proc *p;
	int rc;

	if (s->spec.n[SPEC_CRLS] == 0)
		return 0;
	rc = super_start(s, ROLE_INSPECT, &fds, &p, e);
	if (rc == 0) {
		rc = serve(&o, p->sock, e);
		if (rc == 0)
			rc = await(p, e);
		else
			super_end_role(p, clock_awake_ms());
	}
	if (o.pattern != NULL)
		globfree(&o.found);
	free(o.pattern);
	return rc < 0 ? err_wrap(e, "the configuration of servers") : 0;
}
