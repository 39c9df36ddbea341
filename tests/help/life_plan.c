#include "tests/help/life_steps.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

#define H LIFE_H
#define D LIFE_D

/* In which nothing happens, in the end: longer than anything is put off. */
#define QUIET_S (5 * D)

struct kind {
	const char *word;
	unsigned weight;
};

static const struct kind kinds[LIFE_STEP_KINDS] = {
	[STEP_DOWN] = { "a CA fails", 6 },
	[STEP_CLOCK] = { "the clock is set", 4 },
	[STEP_SLEEP] = { "the host sleeps", 3 },
	[STEP_KILL] = { "kill -9", 24 },
	[STEP_FULL] = { "the disk is full", 5 },
	[STEP_ROOM] = { "the disk is not full any more", 0 },
	[STEP_MEMBER] = { "taken out of the configuration, or back in", 6 },
	[STEP_NAMES] = { "another name", 6 },
	[STEP_ANEW] = { "the agent is begun anew", 3 },
	[STEP_RENEW] = { "renew --force", 10 },
	[STEP_REVOKE] = { "revoke", 6 },
	[STEP_ROLLBACK] = { "rollback", 6 },
	[STEP_FORGET] = { "forget", 4 },
	[STEP_STATUS] = { "status", 8 },
	[STEP_EDIT] = { "somebody changes a file", 6 },
	[STEP_HOOK_BAD] = { "a hook fails", 5 },
	[STEP_HOOK_WELL] = { "the hook does not fail any more", 0 },
};

static enum life_step draw_kind(struct life *l)
{
	unsigned all = 0, at = 0;

	for (size_t i = 0; i < LIFE_STEP_KINDS; i++)
		all += kinds[i].weight;
	all = life_draw(l, all);
	while (all >= kinds[at].weight)
		all -= kinds[at++].weight;
	return (enum life_step)at;
}

static void put(struct life *l, const struct life_event *ev, int64_t at,
		enum life_event_kind kind, int64_t value)
{
	if (l->n_events == LIFE_EVENTS)
		abort();
	l->events[l->n_events] = *ev;
	l->events[l->n_events].at = at;
	l->events[l->n_events].kind = kind;
	l->events[l->n_events++].value = value;
}

/* Of the clock, of the disk, of a hook: it ends, too. *until: when all of it is over. */
static void put_step(struct life *l, const struct life_event *ev, int64_t *until)
{
	static const int64_t spans[] = { 60, 20 * 60, 3 * H, 12 * H, 36 * H };
	const int64_t at = ev->at, span = spans[ev->drawn % 5];
	const int64_t clocks[] = { H, -H, D, -D, 90 * D, -at, 2147483648 - at };
	const int64_t clock = clocks[ev->drawn / 5 % 7];

	*until = at + span;
	switch (ev->value) {
	case STEP_DOWN:
		*until = at + (ev->drawn % 16 == 0 ? 20 * D : span);
		life_put_span(&l->down[LIFE_PLAIN + ev->drawn / 16 % 2], at, *until);
		return;
	case STEP_CLOCK:
		put(l, ev, at, LIFE_SET, clock);
		put(l, ev, *until, LIFE_SET, 0);
		life_put_span(&l->lame, at, *until + 60);
		return;
	case STEP_SLEEP:
		put(l, ev, at, LIFE_SLEEP, span);
		life_put_span(&l->lame, at, *until);
		return;
	case STEP_FULL:
		put(l, ev, at, LIFE_STEP, STEP_FULL);
		put(l, ev, *until, LIFE_STEP, STEP_ROOM);
		life_put_span(&l->lame, at, *until + 2 * H);
		return;
	case STEP_HOOK_BAD:
		put(l, ev, at, LIFE_STEP, STEP_HOOK_BAD);
		put(l, ev, *until, LIFE_STEP, STEP_HOOK_WELL);
		return;
	default:
		put(l, ev, at, LIFE_STEP, ev->value);
	}
}

static int by_time(const void *x, const void *y)
{
	const struct life_event *a = x, *b = y;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	return a->step < b->step ? -1 : a->step > b->step;
}

static void plan_script(struct life *l)
{
	int64_t over = 0, until;

	for (unsigned i = 0; i < l->plan.steps; i++) {
		struct life_event ev = l->plan.script[i];

		ev.at += LIFE_START;
		ev.step = i;
		put_step(l, &ev, &until);
		over = until > over ? until : over;
	}
	qsort(l->events, l->n_events, sizeof(*l->events), by_time);
	l->end_ms = (over + QUIET_S) * 1000;
}

void life_steps_plan(struct life *l)
{
	int64_t at = LIFE_START + 2 * D, over = at, until;

	if (l->plan.steps > LIFE_STEPS)
		abort();
	if (l->plan.script != NULL) {
		plan_script(l);
		return;
	}
	for (unsigned i = 0; i < l->plan.steps; i++) {
		/* Much of it at once, or hours in between. */
		const int64_t span = life_draw(l, 3) == 0 ? 8 : 16 * H;
		struct life_event ev = { .at = at + life_draw(l, (uint32_t)span) };

		at = ev.at;
		ev.step = i;
		ev.value = draw_kind(l);
		ev.cert = life_draw(l, LIFE_STEPS_CERTS);
		ev.drawn = life_draw(l, 1u << 30);
		if (l->plan.without[i])
			continue;
		put_step(l, &ev, &until);
		over = until > over ? until : over;
	}
	qsort(l->events, l->n_events, sizeof(*l->events), by_time);
	l->end_ms = ((at > over ? at : over) + QUIET_S) * 1000;
}

void life_steps_tell(const struct life *l, int fd)
{
	char at[TEXT_TIME_MAX];

	for (int ca = LIFE_PLAIN; ca < LIFE_CAS; ca++)
		for (size_t i = 0; i < l->down[ca].n; i++)
			dprintf(fd, "  %s: CA %d fails for %lld s\n",
				text_time(at, l->down[ca].at[i].from), ca,
				(long long)(l->down[ca].at[i].until -
					    l->down[ca].at[i].from));
	for (size_t i = 0; i < l->n_events; i++) {
		const struct life_event *ev = &l->events[i];

		dprintf(fd, "  %s: ", text_time(at, ev->at));
		if (ev->kind == LIFE_STEP)
			dprintf(fd, "%s, c%03u, %u\n", kinds[ev->value].word, ev->cert,
				ev->drawn);
		else
			dprintf(
			    fd, "%s, %lld s\n",
			    kinds[ev->kind == LIFE_SET ? STEP_CLOCK : STEP_SLEEP].word,
			    (long long)ev->value);
	}
}
