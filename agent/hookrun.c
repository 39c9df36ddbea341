#include "agent/hookrun.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/hookrun_out.h"
#include "agent/hookrun_stray.h"
#include "agent/log.h"
#include "agent/spawn.h"
#include "agent/spec.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "hooks/child.h"

#define GRACE_MS 2000 /* from SIGTERM to SIGKILL; from then on, to giving up */
#define TICK_MS  20   /* strays have no descriptor to poll */

enum phase {
	PHASE_RUN,
	PHASE_TERM,
	PHASE_KILL,
};

struct run {
	uint32_t ids[HOOKRUN_IDS_MAX];
	size_t n_ids;
	uint32_t hook;
	bool test;
	char *name; /* owned: the run may outlive the snapshot */
	char mark[64];
	struct spawned p; /* not reaped before all of the run has ended, so that its
			     number cannot become another's session */
	int out;          /* owned; -1: closed by the hook */
	int64_t started_ms;
	int64_t limit_ms;
	enum phase phase;
	int64_t next_ms; /* when this phase is over */
	struct hookrun_out said;
};

struct hookruns {
	const struct spec *spec; /* borrowed */
	struct run runs[HOOKRUN_MAX];
	size_t n;
	struct hookrun_result *results; /* owned; the oldest first */
	size_t n_results;
	uint64_t n_started;
};

struct hookruns *hookruns_new(const struct spec *spec)
{
	struct hookruns *h = xcalloc(1, sizeof(*h));

	prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L);
	h->spec = spec;
	return h;
}

void hookruns_use(struct hookruns *h, const struct spec *spec)
{
	h->spec = spec;
	for (size_t i = 0; i < h->n; i++)
		h->runs[i].hook = spec_hook_called(spec, h->runs[i].name);
}

void hookruns_orphan(struct hookruns *h)
{
	for (size_t i = 0; i < h->n; i++) {
		h->runs[i].ids[0] = 0;
		h->runs[i].n_ids = 1;
	}
	for (size_t i = 0; i < h->n_results; i++)
		h->results[i].id = 0;
}

static void add_result(struct hookruns *h, const struct hookrun_result *r)
{
	h->results = xrealloc(h->results, h->n_results + 1, sizeof(*h->results));
	h->results[h->n_results++] = *r;
}

/* --- starting --- */

static void child(const void *arg)
{
	hook_child(arg);
}

static const char *home_of(const struct hookruns *h, const struct spec_hook *hook)
{
	const char *home = spec_text(h->spec, hook->home);

	if (home == NULL)
		home = geteuid() == 0 ? "/root" : getenv("HOME");
	return home != NULL ? home : "/";
}

static int launch(struct hookruns *h, struct run *r, const struct spec_hook *hook,
		  const struct hookrun_start *s, struct err *e)
{
	AUTO_FREE const char **argv =
	    spec_words(h->spec, s->test ? hook->test : hook->run);
	struct hook_child c = {
		.argv = argv,
		.in = s->in,
		.uid = hook->uid,
		.gid = hook->gid,
		.user = spec_text(h->spec, hook->user),
	};
	struct hook_call call = s->call;
	char **env = NULL;
	int pipes[2], rc;

	call.hook = r->name;
	TRY(hook_env(&call, home_of(h, hook), strchr(r->mark, '=') + 1, &env, e));
	if (pipe2(pipes, O_CLOEXEC) != 0) {
		hook_env_free(env);
		return err_sys(e, "pipe");
	}
	fcntl(pipes[0], F_SETFL, O_NONBLOCK); /* our end only */
	c.env = env;
	c.out = pipes[1];
	rc = spawn(child, &c, &r->p, e);
	hook_env_free(env);
	close(pipes[1]);
	r->out = pipes[0];
	if (rc < 0)
		auto_fd_(&r->out);
	return rc;
}

static int begin(struct hookruns *h, const struct spec_hook *hook,
		 const struct hookrun_start *s, struct err *e)
{
	int64_t now = clock_boot_ms();
	struct run *r = &h->runs[h->n];

	*r = (struct run){
		.ids = { s->id },
		.n_ids = 1,
		.hook = s->hook,
		.test = s->test,
		.name = xstrdup(spec_text(h->spec, hook->name)),
		.started_ms = now,
		.limit_ms = (int64_t)hook->timeout_s * 1000,
		.next_ms = now + (int64_t)hook->timeout_s * 1000,
	};
	snprintf(r->mark, sizeof(r->mark), "EVERLEAF_RUN=%d.%" PRIu64, getpid(),
		 ++h->n_started);
	hookrun_out_init(&r->said, r->name);
	if (launch(h, r, hook, s, e) < 0) {
		auto_free_(&r->name);
		return e->code;
	}
	h->n++;
	return 0;
}

static int join(struct run *r, uint32_t id, struct err *e)
{
	if (r->n_ids == HOOKRUN_IDS_MAX)
		return err_set(e, ERR_BUSY, "hook %s: %d requests wait for it", r->name,
			       HOOKRUN_IDS_MAX);
	r->ids[r->n_ids++] = id;
	return 0;
}

static struct run *running(struct hookruns *h, uint32_t hook, bool test)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->runs[i].hook == hook && h->runs[i].test == test)
			return &h->runs[i];
	return NULL;
}

int hookrun_start(struct hookruns *h, const struct hookrun_start *s, struct err *e)
{
	struct hookrun_result failed = {
		.id = s->id,
		.hook = s->hook,
		.test = s->test,
	};
	const struct spec_hook *hook;
	struct run *r;

	if (s->hook >= h->spec->n[SPEC_HOOKS])
		return err_set(e, ERR_PROTO, "there is no hook %u", s->hook);
	r = running(h, s->hook, s->test);
	if (r != NULL)
		return join(r, s->id, e);
	hook = &h->spec->hooks[s->hook];
	if ((s->test ? hook->test : hook->run).n == 0)
		return err_set(e, ERR_PROTO, "hook %u has nothing to run", s->hook);
	if (h->n == HOOKRUN_MAX)
		return err_set(e, ERR_BUSY, "%d hooks run already", HOOKRUN_MAX);
	if (begin(h, hook, s, e) < 0) {
		snprintf(failed.text, sizeof(failed.text), "not started: %.*s",
			 (int)sizeof(failed.text) - 16, e->text);
		add_result(h, &failed);
	}
	return 0;
}

/* --- ending --- */

static bool has_ended(const struct run *r)
{
	siginfo_t end = { 0 };

	/* Not whether its descriptor is ready: under a debugger that comes before it can
	 * be waited for. */
	return waitid(P_PIDFD, (id_t)r->p.pidfd, &end, WEXITED | WNOHANG | WNOWAIT) ==
		   0 &&
	       end.si_pid != 0;
}

static void tell(const struct run *r, const siginfo_t *end, struct hookrun_result *res)
{
	const char *sep = r->said.last[0] != '\0' ? ": " : "";
	char what[64];

	if (res->ok)
		return;
	if (res->timed_out)
		snprintf(what, sizeof(what), "ran longer than %" PRId64 "s",
			 r->limit_ms / 1000);
	else if (end->si_code == CLD_EXITED)
		snprintf(what, sizeof(what), "exited with %d", end->si_status);
	else
		snprintf(what, sizeof(what), "killed by signal %d", end->si_status);
	snprintf(res->text, sizeof(res->text), "%s%s%s", what, sep, r->said.last);
}

/* The result for every id; r is let go. */
static void finish(struct hookruns *h, struct run *r)
{
	siginfo_t end = { 0 };
	struct hookrun_result res = {
		.hook = r->hook,
		.test = r->test,
		.timed_out = r->phase != PHASE_RUN,
		.ms = clock_boot_ms() - r->started_ms,
	};

	hookrun_out_end(&r->said);
	if (waitid(P_PIDFD, (id_t)r->p.pidfd, &end, WEXITED | WNOHANG) != 0 ||
	    end.si_pid == 0)
		log_warn("hook %s: process %d cannot be killed", r->name, r->p.pid);
	res.ok = !res.timed_out && end.si_code == CLD_EXITED && end.si_status == 0;
	tell(r, &end, &res);
	for (size_t i = 0; i < r->n_ids; i++) {
		res.id = r->ids[i];
		res.joined = i > 0;
		add_result(h, &res);
	}
	auto_fd_(&r->out);
	auto_fd_(&r->p.pidfd);
	auto_free_(&r->name);
	*r = h->runs[--h->n];
}

static void signal_all(const struct run *r, int sig)
{
	if (kill(-r->p.pid, sig) != 0) /* it has not begun its session yet */
		pidfd_send_signal(r->p.pidfd, sig, NULL, 0);
	hookrun_stray_signal(r->p.pid, r->mark, sig);
}

static void enter(struct run *r, enum phase phase, int64_t now)
{
	r->phase = phase;
	r->next_ms = now + GRACE_MS;
	signal_all(r, phase == PHASE_TERM ? SIGTERM : SIGKILL);
}

/* True when the run is over. */
static bool step_ending(struct run *r, int64_t now)
{
	if (has_ended(r) && hookrun_stray_signal(r->p.pid, r->mark, 0) == 0)
		return true;
	if (r->phase == PHASE_KILL)
		signal_all(r, SIGKILL); /* what was forked since */
	if (now < r->next_ms)
		return false;
	if (r->phase == PHASE_KILL)
		return true;
	enter(r, PHASE_KILL, now);
	return false;
}

static bool step_run(struct run *r, int64_t now)
{
	bool ended =
	    has_ended(r); /* before the read: what it said last is then there */

	if (r->out >= 0 && !hookrun_out_read(&r->said, r->out)) {
		auto_fd_(&r->out);
		r->out = -1;
	}
	if (r->phase != PHASE_RUN)
		return step_ending(r, now);
	if (ended)
		return true;
	if (now >= r->next_ms)
		enter(r, PHASE_TERM, now);
	return false;
}

static void reap(const struct hookruns *h)
{
	pid_t leaders[HOOKRUN_MAX];

	for (size_t i = 0; i < h->n; i++)
		leaders[i] = h->runs[i].p.pid;
	hookrun_stray_reap(leaders, h->n);
}

void hookrun_step(struct hookruns *h)
{
	int64_t now = clock_boot_ms();

	for (size_t i = h->n; i-- > 0;)
		if (step_run(&h->runs[i], now))
			finish(h, &h->runs[i]);
	reap(h);
}

/* --- asking --- */

size_t hookrun_pollfds(const struct hookruns *h, struct pollfd *fds, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n && n + 2 <= max; i++) {
		const struct run *r = &h->runs[i];

		/* Once it has ended its descriptor stays ready; ticks take over. */
		if (r->phase == PHASE_RUN)
			fds[n++] = (struct pollfd){ r->p.pidfd, POLLIN, 0 };
		if (r->out >= 0)
			fds[n++] = (struct pollfd){ r->out, POLLIN, 0 };
	}
	return n;
}

int64_t hookrun_wake_ms(const struct hookruns *h)
{
	int64_t wake = INT64_MAX;

	for (size_t i = 0; i < h->n; i++) {
		const struct run *r = &h->runs[i];
		int64_t at =
		    r->phase == PHASE_RUN ? r->next_ms : clock_boot_ms() + TICK_MS;

		if (at < wake)
			wake = at;
	}
	return wake;
}

bool hookrun_done(struct hookruns *h, struct hookrun_result *out)
{
	if (h->n_results == 0)
		return false;
	*out = h->results[0];
	memmove(h->results, h->results + 1, --h->n_results * sizeof(*h->results));
	return true;
}

bool hookruns_idle(const struct hookruns *h)
{
	return h->n == 0 && h->n_results == 0;
}

void hookruns_free(struct hookruns *h)
{
	struct pollfd fds[2 * HOOKRUN_MAX];
	int64_t now = clock_boot_ms();

	for (size_t i = 0; i < h->n; i++)
		enter(&h->runs[i], PHASE_KILL, now);
	while (h->n > 0) {
		poll(fds, hookrun_pollfds(h, fds, 2 * HOOKRUN_MAX), TICK_MS);
		hookrun_step(h);
	}
	free(h->results);
	free(h);
}
