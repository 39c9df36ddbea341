#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/role/control.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/role/output.h"
#include "agent/role/roles.h"
#include "agent/role/spec.h"
#include "agent/role/version.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/msg.h"

#define ASK_MS    60000 /* for an agent that is about to be another */
#define GLANCE_MS 10000 /* for one that has other things to do */
#define SAY_MS    10000 /* until who waits is told why */
#define COPY_MS   100   /* what the tree says appears in such steps */

/* One of the two streams of the tree: what it has said, in memory. */
struct stream {
	int from; /* owned */
	int to;
	off_t at;
	int lost; /* why the rest is; 0: nothing is, EPIPE: nobody listens */
};

struct asking {
	int sock;
	struct stream streams[2];
	int patience_ms; /* until it begins; -1: for ever, */
	int64_t say_ms; /* ... which is said then, clock_boot_ms(); INT64_MAX: it was */
	bool begun;
	bool done;
	int status;
};

static void copy(struct stream *s)
{
	char buf[8192];
	ssize_t n;

	while (s->from >= 0 && s->lost == 0 &&
	       (n = pread(s->from, buf, sizeof(buf), s->at)) > 0) {
		if (!output_write(s->to, buf, (size_t)n))
			s->lost = errno;
		s->at += n;
	}
}

static int take(struct asking *a, struct msg *m, struct err *e)
{
	uint64_t number;

	switch (m->type) {
	case CONTROL_OUTPUT:
		number = msg_get_u64(m);
		TRY(msg_end(m, e));
		if (number > 1 || a->streams[number].from >= 0)
			return err_set(e, ERR_PROTO, "the agent has no such stream");
		a->streams[number].from = msg_take_fd(m);
		a->begun = true;
		return 0;
	case CONTROL_DONE:
		number = msg_get_u64(m);
		TRY(msg_end(m, e));
		if (number > UINT8_MAX)
			return err_set(e, ERR_PROTO,
				       "the agent has told no exit status");
		a->status = (int)number;
		a->done = true;
		return 0;
	case MSG_FAILED:
		msg_get_err(m, e);
		return e->code;
	default:
		return err_set(e, ERR_PROTO, "message %u from the agent", m->type);
	}
}

static int wait_ms(const struct asking *a)
{
	const int64_t left = a->say_ms - clock_boot_ms();

	if (a->begun)
		return COPY_MS;
	if (a->patience_ms >= 0 || a->say_ms == INT64_MAX)
		return a->patience_ms;
	return left > 0 ? (int)left : 0;
}

/* True: it goes on. */
static bool still_waits(struct asking *a)
{
	if (a->begun || a->patience_ms >= 0)
		return a->begun;
	log_warn("the agent is at work for somebody else: waiting until it has done "
		 "that");
	a->say_ms = INT64_MAX;
	return true;
}

static int follow(struct asking *a, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;
	int rc = 0;

	while (!a->done && rc == 0) {
		struct pollfd p = { .fd = a->sock, .events = POLLIN };
		int n = poll(&p, 1, wait_ms(a));

		if (n == 0 && !still_waits(a))
			rc = err_set(e, ERR_BUSY, "the agent does not answer");
		if (n < 0 && errno != EINTR)
			rc = err_sys(e, "poll");
		if (n > 0)
			rc = msg_recv(a->sock, &m, e);
		if (n > 0 && rc == 0)
			rc = take(a, &m, e);
		for (size_t i = 0; i < 2; i++)
			copy(&a->streams[i]);
	}
	return rc;
}

static int put_question(struct asking *a, const struct sockaddr_un *sa,
			const struct request *r, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;
	AUTO_FD int sock = control_connect(sa, 0);

	if (sock < 0)
		return err_set(e, ERR_BUSY, "%s: %s", sa->sun_path, strerror(errno));
	a->sock = sock;
	msg_begin(&m, CONTROL_ASK, 1);
	msg_put_str(&m, EVERLEAF_VERSION);
	request_put(&m, r);
	TRY(msg_send(sock, &m, e));
	TRY(follow(a, e));
	/* Who does not listen is told the exit status. */
	if (a->streams[0].lost != 0 && a->streams[0].lost != EPIPE)
		a->status =
		    role_unprinted(a->status, request_prints(r), a->streams[0].lost);
	return 0;
}

/* Ask once. ERR_NET and not begun: it was none of its business any more. */
static int ask(struct asking *a, const struct sockaddr_un *sa, const struct request *r,
	       struct err *e)
{
	sigset_t none, before;
	int rc;

	sigemptyset(&none); /* a person ends this, and with it what was asked for */
	sigprocmask(SIG_SETMASK, &none, &before);
	rc = put_question(a, sa, r, e);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return rc;
}

static struct asking asking_for(int patience_ms)
{
	return (struct asking){ .streams = { { -1, STDOUT_FILENO, 0, 0 },
					     { -1, STDERR_FILENO, 0, 0 } },
				.patience_ms = patience_ms,
				.say_ms = clock_boot_ms() + SAY_MS };
}

/* The same; *since_ms is when an agent last let go of us that had us wait. */
static int ask_kept(struct asking *a, const struct sockaddr_un *sa,
		    const struct request *r, int64_t *since_ms, struct err *e)
{
	const int64_t began_ms = clock_boot_ms();
	const int rc = ask(a, sa, r, e);

	if (clock_boot_ms() - began_ms > COPY_MS)
		*since_ms = clock_boot_ms();
	return rc;
}

/* As long as one has to wait: an agent that is about to be another, or at work for
 * somebody else. ERR_NET and begun: it has ended with what was asked for. */
static int ask_patiently(struct asking *a, const struct sockaddr_un *sa,
			 const struct request *r, struct err *e)
{
	int64_t since_ms = clock_boot_ms();
	int rc;

	while ((rc = ask_kept(a, sa, r, &since_ms, e)) == ERR_NET && !a->begun &&
	       clock_boot_ms() < since_ms + ASK_MS)
		(void)poll(NULL, 0, COPY_MS);
	return rc == ERR_NET ? err_set(e, ERR_NET, "the agent has ended") : rc;
}

static void asked(struct asking *a)
{
	auto_fd_(&a->streams[0].from);
	auto_fd_(&a->streams[1].from);
}

int control_ask(const char *runtime_dir, const struct request *r, struct err *e)
{
	struct asking a = asking_for(-1);
	struct sockaddr_un sa;
	int rc;

	TRY(control_address(runtime_dir, &sa, e));
	rc = ask_patiently(&a, &sa, r, e);
	asked(&a);
	return rc < 0 ? rc : a.status;
}

int control_glance(const char *runtime_dir, const char *path, const struct request *r,
		   struct err *e)
{
	struct asking a = asking_for(request_shows(r) ? GLANCE_MS : -1);
	struct request marked = *r;
	struct sockaddr_un sa;
	struct stat st;
	int rc;

	if (runtime_dir == NULL || stat(path, &st) < 0 ||
	    control_address(runtime_dir, &sa, e) < 0)
		return ERR_BUSY;
	marked.mark = spec_mark(&st);
	rc = request_shows(r) ? ask(&a, &sa, &marked, e)
			      : ask_patiently(&a, &sa, &marked, e);
	asked(&a);
	if (rc < 0)
		return a.begun ? rc : ERR_BUSY;
	return a.status;
}

void control_look(const char *runtime_dir, int64_t *pid, int64_t *since)
{
	struct sockaddr_un sa;
	struct ucred who = { .pid = 0 };
	socklen_t len = sizeof(who);
	AUTO_FD int fd = -1;
	struct stat st;
	struct err e;

	*pid = *since = 0;
	if (control_address(runtime_dir, &sa, &e) < 0)
		return;
	fd = control_connect(&sa, SOCK_NONBLOCK);
	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 ||
	    stat(sa.sun_path, &st) < 0)
		return;
	*pid = who.pid; /* of who listens, unix(7): the supervisor */
	*since = st.st_mtim.tv_sec;
}
