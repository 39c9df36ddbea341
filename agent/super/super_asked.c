#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "agent/role/control.h"
#include "agent/role/listen.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/super/super.h"
#include "agent/super/super_daemon.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"

/* -- the socket -- */

static int listen_at(struct super *s, const char *dir, const struct sockaddr_un *sa,
		     struct err *e)
{
	const gid_t group =
	    s->is_root ? s->spec.global->users[SPEC_USER_AGENT].gid : (gid_t)-1;
	int error;

	if (mkdir(dir, 0750) == 0 && s->is_root && chown(dir, (uid_t)-1, group) < 0)
		return err_sys(e, "chown %s", dir);
	error = listen_unix(sa, SOCK_SEQPACKET, group, &s->asked.listener);
	if (error == 0)
		return 0;
	return err_set(e, ERR_SYS, "listen at %s: %s", sa->sun_path,
		       error == EADDRINUSE ? "another agent answers there"
		       : error == EEXIST   ? "it is not a socket"
					   : strerror(error));
}

static bool is_ours(const struct super_asked *q, const struct sockaddr_un *sa)
{
	struct stat st;

	return q->listener >= 0 && lstat(sa->sun_path, &st) == 0 &&
	       st.st_ino == q->inode && st.st_dev == q->device;
}

/* It also says since when there is an agent: control_look(). */
static void note_socket(struct super *s, const struct sockaddr_un *sa)
{
	const struct timespec since[] = { { .tv_sec = s->agent_since },
					  { .tv_sec = s->agent_since } };
	struct stat st = { .st_ino = 0 };

	if (lstat(sa->sun_path, &st) < 0 ||
	    utimensat(AT_FDCWD, sa->sun_path, since, AT_SYMLINK_NOFOLLOW) < 0)
		log_debug("%s: %s", sa->sun_path, strerror(errno));
	s->asked.inode = st.st_ino;
	s->asked.device = st.st_dev;
}

void super_asked_listen(struct super *s)
{
	const char *dir = spec_text(&s->spec, s->spec.global->runtime_dir);
	AUTO_FD int before = s->asked.listener;
	struct sockaddr_un sa;
	struct err e;

	if (control_address(dir, &sa, &e) == 0 && is_ours(&s->asked, &sa)) {
		(void)take_fd(&before);
		return;
	}
	if (before >= 0)
		log_warn("%s: gone: made anew", sa.sun_path);
	s->asked.listener = -1;
	if (control_address(dir, &sa, &e) < 0 || listen_at(s, dir, &sa, &e) < 0)
		log_error("no control socket: %s", e.text);
	else
		note_socket(s, &sa);
}

void super_asked_unlisten(struct super *s)
{
	const char *dir = spec_text(&s->spec, s->spec.global->runtime_dir);
	struct sockaddr_un sa;
	struct err e;

	if (control_address(dir, &sa, &e) == 0 && is_ours(&s->asked, &sa))
		(void)unlink(sa.sun_path);
}

/* -- one request -- */

static void forget(struct super_asked *q)
{
	for (size_t i = 0; i < 2; i++) {
		auto_fd_(&q->out[i]);
		q->out[i] = -1;
	}
	auto_fd_(&q->conn);
	q->conn = -1;
	request_done(&q->request);
	msg_done(&q->msg);
	q->msg = (struct msg)MSG_NONE;
	q->begun = q->gone = false;
}

/* What the tree says, kept in memory: nobody who does not listen holds it up. Whoever
 * asked may only read it. */
static int open_stream(struct super_asked *q, size_t i, struct msg *m, struct err *e)
{
	AUTO_FREE char *path = NULL;

	q->out[i] = memfd_create("everleaf-output", MFD_CLOEXEC);
	if (q->out[i] < 0 || fchmod(q->out[i], 0600) < 0)
		return err_sys(e, "memory for what is said");
	path = xasprintf("/proc/self/fd/%d", q->out[i]);
	msg_begin(m, CONTROL_OUTPUT, 0);
	msg_put_u64(m, i);
	m->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (m->fd < 0)
		return err_sys(e, "memory for what is said");
	return msg_offer(q->conn, m, e);
}

static int accept_request(struct super *s, struct err *e)
{
	struct super_asked *q = &s->asked;

	request_get(&q->msg, &q->request);
	TRY(msg_end(&q->msg, e));
	if (!s->is_daemon || request_shows(&q->request))
		return err_set(e, ERR_PROTO, "nobody can have asked for that");
	TRY(control_peer(q->conn, &q->uid, e));
	TRY(control_may(&q->request, q->uid, geteuid(), e));
	q->request.flags &= ~(REQUEST_SWEEP | REQUEST_AGAIN | REQUEST_LOOK);
	if (q->request.wait_s > CONTROL_WAIT_MAX)
		q->request.wait_s = CONTROL_WAIT_MAX;
	return 0;
}

static void answer(struct super *s, struct msg *m)
{
	struct err e;

	if (msg_offer(s->asked.conn, m, &e) < 0)
		log_debug("answer to user %u: %s", s->asked.uid, e.text);
}

static void refuse(struct super *s, struct msg *m, const struct err *why)
{
	msg_begin(m, MSG_FAILED, 0);
	msg_put_err(m, why);
	answer(s, m);
	forget(&s->asked);
}

int super_asked(void *role, struct msg *m, struct err *e)
{
	struct super *s = role;
	struct super_asked *q = &s->asked;
	const uint32_t id = m->id;

	if (q->begun || q->conn >= 0)
		return err_set(e, ERR_BUSY, "something else is being done");
	q->conn = msg_take_fd(m);
	msg_move(&q->msg, m);
	if (accept_request(s, e) < 0) {
		refuse(s, m, e);
		return e->code;
	}
	s->wishes |= WISH_ASKED;
	super_watch_now(s); /* who has just edited it asks for what stands there */
	msg_begin(m, SUP_ASKED, id);
	return 0;
}

/* What is said goes to q->out from now on. */
static void point_streams(struct super_asked *q)
{
	fflush(stdout);
	for (int i = 0; i < 2; i++) {
		dup2(q->out[i], STDOUT_FILENO + i);
		close(q->out[i]);
		q->out[i] = -1;
	}
}

/* Roles, hooks and we ourselves say it to the one who asked. Without a way back nothing is
 * begun: all that follows would be said to nobody. */
static int turn_streams(struct super_asked *q, struct err *e)
{
	AUTO_FD int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	AUTO_FD int log = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);

	if (out < 0 || log < 0)
		return err_sys(e, "keep the log");
	point_streams(q);
	q->out[0] = take_fd(&out);
	q->out[1] = take_fd(&log);
	return 0;
}

bool super_asked_begin(struct super *s)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct super_asked *q = &s->asked;
	struct err e;

	if (q->conn < 0)
		return false;
	if (open_stream(q, 0, &m, &e) < 0 || open_stream(q, 1, &m, &e) < 0 ||
	    turn_streams(q, &e) < 0) {
		log_warn("asked by user %u: %s", q->uid, e.text);
		refuse(s, &s->msg, &e); /* asked anew it would fail again, for ever */
		return false;
	}
	q->begun = true;
	q->own = s->request;
	s->request = &q->request;
	return true;
}

void super_asked_end(struct super *s, int status)
{
	struct super_asked *q = &s->asked;

	point_streams(q);
	s->request = q->own;
	role_log(ROLES, s->request, &s->spec);
	log_info("asked by user %u for %s: exit status %d", q->uid,
		 request_word(q->request.command), status);
	msg_begin(&s->msg, CONTROL_DONE, 0);
	msg_put_u64(&s->msg, (uint64_t)status);
	answer(s, &s->msg);
	forget(q);
}
