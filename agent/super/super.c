#include "agent/super/super.h"
#include "agent/super/super_daemon.h"
#include "agent/super/super_enrol.h"
#include "agent/super/super_hook.h"
#include "agent/super/super_lint.h"
#include "agent/super/super_responder.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "agent/command/complete.h"
#include "agent/role/control.h"
#include "agent/role/keeper_state.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/super/hookrun.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

/* -- requests of the agent -- */

static int on_worker(void *super, struct msg *m, struct err *e)
{
	const enum role role = m->type == SUP_PROBE ? ROLE_PROBE : ROLE_WORKER;
	struct super *s = super;
	struct super_proc *p;
	uint32_t id = m->id, type = m->type;
	int agents;

	TRY(msg_end(m, e));
	TRY(super_start_peer(s, role, s->snapshot, &p, &agents, e));
	msg_begin(&s->msg, type, id);
	s->msg.fd = agents;
	return 0;
}

/* It decides from now on, and this is what comes next. */
static int on_ready(void *super, struct msg *m, struct err *e)
{
	struct super *s = super;

	const char *next = msg_get_str(m);

	TRY(msg_end(m, e));
	super_notify_ready(s, next);
	if (s->peace_ms > clock_awake_ms() + SUPER_PEACE_MS)
		s->peace_ms = clock_awake_ms() + SUPER_PEACE_MS;
	m->type = MSG_LATER; /* never */
	return 0;
}

/* Who only looks needs none of them. */
static const struct msg_rule rules[] = {
	{ SUP_HOOK, 1u << KEEPER_RENEWS, super_hook },
	{ SUP_PROGRAM, 1u << KEEPER_RENEWS, super_program },
	{ SUP_ENROL, 1u << KEEPER_RENEWS, super_enrol },
	{ SUP_WORKER, 1u << KEEPER_RENEWS | 1u << KEEPER_OPENS | 1u << KEEPER_CHECKS,
	  on_worker },
	{ SUP_PROBE, 1u << KEEPER_RENEWS | 1u << KEEPER_CHECKS, on_worker },
	{ SUP_RESPONDER, 1u << KEEPER_RENEWS, super_responder },
	{ SUP_REACH, 1u << KEEPER_RENEWS, super_reach },
	{ SUP_READY, 1u << KEEPER_RENEWS, on_ready },
	{ SUP_ASKED, 1u << KEEPER_RENEWS, super_asked },
};

static int serve(struct super *s, struct super_proc *p, struct err *e)
{
	struct msg *m = &s->msg;
	uint32_t id;
	int rc;

	TRY(msg_recv(p->sock, m, e));
	id = m->id;
	if (p->role != ROLE_AGENT)
		return err_set(e, ERR_PROTO, "the %s may ask nothing",
			       role_name(p->role));
	rc = msg_dispatch(rules, sizeof(rules) / sizeof(*rules),
			  keeper_state_for(s->request), s, m, e);
	if (rc < 0) {
		msg_begin(m, MSG_FAILED, id);
		msg_put_err(m, e);
	}
	if (m->type == MSG_LATER)
		return 0;
	rc = msg_send(p->sock, m, e);
	/* A worker ends when no copy of its other end is left. */
	auto_fd_(&m->fd);
	m->fd = -1;
	return rc;
}

/* -- the tree -- */

static int start_core(struct super *s, struct err *e)
{
	struct super_proc *p;
	AUTO_FD int a = -1;
	AUTO_FD int b = -1;

	TRY(msg_pair(&a, &b, e));
	TRY(super_start(s, ROLE_KEEPER,
			&(struct super_fds){ s->snapshot, a, s->lock, -1 }, &p, e));
	return super_start(s, ROLE_AGENT,
			   &(struct super_fds){ s->snapshot, b, s->lock,
						s->asked.listener },
			   &p, e);
}

static void check_socket(struct super *s, struct super_proc *p)
{
	struct err e = { 0 };

	if (serve(s, p, &e) == 0)
		return;
	if (e.code != ERR_NET)
		log_error("%s: %s; its connection is closed", role_name(p->role),
			  e.text);
	super_let_go(p);
}

#define POLL_ASKED (1 + 2 * SUPER_PROCS)
#define POLL_WATCH (POLL_ASKED + 1)
#define POLL_FIXED (POLL_WATCH + 1)

#define DEAF_MAX 10 /* the kernel may be short of memory for a moment */

static void poll_set(struct super *s, int sigfd, struct pollfd *fds)
{
	fds[0] = (struct pollfd){ .fd = sigfd, .events = POLLIN };
	for (size_t i = 0; i < SUPER_PROCS; i++) {
		const struct super_proc *p = &s->procs[i];

		fds[1 + 2 * i] = (struct pollfd){ .fd = p->sock, .events = POLLIN };
		fds[2 + 2 * i] =
		    (struct pollfd){ .fd = p->process.pidfd, .events = POLLIN };
	}
	fds[POLL_ASKED] = (struct pollfd){
		.fd = s->asked.begun && !s->asked.gone ? s->asked.conn : -1,
	};
	fds[POLL_WATCH] = (struct pollfd){ .fd = s->watch.watch.fd, .events = POLLIN };
}

static int poll_timeout(const struct super *s)
{
	int64_t at = hookrun_wake_ms(s->hooks);
	int64_t left = super_grant_ms(s);

	if (left < at)
		at = left;
	left = super_watch_ms(s);
	if (left < at)
		at = left;
	left = super_feed_ms(s);
	if (left < at)
		at = left;
	if (s->stopping && s->stop_ms < at)
		at = s->stop_ms;
	if (s->listen_until_ms != 0 && s->listen_until_ms < at)
		at = s->listen_until_ms;
	if (at == INT64_MAX)
		return -1;
	left = at - clock_awake_ms();
	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/* False: nothing can be waited for any more. */
static bool wait_for(struct super *s, struct pollfd *fds, size_t n)
{
	if (poll(fds, n, poll_timeout(s)) >= 0 || errno == EINTR) {
		s->deaf = 0;
		return true;
	}
	log_warn("poll: %s", strerror(errno));
	return ++s->deaf < DEAF_MAX;
}

/* A daemon's agent has no reason to be done, and the service manager would have none to
 * start it again. */
static bool is_unasked(const struct super *s, int ended)
{
	return ended == EXIT_SUCCESS && s->is_daemon && !s->stopping && !s->asked.begun;
}

/* One round. Returns the agent's exit status, or -1 while it runs. */
static int turn(struct super *s, int sigfd)
{
	struct pollfd fds[POLL_FIXED + HOOKRUN_FDS];
	size_t n = POLL_FIXED;
	int status = -1;

	poll_set(s, sigfd, fds);
	n += hookrun_pollfds(s->hooks, fds + n, HOOKRUN_FDS);
	if (!wait_for(s, fds, n))
		return EXIT_FAILURE;
	if (fds[0].revents != 0)
		super_heed(s, sigfd);
	s->asked.gone = s->asked.gone || fds[POLL_ASKED].revents != 0;
	if (fds[POLL_WATCH].revents != 0)
		super_watch_heed(s);
	super_watch_check(s);
	super_grant(s);
	super_feed(s);
	hookrun_step(s->hooks);
	super_hooks_ended(s);
	super_responder_check(s);
	for (size_t i = 0; i < SUPER_PROCS; i++) {
		struct super_proc *p = &s->procs[i];

		if (fds[1 + 2 * i].revents != 0 && p->sock >= 0)
			check_socket(s, p);
		if (fds[2 + 2 * i].revents != 0 && p->process.pidfd >= 0) {
			enum role role = p->role;
			int ended = super_reap(p);

			if (role == ROLE_AGENT && ended >= 0)
				status = is_unasked(s, ended) ? EXIT_AGAIN : ended;
			if ((role == ROLE_RESPONDER || role == ROLE_ALPN) && ended >= 0)
				super_responder_ended(s, ended);
			if (role != ROLE_AGENT && ended > 0 && ended < 128 &&
			    ended != EXIT_AGAIN && ended != EXIT_OTHER)
				log_warn("the %s ended with status %d", role_name(role),
					 ended);
		}
	}
	if (status < 0 && s->stopping && clock_awake_ms() >= s->stop_ms)
		return EXIT_CUT;
	return status;
}

static bool start_over(struct super *s, int status)
{
	if (status < 128 && status != EXIT_AGAIN)
		return false;
	if (s->stopping || s->replaced)
		return false;
	if (clock_awake_ms() - s->restarted_ms > ROLE_QUIET_MS)
		s->restarts = 0;
	s->restarted_ms = clock_awake_ms();
	if (s->restarts++ >= SUPER_RESTARTS) {
		log_error("agent or keeper died again (status %d) after %d new starts: "
			  "giving up",
			  status, SUPER_RESTARTS);
		return false;
	}
	s->cut = true;
	log_warn("agent or keeper ended (status %d): starting again from disk", status);
	return true;
}

/* Runs are told apart by chance alone: a clock jumps, a number of a process comes again. */
static uint64_t draw(void)
{
	uint64_t run;
	ssize_t n;

	do /* while the host starts it waits, and may be interrupted */
		n = getrandom(&run, sizeof(run), 0);
	while (n < 0 && errno == EINTR);
	assert(n == (ssize_t)sizeof(run)); /* so few bytes never fail, getrandom(2) */
	return run;
}

static int run_tree(struct super *s, int sigfd, struct err *e)
{
	int status;

	s->run = draw();
	s->restarts = 0;
	do {
		s->peace_ms = clock_awake_ms() + SUPER_BEGIN_MS;
		super_alive(s, s->asked.begun ? SUPER_ASKED_MS : SUPER_BEGIN_MS);
		if (start_core(s, e) < 0) {
			super_end_roles(s, 0);
			return e->code;
		}
		do
			status = turn(s, sigfd);
		while (status < 0);
		super_end_roles(s, s->stopping ? SUPER_LAST_MS : SUPER_STOP_MS);
		super_responder_ended(s, status);
		hookruns_orphan(s->hooks);
	} while (start_over(s, status));
	return status >= EXIT_SANDBOX && status != EXIT_CUT ? EXIT_FAILURE : status;
}

/* -- beginning -- */

static int exit_status(const struct err *e)
{
	if (e->code == ERR_BUSY)
		return EXIT_LOCKED;
	return e->code == ERR_CONFIG ? EXIT_USAGE : EXIT_FAILURE;
}

static void say_valid(const struct super *s)
{
	static const struct {
		enum spec_table table;
		const char *word;
	} counts[] = {
		{ SPEC_CERTS, "certificate" },
		{ SPEC_ISSUERS, "issuer" },
		{ SPEC_HOOKS, "hook" },
	};

	if ((s->request->flags & REQUEST_QUIET) != 0)
		return;
	printf("%s: valid", s->path);
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		uint32_t n = s->spec.n[counts[i].table];

		printf("%s %u %s%s", i == 0 ? ":" : ",", n, counts[i].word,
		       n == 1 ? "" : "s");
	}
	puts("");
	fflush(stdout);
}

/* Before anything is read or started; ERR_BUSY: it is for us to do. */
static int ask_first(const struct super *s, struct err *e)
{
	const struct request *r = s->request;

	if (s->is_daemon || !(request_shows(r) || request_writes(r)))
		return ERR_BUSY;
	return control_glance(s->home_runtime, s->path, r, e);
}

/* An agent has the lock, and cannot be asked: so its socket may have been removed. */
static void say_unheard(const struct err *why, struct err *e)
{
	const struct err held = *e;

	err_set(e, ERR_BUSY,
		"%s; it is an agent, and cannot be asked: %s (SIGUSR1 has it "
		"make the socket anew)",
		held.text, why->text);
}

/* The lock is held, or not for us to take: perhaps by an agent, which does it. */
static int ask_agent(struct super *s, struct err *e)
{
	struct err why;
	int status;

	if (s->is_daemon || (e->code != ERR_BUSY && e->sysno != EACCES))
		return e->code;
	status = control_ask(spec_text(&s->spec, s->spec.global->runtime_dir),
			     s->request, &why);

	if (status < 0 && status != ERR_BUSY)
		*e = why;
	else if (status == ERR_BUSY && s->is_agents)
		say_unheard(&why, e);
	return status < 0 ? e->code : status;
}

/* What an agent remembers is its owner's alone. */
static bool is_closed(const struct super *s)
{
	const char *state = spec_text(&s->spec, s->spec.global->state_dir);
	AUTO_FREE char *own = xasprintf("%s/agent", state);

	return faccessat(AT_FDCWD, own, R_OK | X_OK, AT_EACCESS) < 0 && errno == EACCES;
}

static int show(const struct super *s, struct err *e)
{
	const int status = control_ask(spec_text(&s->spec, s->spec.global->runtime_dir),
				       s->request, e);

	if (status != ERR_BUSY)
		return status;
	e->code = ERR_SYS;
	return err_wrap(e, "%s: Permission denied, and no agent shows what it holds",
			spec_text(&s->spec, s->spec.global->state_dir));
}

static int run(struct super *s, struct err *e)
{
	AUTO_FD int sigfd = super_signals(e);
	int status;

	if (sigfd < 0)
		return e->code;
	if (s->request->command == COMMAND_INSPECT)
		return super_inspect(s, sigfd, e);
	status = ask_first(s, e);
	if (status != ERR_BUSY)
		return status;
	TRY(super_configure(s, &s->snapshot, &s->spec, e));
	if ((s->request->flags & REQUEST_NAMES) != 0) {
		complete_names(&s->spec, (enum complete_names)s->request->step,
			       s->request->names[0]);
		return EXIT_SUCCESS;
	}
	TRY(super_reach_state(s, e));
	if (s->request->command == COMMAND_CHECK) {
		say_valid(s);
		TRY(super_lint(s, e));
		if ((s->request->flags & REQUEST_ONLINE) == 0)
			return EXIT_SUCCESS;
	}
	if (request_shows(s->request) && is_closed(s))
		return show(s, e);
	if (s->request->command == COMMAND_STATUS)
		control_look(spec_text(&s->spec, s->spec.global->runtime_dir),
			     &s->agent_pid, &s->agent_since);
	if (s->is_daemon)
		role_log(ROLES, s->request, &s->spec);
	if ((s->is_daemon ? super_daemon_store(s, sigfd, e) : super_store(s, e)) < 0)
		return ask_agent(s, e);
	if (s->is_daemon && s->lock < 0)
		return EXIT_SUCCESS;
	if (s->is_daemon) {
		s->agent_pid = getpid();
		s->agent_since = clock_now();
		super_asked_listen(s);
		super_notify_begin(s);
	}
	s->hooks = hookruns_new(&s->spec);
	super_listens(s);
	do
		status = run_tree(s, sigfd, e);
	while (super_next(s, &status));
	super_asked_unlisten(s);
	if (status == EXIT_SUCCESS)
		super_release(s);
	hookruns_free(s->hooks);
	if (status == EXIT_CUT) /* a daemon has done what it was asked to */
		status = s->is_daemon ? EXIT_SUCCESS : EXIT_FAILURE;
	return s->replaced ? EXIT_FAILURE : status;
}

static void finish(struct super *s)
{
	free(s->home_state);
	free(s->home_runtime);
	free(s->hooks_dir);
	free(s->programs);
	free(s->host_id);
	auto_fd_(&s->config);
	auto_fd_(&s->snapshot);
	auto_fd_(&s->next_snapshot);
	auto_fd_(&s->lock);
	auto_fd_(&s->asked.listener);
	listen_close(&s->listen, ~0u);
	super_given_end(s);
	super_watch_end(s);
	spec_done(&s->spec);
	spec_done(&s->next_spec);
	msg_done(&s->msg);
}

int supervise(const struct request *request, const char *path)
{
	struct super s = { .request = request,
			   .path = path,
			   .is_daemon = request->command == COMMAND_AGENT,
			   .msg = MSG_NONE };
	struct err e = { 0 };
	int status;

	s.config = s.snapshot = s.next_snapshot = s.lock = -1;
	s.asked.listener = s.asked.conn = s.asked.out[0] = s.asked.out[1] = -1;
	s.asked.msg = (struct msg)MSG_NONE;
	s.watch.watch = (struct watch)WATCH_NONE;
	for (size_t i = 0; i < SUPER_PROCS; i++)
		s.procs[i] =
		    (struct super_proc){ .process = { .pidfd = -1 }, .sock = -1 };
	s.is_root = geteuid() == 0;
	super_given(&s);
	umask(022); /* what we make is for roles of other users, too */
	super_places(&s);
	status = run(&s, &e);
	if (status < 0)
		status = role_fail(request, &e, exit_status(&e));
	finish(&s);
	return status;
}
