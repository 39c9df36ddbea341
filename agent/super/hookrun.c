#include "agent/super/hookrun.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/role/log.h"
#include "agent/role/spec.h"
#include "agent/super/hookrun_run.h"
#include "agent/super/hookrun_stray.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#define GRACE_MS 2000 /* from SIGTERM to SIGKILL; from then on, to giving up */
#define TICK_MS  20   /* strays have no descriptor to poll */

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
		if (!h->runs[i].is_program && !h->runs[i].is_enrol)
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

bool hookrun_is_kept(const struct hookrun_result *r)
{
	return r->is_enrol && r->id == 0;
}

void hookrun_add_result(struct hookruns *h, const struct hookrun_result *r)
{
	h->results = xrealloc(h->results, h->n_results + 1, sizeof(*h->results));
	h->results[h->n_results++] = *r;
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

/* Negative: it was killed. */
static int status_of(const siginfo_t *end, const struct hookrun_result *res)
{
	return !res->timed_out && end->si_code == CLD_EXITED ? end->si_status : -1;
}

/* What is said last on stdout says less, and nothing where that is an answer. */
static const char *last_words(const struct run *r, int status)
{
	if (r->said.last[0] != '\0' ||
	    (r->is_enrol && !enrol_says_words(r->enrols, status, r->told.kept)))
		return r->said.last;
	return r->told.last;
}

static void tell(const struct run *r, const siginfo_t *end, struct hookrun_result *res)
{
	const char *last = last_words(r, status_of(end, res));
	const char *sep = last[0] != '\0' ? ": " : "";
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
	snprintf(res->text, sizeof(res->text), "%s%s%s", what, sep, last);
}

static void judge(struct run *r, const siginfo_t *end, struct hookrun_result *res)
{
	res->is_program = true;
	res->outcome = dialect_judge(r->dialect, r->step, status_of(end, res));
	res->said = TAKE(r->told.kept);
}

static void take_answer(struct run *r, const siginfo_t *end, struct hookrun_result *res)
{
	res->is_enrol = true;
	res->issuer = r->issuer;
	memcpy(res->asked, r->asked, sizeof(res->asked));
	res->ended_ms = clock_awake_ms();
	res->status = status_of(end, res);
	res->has_more = r->told.has_more;
	res->said = TAKE(r->told.kept);
}

/* The result for every id; r is let go. */
static void finish(struct hookruns *h, struct run *r)
{
	siginfo_t end = { 0 };
	struct hookrun_result res = {
		.hook = r->hook,
		.test = r->test,
		.timed_out = r->phase != PHASE_RUN,
		.ms = clock_awake_ms() - r->started_ms,
	};

	hookrun_out_end(&r->said);
	hookrun_out_end(&r->told);
	if (waitid(P_PIDFD, (id_t)r->p.pidfd, &end, WEXITED | WNOHANG) != 0 ||
	    end.si_pid == 0)
		log_warn("hook %s: process %d cannot be killed", r->name, r->p.pid);
	res.unstarted = *r->unstarted;
	res.ok = !res.timed_out && end.si_code == CLD_EXITED && end.si_status == 0;
	tell(r, &end, &res);
	if (r->is_program)
		judge(r, &end, &res);
	if (r->is_enrol)
		take_answer(r, &end, &res);
	for (size_t i = 0; i < r->n_ids; i++) {
		res.id = r->ids[i];
		res.joined = i > 0;
		hookrun_add_result(h, &res);
	}
	munmap((void *)(uintptr_t)r->unstarted, sizeof(*r->unstarted));
	auto_fd_(&r->out);
	auto_fd_(&r->kept);
	auto_fd_(&r->p.pidfd);
	auto_free_(&r->name);
	hookrun_out_done(&r->told);
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

static void hear(struct hookrun_out *o, int *fd)
{
	if (*fd < 0 || hookrun_out_read(o, *fd))
		return;
	auto_fd_(fd);
	*fd = -1;
}

static bool step_run(struct run *r, int64_t now)
{
	bool ended =
	    has_ended(r); /* before the read: what it said last is then there */

	hear(&r->said, &r->out);
	hear(&r->told, &r->kept);
	if (r->phase != PHASE_RUN)
		return step_ending(r, now);
	if (ended)
		return true;
	if (now >= r->next_ms || (r->is_enrol && r->told.has_more))
		enter(r, PHASE_TERM, now); /* it is no answer any more */
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
	int64_t now = clock_awake_ms();

	for (size_t i = h->n; i-- > 0;)
		if (step_run(&h->runs[i], now))
			finish(h, &h->runs[i]);
	reap(h);
}

/* --- asking --- */

size_t hookrun_pollfds(const struct hookruns *h, struct pollfd *fds, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n && n + 3 <= max; i++) {
		const struct run *r = &h->runs[i];

		/* Once it has ended its descriptor stays ready; ticks take over. */
		if (r->phase == PHASE_RUN)
			fds[n++] = (struct pollfd){ r->p.pidfd, POLLIN, 0 };
		if (r->out >= 0)
			fds[n++] = (struct pollfd){ r->out, POLLIN, 0 };
		if (r->kept >= 0)
			fds[n++] = (struct pollfd){ r->kept, POLLIN, 0 };
	}
	return n;
}

/* The first that is to be told; n_results: none. */
static size_t next_result(const struct hookruns *h)
{
	size_t i = 0;

	while (i < h->n_results && hookrun_is_kept(&h->results[i]))
		i++;
	return i;
}

/* What is kept for who asks again wakes nobody. */
int64_t hookrun_wake_ms(const struct hookruns *h)
{
	int64_t wake = next_result(h) < h->n_results ? 0 : INT64_MAX;

	for (size_t i = 0; i < h->n; i++) {
		const struct run *r = &h->runs[i];
		int64_t at =
		    r->phase == PHASE_RUN ? r->next_ms : clock_awake_ms() + TICK_MS;

		if (at < wake)
			wake = at;
	}
	return wake;
}

static void take_out(struct hookruns *h, size_t i)
{
	memmove(h->results + i, h->results + i + 1,
		(--h->n_results - i) * sizeof(*h->results));
}

bool hookrun_done(struct hookruns *h, struct hookrun_result *out)
{
	const size_t i = next_result(h);

	if (i > HOOKRUN_MAX) { /* of long ago */
		free(h->results[0].said);
		take_out(h, 0);
		return hookrun_done(h, out);
	}
	if (i == h->n_results)
		return false;
	*out = h->results[i];
	take_out(h, i);
	return true;
}

bool hookruns_idle(const struct hookruns *h)
{
	return h->n == 0 && next_result(h) == h->n_results;
}

void hookruns_free(struct hookruns *h)
{
	struct pollfd fds[HOOKRUN_FDS];
	int64_t now = clock_awake_ms();

	for (size_t i = 0; i < h->n; i++)
		enter(&h->runs[i], PHASE_KILL, now);
	while (h->n > 0) {
		poll(fds, hookrun_pollfds(h, fds, HOOKRUN_FDS), TICK_MS);
		hookrun_step(h);
	}
	for (size_t i = 0; i < h->n_results; i++)
		free(h->results[i].said);
	free(h->results);
	free(h);
}
