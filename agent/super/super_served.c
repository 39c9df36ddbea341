#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/signalfd.h>

#include "agent/role/endpoint.h"
#include "agent/role/messages.h"
#include "agent/super/super.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#define SERVED_MS   60000 /* eight addresses of five seconds, and a name look-up */
#define LIMIT_TOLD  64    /* messages of one probe: it has eight addresses at most */
#define LIMIT_LIVES 16    /* certificates that are kept for one endpoint */

/* -- what is live here -- */

/* "*.example.org" is for "www.example.org". */
static bool is_for(const char *name, const char *host)
{
	const char *dot = strchr(host, '.');

	if (strncmp(name, "*.", 2) == 0)
		return dot != NULL && strcasecmp(name + 1, dot) == 0;
	return strcasecmp(name, host) == 0;
}

/* It is probed there, or has that name. */
static bool is_kept_for(const struct spec *s, const struct spec_cert *c,
			const struct endpoint *at)
{
	for (uint32_t i = 0; i < c->probes.n; i++) {
		const struct spec_probe *p = &s->probes[c->probes.first + i];
		const char *port = spec_text(s, p->port);

		if (strcmp(spec_text(s, p->host), at->host) == 0 &&
		    strcmp(port == NULL ? "" : port,
			   at->port == NULL ? "" : at->port) == 0)
			return true;
	}
	for (uint32_t i = 0; i < c->names.n; i++)
		if (is_for(spec_text(s, s->names[c->names.first + i].value), at->host))
			return true;
	return false;
}

static int tell_live(struct super *s, const struct spec *spec, uint32_t cert, int sock,
		     struct err *e)
{
	const char *name = spec_text(spec, spec->certs[cert].name);
	AUTO_FREE char *path =
	    xasprintf("%s/live/%s/cert.pem", spec_text(spec, spec->global->state_dir),
		      name);
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return 0; /* nothing yet, or not for who asks to see */
	msg_begin(&s->msg, INSPECT_LIVE, 0);
	msg_put_str(&s->msg, name);
	s->msg.fd = take_fd(&fd);
	return msg_send(sock, &s->msg, e);
}

/* A configuration need not be there, nor be valid. */
static int tell_lives(struct super *s, const struct endpoint *at, int sock,
		      struct err *e)
{
	AUTO_SPEC struct spec spec = { 0 };
	AUTO_FD int snapshot = -1;
	struct err ignored;
	unsigned told = 0;

	if (access(s->path, R_OK) != 0 ||
	    super_configure(s, &snapshot, &spec, &ignored) < 0)
		return 0;
	for (uint32_t i = 0; i < spec.n[SPEC_CERTS] && told < LIMIT_LIVES; i++) {
		if (!is_kept_for(&spec, &spec.certs[i], at))
			continue;
		told++;
		TRY(tell_live(s, &spec, i, sock, e));
	}
	return 0;
}

/* -- what is served -- */

/* Until it says something. Whoever interrupts us does not want to know any more. */
static int await(int sock, int sigfd, int64_t until_ms, struct err *e)
{
	for (;;) {
		struct pollfd fds[] = { { .fd = sock, .events = POLLIN },
					{ .fd = sigfd, .events = POLLIN } };
		struct signalfd_siginfo info = { .ssi_signo = SIGCHLD };
		const int64_t left = until_ms - clock_awake_ms();

		if (left <= 0)
			return err_set(e, ERR_LIMIT, "the probe does not end");
		if (poll(fds, 2, (int)left) < 0) {
			if (errno != EINTR)
				return err_sys(e, "poll");
			continue;
		}
		if (fds[1].revents != 0 &&
		    read(sigfd, &info, sizeof(info)) == (ssize_t)sizeof(info) &&
		    info.ssi_signo != SIGCHLD)
			return err_set(e, ERR_LIMIT, "interrupted");
		if (fds[0].revents != 0)
			return 0;
	}
}

/* Pass on what it tells as it is, until it has answered. */
static int relay(struct super *s, int probe, int sock, int sigfd, struct err *e)
{
	const int64_t until_ms = clock_awake_ms() + SERVED_MS;
	struct msg *m = &s->msg;

	for (unsigned told = 0; told < LIMIT_TOLD; told++) {
		TRY(await(probe, sigfd, until_ms, e));
		TRY(msg_recv(probe, m, e));
		if (m->type == PROBE_SHOW)
			return 0;
		if (m->type == MSG_FAILED) {
			msg_get_err(m, e);
			return e->code;
		}
		if (m->type != PROBE_SHOWN || m->fd >= 0)
			break;
		m->type = INSPECT_SERVED;
		TRY(msg_send(sock, m, e));
	}
	return err_set(e, ERR_PROTO, "the probe says what it must not");
}

static int ask(struct super *s, const char *label, const struct endpoint *at, int probe,
	       struct err *e)
{
	const bool has_scheme = strstr(label, "://") != NULL || at->port == NULL;

	msg_begin(&s->msg, PROBE_SHOW, 1);
	msg_put_str(&s->msg, label);
	msg_put_str(&s->msg, at->host);
	msg_put_str(&s->msg, at->port);
	msg_put_u64(&s->msg, has_scheme ? at->proto : endpoint_usual(at->port));
	return msg_send(probe, &s->msg, e);
}

int super_served(struct super *s, const char *endpoint, int sock, int sigfd,
		 struct err *e)
{
	AUTO_ENDPOINT struct endpoint at = { .host = NULL };
	struct super_proc *proc;
	AUTO_FD int probe = -1;
	int rc;

	if (!endpoint_parse(endpoint, &at))
		return err_set(e, ERR_CONFIG, "%s: no endpoint", endpoint);
	TRY(tell_lives(s, &at, sock, e));
	TRY(super_start_peer(s, ROLE_PROBE, -1, &proc, &probe, e));
	rc = ask(s, endpoint, &at, probe, e);
	if (rc == 0)
		rc = relay(s, probe, sock, sigfd, e);
	super_end_role(proc, clock_awake_ms() + SUPER_STOP_MS);
	return rc < 0 ? err_wrap(e, "%s", endpoint) : 0;
}
