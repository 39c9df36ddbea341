#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include "agent/role/endpoint.h"
#include "agent/role/messages.h"
#include "agent/super/super.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/http_trust.h"

#define INSPECT_MS 90000 /* the role has limits of its own, and they are smaller */

/* What is handed over, open. */
struct handed {
	enum message type;
	const char *label; /* borrowed; NULL: it has none */
	int fd;            /* owned */
};

struct bag {
	struct handed list[LIMIT_INSPECT_FILES + 2];
	size_t n;
	const char *endpoints[LIMIT_INSPECT_FILES]; /* borrowed */
	size_t n_endpoints;
};

/* Opened with the rights of who asks. A pipe that nobody writes to does not keep us. */
static int open_named(struct bag *bag, enum message type, const char *path,
		      struct err *e)
{
	AUTO_FD int fd = strcmp(path, "-") == 0
			     ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
			     : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return err_set(e, ERR_CONFIG, "%s: is a folder; name the files in it",
			       path);
	bag->list[bag->n++] =
	    (struct handed){ type, type == INSPECT_INPUT ? path : NULL, take_fd(&fd) };
	return 0;
}

/* As everybody does it who verifies TLS: what the environment names, else the system's.
 * Without any, no chain is trusted. */
static void open_trust(struct bag *bag)
{
	const char *named = getenv("SSL_CERT_FILE");
	const char *path = named != NULL ? named : http_trust_bundle();
	struct err ignored;

	if (path != NULL)
		(void)open_named(bag, INSPECT_TRUST, path, &ignored);
}

/* A file of that name is what is meant; else whatever reads as an endpoint. */
static bool is_endpoint(const char *word)
{
	struct endpoint at;
	const bool is = access(word, F_OK) != 0 && endpoint_parse(word, &at);

	if (is)
		endpoint_done(&at);
	return is;
}

/* The password comes before what it opens. */
static int fill(struct bag *bag, const struct request *r, struct err *e)
{
	if (r->secret != NULL)
		TRY(open_named(bag, INSPECT_SECRET, r->secret, e));
	open_trust(bag);
	for (size_t i = 0; i < r->n_names; i++)
		if (is_endpoint(r->names[i]))
			bag->endpoints[bag->n_endpoints++] = r->names[i];
		else
			TRY(open_named(bag, INSPECT_INPUT, r->names[i], e));
	return 0;
}

static void empty(struct bag *bag)
{
	for (size_t i = 0; i < bag->n; i++)
		auto_fd_(&bag->list[i].fd);
}

static int hand_over(struct super *s, struct bag *bag, int sock, struct err *e)
{
	struct msg *m = &s->msg;

	for (size_t i = 0; i < bag->n; i++) {
		msg_begin(m, bag->list[i].type, 0);
		if (bag->list[i].label != NULL)
			msg_put_str(m, bag->list[i].label);
		m->fd = take_fd(&bag->list[i].fd);
		TRY(msg_send(sock, m, e));
	}
	return 0;
}

/* Its exit status. Whoever interrupts us ends it. */
static int await(struct super_proc *p, int sigfd)
{
	const int64_t until_ms = clock_awake_ms() + INSPECT_MS;
	bool interrupted = false;
	int status = -1;

	while (status < 0) {
		struct pollfd fds[] = { { .fd = p->process.pidfd, .events = POLLIN },
					{ .fd = sigfd, .events = POLLIN } };
		int64_t left = until_ms - clock_awake_ms();
		struct signalfd_siginfo info = { .ssi_signo = SIGTERM };

		if (left > 0 && poll(fds, 2, (int)left) < 0) {
			if (errno == EINTR)
				continue;
			left = 0; /* who cannot be waited for is not waited for */
		}
		if (left > 0 && fds[1].revents != 0 &&
		    read(sigfd, &info, sizeof(info)) != (ssize_t)sizeof(info))
			continue;
		interrupted = fds[1].revents != 0 && info.ssi_signo != SIGCHLD;
		if (left <= 0 || interrupted) {
			kill(p->process.pid, interrupted ? SIGIO : SIGKILL);
			poll(fds, 1, -1);
		}
		status = super_reap(p);
	}
	return interrupted ? EXIT_FAILURE : status;
}

static int serve(struct super *s, struct bag *bag, int sock, int sigfd, struct err *e)
{
	TRY(hand_over(s, bag, sock, e));
	for (size_t i = 0; i < bag->n_endpoints; i++)
		TRY(super_served(s, bag->endpoints[i], sock, sigfd, e));
	msg_begin(&s->msg, INSPECT_READY, 0);
	return msg_send(sock, &s->msg, e);
}

int super_inspect(struct super *s, int sigfd, struct err *e)
{
	const struct super_fds none = {
		.snapshot = -1, .peer = -1, .lock = -1, .control = -1
	};
	struct bag bag = { .n = 0 };
	struct super_proc *p;
	int rc, status;

	if (fill(&bag, s->request, e) < 0 ||
	    super_start(s, ROLE_INSPECT, &none, &p, e) < 0) {
		empty(&bag);
		return err_wrap(e, "inspect");
	}
	rc = serve(s, &bag, p->sock, sigfd, e);
	empty(&bag);
	if (rc < 0 && e->sysno != EPIPE) { /* who does not take it all says why */
		kill(p->process.pid, SIGKILL);
		super_end_role(p, clock_awake_ms() + SUPER_STOP_MS);
		return err_wrap(e, "inspect");
	}
	status = await(p, sigfd);
	return status >= EXIT_SANDBOX ? EXIT_FAILURE : status;
}
