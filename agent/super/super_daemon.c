#include "agent/super/super_daemon.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/role/control.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/role/version.h"
#include "agent/super/hookrun.h"
#include "agent/super/super.h"
#include "agent/super/super_responder.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"

#define LOCK_MS 500 /* between looks at a lock that another run holds */

/* What each signal wishes of the daemon; of a run that ends by itself all of them wish
 * that it ends. SIGCHLD only wakes us: hookrun_step() looks after strays. */
static const struct {
	int signo;
	enum super_wish wish;
	const char *said;
} signals[] = {
	{ SIGTERM, WISH_END, "asked to end" },
	{ SIGINT, WISH_END, "interrupted" },
	{ SIGHUP, WISH_RELOAD, "hung up" },
	{ SIGUSR1, WISH_LOOK, "asked to look" },
};

#define N_SIGNALS (sizeof(signals) / sizeof(*signals))

int super_signals(struct err *e)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < N_SIGNALS; i++)
		sigaddset(&set, signals[i].signo);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? err_sys(e, "signalfd") : fd;
}

void super_heed(struct super *s, int sigfd)
{
	struct signalfd_siginfo info;

	if (read(sigfd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	for (size_t i = 0; i < N_SIGNALS; i++) {
		const unsigned wish = s->is_daemon ? signals[i].wish : WISH_END;

		if (signals[i].signo != (int)info.ssi_signo)
			continue;
		if (wish == WISH_END && (s->wishes & WISH_END) == 0) {
			log_info("%s: stopping", signals[i].said);
			super_notify_stopping();
		}
		s->wishes |= wish;
	}
}

void super_not_begun(struct super *s)
{
	if (s->replaced)
		return;
	s->replaced = true;
	s->wishes |= WISH_END;
	log_error("the programs of everleaf were replaced by others while this one, of "
		  "version " EVERLEAF_VERSION
		  ", runs: it ends, and has to be started again");
	super_notify_stopping();
}

/* -- beginning -- */

static bool an_agent_answers(const struct super *s)
{
	int64_t pid, since;

	control_look(spec_text(&s->spec, s->spec.global->runtime_dir), &pid, &since);
	return pid != 0;
}

int super_daemon_store(struct super *s, int sigfd, struct err *e)
{
	struct pollfd p = { .fd = sigfd, .events = POLLIN };
	bool said = false;

	while ((s->wishes & WISH_END) == 0 && super_store(s, e) < 0) {
		if (e->code != ERR_BUSY || an_agent_answers(s))
			return e->code;
		if (!said)
			log_info("%s: waiting until it has ended", e->text);
		said = true;
		super_notify_waiting();
		if (poll(&p, 1, LOCK_MS) > 0)
			super_heed(s, sigfd);
	}
	return 0;
}

/* -- granting -- */

/* The agent finishes what must not be cut. One that only shows has nothing of that, and may
 * wait for somebody who does not read what it says. */
static void stop(struct super *s)
{
	struct super_proc *agent = super_role(s, ROLE_AGENT);
	struct err e;

	s->stopping = true;
	if (agent != NULL && !request_writes(s->request)) {
		s->stop_ms = clock_awake_ms();
		kill(agent->process.pid, SIGIO); /* super_reap() is silent of it */
		return;
	}
	s->stop_ms = clock_awake_ms() + SUPER_ASK_MS;
	super_alive(s, SUPER_STOP_MS);
	msg_begin(&s->msg, ROLE_STOP, 0);
	if (agent != NULL && msg_send(agent->sock, &s->msg, &e) < 0)
		log_warn("stop: %s", e.text);
}

static bool same_text(const struct spec *a, struct text x, const struct spec *b,
		      struct text y)
{
	return strcmp(spec_text(a, x), spec_text(b, y)) == 0;
}

/* What this process holds, and what belongs to those users, it does not give up. */
static int check_places(const struct spec *old, const struct spec *new, struct err *e)
{
	const struct spec_global *o = old->global;
	const struct spec_global *n = new->global;

	if (same_text(old, o->state_dir, new, n->state_dir) &&
	    same_text(old, o->runtime_dir, new, n->runtime_dir) &&
	    memcmp(o->users, n->users, sizeof(o->users)) == 0)
		return 0;
	return err_set(e, ERR_CONFIG,
		       "another state_dir, runtime_dir or users: stop the agent and "
		       "start it again");
}

static void drop_next(struct super *s)
{
	spec_done(&s->next_spec);
	auto_fd_(&s->next_snapshot);
	s->next_snapshot = -1;
}

static bool reload(struct super *s)
{
	struct err e;

	super_notify_reloading();
	if (super_configure(s, &s->next_snapshot, &s->next_spec, &e) == 0 &&
	    check_places(&s->spec, &s->next_spec, &e) == 0) {
		log_info("%s: taken up", s->path);
		return true;
	}
	drop_next(s);
	if (s->replaced)
		return false;
	super_notify_refused();
	log_error("%s; the configuration that was there before stays in force", e.text);
	return false;
}

int64_t super_grant_ms(const struct super *s)
{
	if ((s->wishes & WISH_END) != 0 && !s->stopping)
		return 0;
	return s->wishes == 0 || s->stopping || s->asked.begun ? INT64_MAX
							       : s->peace_ms;
}

void super_grant(struct super *s)
{
	const unsigned wishes = s->wishes;
	bool taken_up;

	if ((wishes & WISH_END) != 0) {
		s->again = false;
		if (!s->stopping)
			stop(s);
		return;
	}
	if (s->asked.begun) { /* what else is wished waits for its end */
		if (s->asked.gone && !s->stopping)
			stop(s);
		return;
	}
	if (wishes == 0 || s->stopping || clock_awake_ms() < s->peace_ms)
		return;
	s->wishes = 0;
	s->look = (wishes & WISH_LOOK) != 0;
	taken_up = (wishes & WISH_RELOAD) != 0 && reload(s);
	if (wishes == WISH_RELOAD && !taken_up)
		return;
	if ((wishes & WISH_LOOK) != 0)
		log_info("looking at everything");
	s->again = true;
	stop(s);
}

/* -- the next tree -- */

static void use_next(struct super *s)
{
	struct spec before = s->spec;

	s->spec = s->next_spec;
	s->next_spec = (struct spec){ .map = NULL };
	auto_fd_(&s->snapshot);
	s->snapshot = take_fd(&s->next_snapshot);
	super_listens_anew(s);
	hookruns_use(s->hooks, &s->spec);
	role_log(ROLES, s->request, &s->spec);
	spec_done(&before);
}

bool super_next(struct super *s, int *status)
{
	const bool again = s->again || s->asked.begun;

	s->cut = *status != EXIT_SUCCESS;
	if (s->asked.begun) {
		super_asked_end(s, *status < 0 || *status == EXIT_CUT ? EXIT_FAILURE
								      : *status);
		*status = EXIT_SUCCESS; /* which was not ours */
	}
	if (!again || (s->wishes & WISH_END) != 0)
		return false;
	s->again = s->stopping = false;
	if (s->next_snapshot >= 0)
		use_next(s);
	super_asked_listen(s);
	listen_forget_lost(&s->listen);
	if (super_asked_begin(s))
		role_log(ROLES, s->request, &s->spec);
	return true;
}
