#include "tests/crash/campaign.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "tests/crash/check.h"
#include "tests/crash/daemon.h"
#include "tests/crash/layout.h"
#include "tests/crash/look.h"
#include "tests/crash/prepare.h"

/* Cut or failed before these; the hooks' calls are not ours. */
static const enum tracer_role roles[] = { TRACER_SUPERVISOR, TRACER_CONFIG,
					  TRACER_AGENT,      TRACER_KEEPER,
					  TRACER_WORKER,     TRACER_PROBE,
					  TRACER_RESPONDER,  TRACER_SPAWN };
/* At each call that changes something these, at each that does not EIO; and one of
 * the others, another at the next call. What goes on failing is one of three. */
static const int errors[] = { ENOSPC, EIO, EACCES };
static const int others[] = { EROFS, ENOMEM, EDQUOT, EMFILE, EPERM, ENFILE, EFBIG };
static const int for_ever[] = { ENOSPC, EROFS, EIO };
static const int reading[] = { EACCES, ENOMEM, EMFILE, ENFILE };

/* So many points are drawn for each that is wanted. */
#define SPARE 4

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

struct points {
	struct tracer_plan *all;
	size_t n;
};

static void add(struct points *p, const struct tracer_plan *plan)
{
	p->all = realloc(p->all, (p->n + 1) * sizeof(*p->all));
	p->all[p->n++] = *plan;
}

static void add_errno(struct points *p, struct tracer_plan plan, int error)
{
	plan.what = TRACER_ERRNO;
	plan.error = error;
	add(p, &plan);
}

static void add_changing(struct points *p, struct tracer_plan plan)
{
	for (size_t e = 0; e < COUNT(errors); e++)
		add_errno(p, plan, errors[e]);
	add_errno(p, plan, others[plan.at % COUNT(others)]);
	plan.what = TRACER_TREE;
	add(p, &plan);
	plan.what = TRACER_ONWARD;
	plan.error = for_ever[plan.at % COUNT(for_ever)];
	add(p, &plan);
}

static void add_reading(struct points *p, struct tracer_plan plan)
{
	add_errno(p, plan, EIO);
	add_errno(p, plan, reading[plan.at % COUNT(reading)]);
}

/* Between two calls that change nothing the disk is the same: there, killing one process
 * at each is enough. */
static void enumerate(const struct tracer_result *r, struct points *p)
{
	for (size_t i = 0; i < COUNT(roles); i++)
		for (unsigned k = 1; k <= r->n[roles[i]] && k <= TRACER_CALLS; k++) {
			struct tracer_plan plan = { .what = TRACER_KILL,
						    .role = roles[i],
						    .at = k };

			add(p, &plan);
			if (r->changes[roles[i]][k - 1])
				add_changing(p, plan);
			else
				add_reading(p, plan);
		}
}

static unsigned draw(unsigned *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return *seed >> 8;
}

/* Half of a sample are calls that change something, and every role has its share: a
 * role and a kind are drawn first. Who has none of a kind is taken as he is. */
static size_t choose(const struct points *p, const struct tracer_result *r,
		     unsigned *seed)
{
	for (;;) {
		enum tracer_role role = roles[draw(seed) % COUNT(roles)];
		bool changes = draw(seed) % 4 != 0;

		for (int tries = 0; tries < 2000; tries++) {
			size_t i = draw(seed) % p->n;
			const struct tracer_plan *plan = &p->all[i];

			if (plan->role == role &&
			    (tries >= 1000 ||
			     r->changes[role][plan->at - 1] == changes))
				return i;
		}
	}
}

/* More than `n`, for what is drawn may not be there again: how often a role looks, and how
 * much it reads at once, is not the same in every run. */
static void sample(struct points *p, const struct tracer_result *r, unsigned n,
		   unsigned seed)
{
	struct points few = { NULL, 0 };

	while (n > 0 && few.n < (size_t)n * SPARE && few.n < p->n) {
		const struct tracer_plan *plan = &p->all[choose(p, r, &seed)];
		bool seen = false;

		for (size_t i = 0; i < few.n; i++)
			seen = seen || memcmp(&few.all[i], plan, sizeof(*plan)) == 0;
		if (!seen)
			add(&few, plan);
	}
	if (n == 0)
		return;
	free(p->all);
	*p = few;
}

/* -- one point -- */

/* Whose words they are: SQLite's; those of who loads a program before its main(); of trust
 * anchors that cannot be read curl's, or ours, to whom a newer curl tells only that, or
 * less where it reads their end while hands are shaken; the probe's, when all it wrote was
 * lost; stdio's, that does not keep why; and the sanitizer's, that reads before main() that it is not to look for leaks. */
static const char *const other_words[] = {
	"state.db: ",
	"error while loading shared libraries",
	"can be looked at",
	"error setting certificate file",
	"holds no certificate to trust",
	"it ends the connection while hands are shaken",
	": down: ",
	"standard output: some of it could not be written",
	"LeakSanitizer does not work under ptrace",
};

/* A call that failed: all is well, or it is said what failed, and why. */
static const char *check_errno(const struct world *w, const struct tracer_plan *plan,
			       const struct tracer_result *r, char why[CHECK_WHY])
{
	if (r->status == 0 || look_said(w, strerror(plan->error)))
		return NULL;
	for (size_t i = 0; i < COUNT(other_words); i++)
		if (look_said(w, other_words[i]))
			return NULL;
	snprintf(why, CHECK_WHY, "exit %d without \"%s\"", r->status,
		 strerror(plan->error));
	return why;
}

static bool is_failure(const struct tracer_plan *plan)
{
	return plan->what == TRACER_ERRNO || plan->what == TRACER_ONWARD;
}

/* Of a daemon it says nothing: it goes on until it is told to end. */
static bool is_whole(const struct crash_case *c, const struct tracer_result *r)
{
	return r->status == 0 && !c->daemon;
}

static const char *look(const struct crash_case *c, const struct world *w,
			const struct tracer_plan *plan,
			const struct check_facts *before, const struct tracer_result *r,
			char why[CHECK_WHY])
{
	/* A hook whose process is killed before it begins has failed, and so has what a
	 * worker or a probe did. */
	bool failed =
	    (is_failure(plan) || plan->role >= TRACER_WORKER) && r->status == 1;

	if (r->hung)
		return "it hung";
	if (check_cut(c, w, why) != NULL)
		return why;
	if (is_failure(plan) && check_errno(w, plan, r, why) != NULL)
		return why;
	return look_next(c, w, before, failed,
			 (is_whole(c, r) ? CHECK_WHOLE : 0) |
			     (is_failure(plan) ? CHECK_FAILED : 0),
			 why);
}

static void report(const struct crash_case *c, const struct world *w,
		   const struct tracer_plan *plan, const struct tracer_result *r,
		   const char *why)
{
	printf("  %s/%s: %s %s %u %s%s%s (exit %d): %s\n", c->name,
	       layout_word(w->layout), tracer_what_word(plan->what),
	       tracer_role_word(plan->role), plan->at, r->call,
	       plan->error != 0 ? " " : "",
	       plan->error != 0 ? strerrorname_np(plan->error) : "", r->status, why);
	look_print(w);
}

static bool trace(struct campaign *m, const struct crash_case *c,
		  struct tracer_plan plan, struct tracer_result *r)
{
	const struct daemon_drive drive = { c, &m->world, plan.what == TRACER_COUNT };
	struct world_command command;

	if (c->daemon)
		plan.beside = daemon_drive;
	plan.arg = &drive;
	world_command(&m->world, c->command, &command);
	return tracer_run(command.argv, m->world.said, &plan, r);
}

static void run_point(struct campaign *m, const struct crash_case *c,
		      const struct tracer_plan *plan)
{
	struct tracer_result *r = calloc(1, sizeof(*r));
	struct check_facts before;
	char text[CHECK_WHY] = "";
	const char *why = "it could not be traced";

	world_restore(&m->world);
	check_facts(c, &m->world, &before);
	if (trace(m, c, *plan, r))
		why = look(c, &m->world, plan, &before, r, text);
	if (!r->reached)
		m->n_missed++;
	else {
		m->n_points++;
		m->n_by_role[plan->role]++;
		m->n_by_what[plan->what]++;
	}
	if (why != NULL) {
		m->n_failed++;
		report(c, &m->world, plan, r, why);
	}
	free(r);
}

/* -- one case -- */

/* Undisturbed, and then once more: what the crashes are compared with. */
static bool count(struct campaign *m, const struct crash_case *c,
		  struct tracer_result *r)
{
	struct check_facts before;
	const struct tracer_plan plan = { .what = TRACER_COUNT };
	char text[CHECK_WHY] = "";
	const char *why = "it could not be traced";

	world_restore(&m->world);
	check_facts(c, &m->world, &before);
	if (trace(m, c, plan, r))
		why = r->status != 0
			  ? "an undisturbed run failed"
			  : check_next(c, &m->world, &before, CHECK_WHOLE, text);
	if (why != NULL)
		report(c, &m->world, &plan, r, why);
	return why == NULL;
}

static bool has_enough(const struct campaign *m)
{
	return m->per_case > 0 && m->n_points >= m->per_case / m->parts;
}

bool campaign_case(struct campaign *m, const struct crash_case *c)
{
	struct tracer_result *r = calloc(1, sizeof(*r));
	struct points p = { NULL, 0 };
	bool ok = case_prepare(c, &m->world);

	if (!ok) {
		printf("  %s: it could not be prepared\n", c->name);
		look_print(&m->world);
	}
	ok = ok && count(m, c, r);
	if (ok) {
		enumerate(r, &p);
		sample(&p, r, m->per_case, m->seed);
	}
	for (size_t i = m->part; ok && i < p.n && !has_enough(m); i += m->parts)
		run_point(m, c, &p.all[i]);
	free(p.all);
	free(r);
	return ok;
}
