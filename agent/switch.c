#include "agent/switch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/batch.h"
#include "agent/drift.h"
#include "agent/hookcall.h"
#include "agent/job.h"
#include "agent/probe/probe.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/settle.h"
#include "base/clock.h"
#include "base/mem.h"

/* -- who uses what -- */

struct job_hook *switch_uses(const struct job *j, uint32_t hook)
{
	for (uint32_t k = 0; k < j->spec->hooks.n; k++)
		if (j->hooks[k].number == hook)
			return j->hooks[k].owed ? &j->hooks[k] : NULL;
	return NULL;
}

bool switch_in_place(const struct job *j)
{
	return j->installed && !j->undo && !j->undone;
}

static bool is_on(const struct batch *b, uint32_t hook, uint32_t event)
{
	return (b->agent->spec->hooks[hook].on & 1u << event) != 0;
}

static void collect_hooks(struct batch *b)
{
	const struct spec *s = b->agent->spec;

	free(b->hooks);
	b->hooks = xcalloc(s->n[SPEC_HOOKS], sizeof(*b->hooks));
	b->n_hooks = 0;
	for (uint32_t h = 0; h < s->n[SPEC_HOOKS]; h++)
		for (size_t i = 0; i < b->n_jobs; i++)
			if (switch_uses(b->jobs[i], h)) {
				b->hooks[b->n_hooks++] = (struct batch_hook){
					.hook = h,
					.told = is_on(b, h, b->event),
					.has_test = s->hooks[h].test.n > 0,
					.passed_before = true,
					.passed_after = true,
					.ran = !is_on(b, h, b->event),
				};
				break;
			}
}

/* -- hooks: one after the other, in the order of the configuration -- */

/* The jobs that `h` serves and that `which` chooses. Owned array. */
static struct job **jobs_of(const struct batch *b, uint32_t h,
			    bool (*which)(const struct job *j), size_t *n)
{
	struct job **jobs = xcalloc(b->n_jobs, sizeof(struct job *));

	*n = 0;
	for (size_t i = 0; i < b->n_jobs; i++)
		if (switch_uses(b->jobs[i], h) && which(b->jobs[i]))
			jobs[(*n)++] = b->jobs[i];
	return jobs;
}

static void not_started(struct batch_hook *h, const struct err *why)
{
	h->unstarted = true;
	snprintf(h->text, sizeof(h->text), "%.255s", why->text);
}

/* Read a result; the text of a failure is kept with the hook. */
static bool read_result(struct batch_hook *h, struct msg *m, const struct err *failed,
			bool *joined)
{
	bool ok;

	*joined = false;
	if (failed != NULL) {
		not_started(h, failed);
		return false;
	}
	ok = msg_get_u64(m) != 0;
	*joined = msg_get_u64(m) != 0;
	(void)msg_get_i64(m);
	snprintf(h->text, sizeof(h->text), "%s", msg_get_str(m));
	h->unstarted = msg_get_u64(m) != 0;
	return ok && !m->broken;
}

static void hook_ended(struct batch *b, struct batch_hook *h, bool ok);

static void on_hook(void *arg, uint32_t number, struct msg *m, const struct err *failed)
{
	struct batch *b = ((struct agent *)arg)->batch;
	bool joined;
	bool ok = read_result(&b->hooks[number], m, failed, &joined);

	b->waiting--;
	if (joined) /* that run began before we asked: once more */
		b->next_hook = number;
	else
		hook_ended(b, &b->hooks[number], ok);
	switch_go_on(b);
}

/* Ask for one run, if there is a job for it. */
static void ask_hook(struct batch *b, struct batch_hook *h, bool test, uint32_t event,
		     bool (*which)(const struct job *j))
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct hookcall call = { .hook = h->hook, .test = test, .event = event };
	struct job **jobs = jobs_of(b, h->hook, which, &call.n_jobs);
	struct err e;
	int rc = 0;

	call.jobs = jobs;
	if (call.n_jobs > 0)
		rc = hookcall_put(b->agent, &call, &m, &e);
	for (size_t i = 0; i < call.n_jobs && !test; i++)
		jobs[i]->state = JOB_HOOKING;
	free(jobs);
	if (rc < 0) {
		not_started(h, &e);
		hook_ended(b, h, false);
	}
	if (rc < 0 || call.n_jobs == 0)
		return;
	b->waiting++;
	link_call(&b->agent->super, &m, on_hook, (uint32_t)(h - b->hooks));
}

/* What was looked at before its switch, by a run that did not get further, is not asked
 * again. */
static bool is_fresh(const struct job *j)
{
	return !j->owed;
}

static bool gone_back(const struct job *j)
{
	return j->undone;
}

/* -- the phases: each asks for what it needs, and is asked again after each answer of a
 * hook until it has nothing more to ask -- */

static void look(struct batch *b)
{
	for (size_t i = 0; i < b->n_jobs; i++)
		if (is_fresh(b->jobs[i]))
			switch_probe(b, i, 0);
}

static void tested(struct batch *b, struct batch_hook *h, bool ok)
{
	(void)b;
	h->passed_before = ok;
}

static void test_hook(struct batch *b, struct batch_hook *h)
{
	if (h->told && h->has_test)
		ask_hook(b, h, true, b->event, is_fresh);
}

static void on_installed(void *arg, uint32_t number, struct msg *m,
			 const struct err *failed)
{
	struct batch *b = ((struct agent *)arg)->batch;
	struct job *j = b->jobs[number];

	b->waiting--;
	j->stamp = failed == NULL ? msg_get_u64(m) : 0;
	if (failed != NULL) {
		j->err = *failed;
		err_wrap(&j->err, "install");
		/* Some of it may be in place: make what was live whole again. */
		j->undo = settle_can_go_back(j);
	} else {
		j->installed = true;
		settle_installed(b->agent, j, m);
	}
	switch_go_on(b);
}

static void ask_live(struct batch *b, size_t i, uint64_t generation, link_done *done)
{
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, KEEPER_LIVE, 0);
	msg_put_u64(&m, b->jobs[i]->cert);
	msg_put_u64(&m, generation);
	drift_ask(b->agent, b->jobs[i], &m);
	b->waiting++;
	link_call(&b->agent->keeper, &m, done, (uint32_t)i);
}

/* How things were before the switch. */
static void keep_before(const struct batch *b, struct job *j)
{
	j->was_up = j->owed ? j->was_up : true;
	for (uint32_t k = 0; k < j->spec->probes.n; k++) {
		struct job_probe *p = &j->probes[k];

		p->was_up = j->owed ? j->was_up : p->asked && p->verdict != PROBE_DOWN;
		j->was_up = j->was_up && p->was_up;
	}
	for (size_t h = 0; h < b->n_hooks && !j->owed; h++) {
		struct job_hook *used = switch_uses(j, b->hooks[h].hook);

		if (used != NULL)
			used->passed = b->hooks[h].passed_before;
	}
}

static void install(struct batch *b)
{
	struct err e;

	for (size_t i = 0; i < b->n_jobs; i++)
		keep_before(b, b->jobs[i]);
	if (settle_owe(b, &e) < 0) {
		for (size_t i = 0; i < b->n_jobs; i++)
			b->jobs[i]->err = e;
		return;
	}
	/* Also what is live already: a crash may have left its files half written. */
	for (size_t i = 0; i < b->n_jobs; i++) {
		b->jobs[i]->installed = drift_leaves(b->agent, b->jobs[i]);
		if (!b->jobs[i]->installed)
			ask_live(b, i, b->jobs[i]->generation, on_installed);
	}
}

static void retested(struct batch *b, struct batch_hook *h, bool ok)
{
	h->passed_after = ok;
	if (!ok)
		settle_refused(b, h);
}

static void retest_hook(struct batch *b, struct batch_hook *h)
{
	if (h->told && h->has_test)
		ask_hook(b, h, true, b->event, switch_in_place);
}

static void on_back(void *arg, uint32_t number, struct msg *m, const struct err *failed)
{
	struct batch *b = ((struct agent *)arg)->batch;
	struct job *j = b->jobs[number];

	b->waiting--;
	j->stamp = failed == NULL ? msg_get_u64(m) : 0;
	j->undone = failed == NULL;
	j->undo = false;
	j->installed = false; /* nor is it proven if it cannot be taken back */
	if (failed != NULL)
		log_error("%s: go back to generation %llu: %s", j->name,
			  (unsigned long long)j->previous, failed->text);
	else
		settle_rolled_back(b->agent, j);
	switch_go_on(b);
}

static void go_back(struct batch *b)
{
	for (size_t i = 0; i < b->n_jobs; i++)
		if (b->jobs[i]->undo)
			ask_live(b, i, b->jobs[i]->previous, on_back);
}

static void ran(struct batch *b, struct batch_hook *h, bool ok)
{
	h->ran = ok;
	settle_ran(b, h, ok, switch_in_place);
}

static void run_hook(struct batch *b, struct batch_hook *h)
{
	if (h->told && h->passed_after)
		ask_hook(b, h, false, b->event, switch_in_place);
}

/* Where a hook still waits, the old certificate is no surprise. */
static void probe(struct batch *b)
{
	for (size_t i = 0; i < b->n_jobs; i++)
		if (switch_in_place(b->jobs[i]))
			switch_probe(b, i,
				     settle_all_ran(b, b->jobs[i]) ? PROBE_DEADLINE_MS
								   : PROBE_GLANCE_MS);
}

/* nginx -s reload exits 0 and may do nothing: only what is served counts. Of what was
 * installed long ago the hooks have just run for the second time. */
static void find_stale(struct batch *b)
{
	for (size_t i = 0; i < b->n_jobs; i++) {
		struct job *j = b->jobs[i];

		j->stale = switch_in_place(j) && !j->again &&
			   settle_worst(j) == PROBE_OLD && settle_all_ran(b, j);
	}
}

static bool is_stale(const struct job *j)
{
	return j->stale;
}

/* It has run for this switch before: what is served tells what became of it. */
static void reran(struct batch *b, struct batch_hook *h, bool ok)
{
	settle_ran(b, h, ok, is_stale);
}

static void rerun_hook(struct batch *b, struct batch_hook *h)
{
	if (h->told && h->ran)
		ask_hook(b, h, false, b->event, is_stale);
}

static void probe_again(struct batch *b)
{
	for (size_t i = 0; i < b->n_jobs; i++)
		if (b->jobs[i]->stale)
			switch_probe(b, i, PROBE_DEADLINE_MS);
}

static void judge(struct batch *b)
{
	for (size_t i = 0; i < b->n_jobs; i++)
		settle_judge(b, b->jobs[i]);
	go_back(b);
}

static void unran(struct batch *b, struct batch_hook *h, bool ok)
{
	h->ran_back = ok;
	settle_ran(b, h, ok, gone_back);
}

static void unrun_hook(struct batch *b, struct batch_hook *h)
{
	if (is_on(b, h->hook, EVENT_ROLLED_BACK))
		ask_hook(b, h, false, EVENT_ROLLED_BACK, gone_back);
}

static void reprobe(struct batch *b)
{
	for (size_t i = 0; i < b->n_jobs; i++)
		if (b->jobs[i]->undone)
			switch_probe(b, i, PROBE_DEADLINE_MS / 3);
}

static const struct phase {
	const char *word;
	void (*all)(struct batch *b);                        /* asks once */
	void (*each)(struct batch *b, struct batch_hook *h); /* ... for one hook */
	void (*ended)(struct batch *b, struct batch_hook *h, bool ok);
} phases[] = {
	{ "look", look, NULL, NULL },
	{ "test", NULL, test_hook, tested },
	{ "install", install, NULL, NULL },
	{ "retest", NULL, retest_hook, retested },
	{ "go back", go_back, NULL, NULL },
	{ "run", NULL, run_hook, ran },
	{ "probe", probe, NULL, NULL },
	{ "find stale", find_stale, NULL, NULL },
	{ "rerun", NULL, rerun_hook, reran },
	{ "probe again", probe_again, NULL, NULL },
	{ "judge", judge, NULL, NULL },
	{ "unrun", NULL, unrun_hook, unran },
	{ "reprobe", reprobe, NULL, NULL },
	{ "settle", settle_batch, NULL, NULL },
};

#define N_PHASES (sizeof(phases) / sizeof(*phases))

static void hook_ended(struct batch *b, struct batch_hook *h, bool ok)
{
	phases[b->phase].ended(b, h, ok);
}

/* What comes next, as long as nothing has to be waited for. */
static bool step(struct batch *b)
{
	const struct phase *p = &phases[b->phase];

	if (p->each != NULL && b->next_hook < b->n_hooks) {
		p->each(b, &b->hooks[b->next_hook++]);
		return true;
	}
	b->next_hook = 0;
	if (++b->phase == N_PHASES)
		return false;
	if (phases[b->phase].all != NULL)
		phases[b->phase].all(b);
	return true;
}

void switch_go_on(struct batch *b)
{
	if (b->asking || agent_cut_off(b->agent))
		return;
	b->asking = true;
	/* A phase may have found out by asking that there is no one to ask any more: what
	 * was begun is not judged then, the next run finds it on disk. */
	while (b->waiting == 0 && b->n_jobs > 0 && !agent_cut_off(b->agent) && step(b))
		;
	b->asking = false;
	if (b->phase == N_PHASES)
		settle_end(b);
}

void switch_begin(struct batch *b)
{
	b->event = b->jobs[0]->by_hand ? EVENT_ROLLED_BACK : EVENT_INSTALLED;
	collect_hooks(b);
	b->phase = 0;
	b->next_hook = 0;
	b->waiting = 0;
	b->asking = true;
	phases[0].all(b);
	b->asking = false;
	switch_go_on(b);
}
