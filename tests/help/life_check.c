#include "tests/help/life.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acme/ari.h"
#include "base/text.h"

#define H LIFE_H
#define D LIFE_D

/* After that no CA remembers an order. */
#define ORDER_LIFE (2 * D)

/* With a clock that is a day off, before half of a life is over: one that tries the clock,
 * and one in each hour. */
#define EARLY_MOST 2

/* What nobody waits for. */
#define SKEW_S 300

/* In a day. */
#define TRIES_MOST 150

/* From when the clock is right again until nothing is live that came by another: an hour
 * in which it may be doubted, and one by one. */
#define MENDED_S (2 * H)

/* From its CA's word, or from the moment that came of it, to the order. */
#define SOON_S 60

void life_wrong(const struct life *l, const struct life_cert *c, const char *text)
{
	char at[TEXT_TIME_MAX];

	dprintf(l->said, "seed %u, day %lld, %s%s%s%s: %s\n", l->plan.seed,
		(long long)((life_now(l) - LIFE_START) / D), text_time(at, life_now(l)),
		l->ahead_s != 0 ? ", the clock is off" : "", c == NULL ? "" : ", ",
		c == NULL ? "" : c->name, text);
	_exit(LIFE_WRONG);
}

bool life_is_in(const struct life_spans *s, int64_t at)
{
	for (size_t i = 0; i < s->n && s->at[i].from <= at; i++)
		if (at < s->at[i].until)
			return true;
	return false;
}

static bool could_at(const struct life *l, const struct life_cert *c, enum life_ca ca,
		     int64_t from, int64_t until)
{
	int64_t since = from;

	for (int64_t at = from; at <= until; at += 60) {
		if (life_is_in(&l->down[ca], at) || life_is_in(&l->lame, at))
			since = at + 60;
		if (at - since >= H)
			return true;
	}
	(void)c;
	return false;
}

bool life_could(const struct life *l, const struct life_cert *c, int64_t from,
		int64_t until)
{
	for (int ca = 0; ca < LIFE_CAS; ca++)
		if (c->by[ca] && could_at(l, c, (enum life_ca)ca, from, until))
			return true;
	return false;
}

static void check_end(const struct life *l, const struct life_cert *c)
{
	const int64_t life_s = c->live.not_after - c->live.not_before;
	/* What was gone back to by hand stays for as long as it can. */
	const int64_t third = c->live.not_after - life_s / (c->is_back ? 20 : 3);
	const int64_t from = c->since > third ? c->since : third;

	if (!c->absent && c->live.number != 0 && life_now(l) > c->live.not_after &&
	    life_could(l, c, from, c->live.not_after))
		life_wrong(l, c, "has expired, and could have been renewed");
}

/* While the clock was off: that order is gone on with when it is right again. */
static bool was_ordered_lame(const struct life *l, const struct life_cert *c)
{
	for (int ca = 0; ca < LIFE_CAS; ca++)
		if (life_is_in(&l->lame, c->ordered_at[ca]))
			return true;
	return false;
}

/* The embedded CA has no other clock than the host's: what nobody has contradicted for an
 * hour is what time it is. */
static bool is_believed(const struct life *l, const struct life_cert *c)
{
	return c->by[LIFE_OWN] && l->dated_at < l->set_at &&
	       life_now(l) - l->set_at >= H;
}

/* By the clock that the host has: it is not wrong to renew by one that is a day off. */
static void check_begin(struct life *l, const struct life_cert *c)
{
	const int64_t life_s = c->live.not_after - c->live.not_before;
	const bool is_off = l->ahead_s > D || l->ahead_s < -D;
	const int64_t now = is_off ? life_now(l) : life_host(l);

	if (c->live.number == 0 || c->hurried || c->excused ||
	    c->live.not_before > life_host(l) + D || /* by a clock that was ahead */
	    now - c->live.not_before >= life_s * 45 / 100)
		return;
	if (!is_off && was_ordered_lame(l, c))
		return;
	if (l->plan.steps != 0 && life_now(l) - l->set_at < SOON_S)
		return; /* was begun by the clock that there was */
	if (!is_off)
		life_wrong(l, c, "is renewed before half of its life is over");
	if (is_believed(l, c))
		return;
	if (++l->n_early > EARLY_MOST + (life_now(l) - l->set_at) / H)
		life_wrong(l, c, "is renewed early, as many others");
}

static bool was_well(const struct life *l, enum life_ca ca, int64_t from, int64_t until)
{
	for (int64_t at = from; at <= until; at += 20)
		if (life_is_in(&l->down[ca], at) || life_is_in(&l->lame, at))
			return false;
	return true;
}

/* RFC 9773: within the window, or at once if that is over. */
static void check_window(const struct life *l, const struct life_cert *c)
{
	const struct life_span *w = &c->window;
	const int64_t now = life_now(l);
	const int64_t until = c->hurried ? c->told_at : w->until;

	if (w->until == 0 || c->excused || l->ahead_s != 0 || c->by[LIFE_PLAIN] ||
	    now - l->set_at < SOON_S) /* was begun by the clock that there was */
		return;
	if (!c->hurried && now < w->from)
		life_wrong(l, c, "is renewed before its window");
	if (l->plan.steps == 0 && now > until + SOON_S &&
	    was_well(l, LIFE_ARI, c->told_at, now))
		life_wrong(l, c, "is renewed after its window");
}

/* Each minute where minutes are left, each hour where nothing is. */
void life_tried(const struct life *l, struct life_cert *c)
{
	const int64_t day = life_now(l) / D;

	if (c->day != day)
		c->n_tried = 0;
	c->day = day;
	if (++c->n_tried > TRIES_MOST)
		life_wrong(l, c, "is tried again and again");
}

/* An order is given up where what is live comes to its last moment, and to its end. */
static bool may_be_given_up(const struct life_set *live, int64_t since, int64_t now)
{
	const int64_t last =
	    live->not_after - (live->not_after - live->not_before) / 20;

	return live->number != 0 &&
	       ((since < last && last <= now) ||
		(since < live->not_after && live->not_after <= now));
}

void life_ordered(struct life *l, struct life_cert *c, enum life_ca ca)
{
	const int64_t before = c->ordered_at[ca];

	if (ca == LIFE_ARI)
		check_window(l, c);
	if (before != 0 && !c->excused && life_now(l) - before < ORDER_LIFE &&
	    !may_be_given_up(&c->live, before, life_now(l)) &&
	    !c->by[LIFE_PLAIN + LIFE_ARI - ca] && !life_is_in(&l->lame, before))
		life_wrong(l, c, "is ordered once more");
	if (before == 0 || !life_is_in(&l->lame, before)) /* else gone on with */
		c->ordered_at[ca] = life_now(l);
}

void life_made_live(struct life *l, struct life_cert *c, const struct life_set *set)
{
	const bool is_back = set->number < c->live.number;
	/* A roll-back that was refused to what had been gone back to. */
	const bool is_kept = !is_back && c->was_back && set->number == c->before;
	/* Where a hook's test has refused it, what was there before comes back. */
	const bool is_restored = is_back && set->number == c->before &&
				 l->asked_for.command != COMMAND_ROLLBACK;
	/* What is of no use is replaced by what an hour mends. */
	const int64_t skew_s = c->broken || c->excused ? D : SKEW_S;

	check_end(l, c);
	if (!is_back && !is_kept)
		check_begin(l, c);
	if (c->live.not_after > life_host(l) &&
	    set->not_before > life_host(l) + skew_s && !is_restored)
		life_wrong(l, c, "is made live before it begins");
	c->before = c->live.number;
	c->live = *set;
	memset(c->ordered_at, 0, sizeof(c->ordered_at));
	c->window.until = 0;
	c->hurried = c->broken = false;
	c->was_back = c->is_back;
	c->excused = c->is_back = is_back || is_kept;
	c->since = life_now(l);
}

void life_settled(const struct life *l)
{
	if (l->ahead_s != 0 || life_now(l) - l->set_at < MENDED_S)
		return;
	for (int64_t at = life_now(l) - MENDED_S; at <= life_now(l); at += 60)
		if (life_is_in(&l->lame, at))
			return;
	for (size_t i = 0; i < l->n_certs; i++) {
		const struct life_cert *c = &l->certs[i];

		/* Nobody looks after what is not in the configuration. */
		if (!c->absent && life_now(l) - c->since >= MENDED_S &&
		    c->live.not_before > life_now(l) + D)
			life_wrong(l, c, "is live, and does not begin yet");
	}
}

void life_over(struct life *l)
{
	life_settled(l);
	for (size_t i = 0; i < l->n_certs; i++) {
		const struct life_cert *c = &l->certs[i];

		if (c->live.number == 0 && !c->absent)
			life_wrong(l, c, "was never had");
		check_end(l, c);
	}
}
