#include "agent/rule/schedule.h"

#include <string.h>

#include "agent/role/spec.h"
#include "base/err.h"
#include "base/hash.h"

#define MINUTE 60u
#define HOUR   3600u
#define DAY    86400u

#define SHORT_LIVED (10u * DAY) /* renewed at half of its life, not at two thirds */

uint32_t schedule_draw(const char *host_id, const void *serial, size_t len)
{
	uint8_t sum[HASH_LEN];
	struct hash h;

	hash_begin(&h);
	/* With the NUL, so that no two pairs are the same bytes. */
	hash_add(&h, host_id, strlen(host_id) + 1);
	hash_add(&h, serial, len);
	hash_end(&h, sum);
	return (uint32_t)sum[0] << 24 | (uint32_t)sum[1] << 16 | (uint32_t)sum[2] << 8 |
	       sum[3];
}

/* part / 2^32 of `whole`. */
static uint64_t fraction(uint64_t whole, uint32_t part)
{
	return (uint64_t)((unsigned __int128)whole * part >> 32);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* The seconds from `from` to `to`, 0 if there are none. */
static uint64_t span(int64_t from, int64_t to)
{
	return to > from ? (uint64_t)to - (uint64_t)from : 0;
}

/* `at` + `wait`, or the end of time. */
static int64_t later(int64_t at, uint64_t wait)
{
	return wait > span(at, INT64_MAX) ? INT64_MAX : (int64_t)((uint64_t)at + wait);
}

/* `at` - `back`; the caller knows that it does not go below the first second. */
static int64_t earlier(int64_t at, uint64_t back)
{
	return (int64_t)((uint64_t)at - back);
}

/* How long before the end, as the configuration has it. */
static uint64_t asked_before(const struct spec_cert *spec, uint64_t life)
{
	unsigned __int128 part;

	if (spec->before_s > 0)
		return (uint64_t)spec->before_s;
	if (spec->before_num == 0 || spec->before_den == 0)
		return life < SHORT_LIVED ? life / 2 : life / 3;
	part = (unsigned __int128)life * spec->before_num / spec->before_den;
	return part > UINT64_MAX ? UINT64_MAX : (uint64_t)part;
}

int64_t schedule_last_at(int64_t not_before, int64_t not_after)
{
	return earlier(not_after, span(not_before, not_after) / 20);
}

int64_t schedule_renew_at(const struct spec_cert *spec, int64_t not_before,
			  int64_t not_after, uint32_t draw, int *clamped)
{
	uint64_t life = span(not_before, not_after);
	uint64_t asked = asked_before(spec, life);
	/* Late ones are moved before the draw, not after: they spread out too. */
	uint64_t before = most(least(asked, life / 2), life / 20);

	if (clamped != NULL)
		*clamped = asked > life / 2;
	return earlier(not_after, before + fraction(life / 20, draw));
}

int64_t schedule_settled_at(int64_t at, int64_t came_at, int64_t not_after, int64_t now)
{
	if (at > came_at || came_at >= not_after || span(now, came_at) > DAY)
		return at;
	return later(came_at, span(came_at, not_after) / 2);
}

/* = RFC 9773 4.2 "Select a uniform random time within the suggested window." [window] */
int64_t schedule_point(int64_t start, int64_t end, uint32_t draw)
{
	return later(start, fraction(span(start, end), draw));
}

int64_t schedule_rolled_back_at(int64_t renew_at, int64_t not_before, int64_t not_after,
				int64_t now)
{
	return renew_at > now ? renew_at : schedule_last_at(not_before, not_after);
}

/* `first` doubled n times, up to `max`. */
static uint64_t doubled(uint64_t first, unsigned n, uint64_t max)
{
	return least(first << least(n, 16), max);
}

/* What can still be spent on waiting while the live certificate lasts. */
static uint64_t affordable(int64_t now, int64_t not_after)
{
	if (not_after == 0)
		return UINT64_MAX;
	return not_after > now ? span(now, not_after) / 8 : HOUR;
}

static uint64_t back_off(uint64_t wait, int64_t now, int64_t not_after, uint32_t draw)
{
	wait = least(wait, affordable(now, not_after));
	return most(wait - wait / 4 + fraction(wait / 2, draw), MINUTE);
}

int64_t schedule_retry_at(int code, unsigned n, int64_t now, int64_t not_after,
			  uint32_t draw)
{
	uint64_t wait;

	switch (code) {
	case ERR_REFUSED:
	case ERR_CONFIG:
		wait = least(DAY, most(affordable(now, not_after), HOUR));
		break;
	case ERR_BUSY:
		wait = 5 + fraction(6, draw);
		break;
	case ERR_PROTO:
	case ERR_LIMIT:
	case ERR_TRUST:
		wait = doubled(HOUR, n == 0 ? 0 : n - 1, DAY);
		wait = back_off(wait, now, not_after, draw);
		break;
	default:
		wait = back_off(doubled(MINUTE, n, 6 * HOUR), now, not_after, draw);
	}
	return later(now, wait);
}

int64_t schedule_later_at(int64_t asked, int64_t now)
{
	return later(now, most(least(span(now, asked), SCHEDULE_WAIT_MAX), 1));
}

int64_t schedule_poll_at_ms(int64_t asked_ms, int64_t since, int64_t now_ms)
{
	const uint64_t age_s = span(since, now_ms / 1000);
	const uint64_t wait_ms =
	    age_s < MINUTE ? 0 : least(age_s / 10, HOUR) * (uint64_t)1000;
	const int64_t at_ms = later(now_ms, wait_ms);

	return asked_ms > at_ms ? asked_ms : at_ms;
}

/* `at`; of an hour and more not in the first minute of an hour but elsewhere in it. */
static uint64_t off_the_hour(uint64_t at, uint64_t span_s, uint32_t draw)
{
	return span_s < HOUR || at % HOUR >= MINUTE
		   ? at
		   : at + MINUTE + draw % (HOUR - 2 * MINUTE);
}

int64_t schedule_turn_at(int64_t every_s, uint32_t draw, int64_t now)
{
	const uint64_t asked = every_s < 1 ? 1 : (uint64_t)every_s;
	const uint64_t every = asked < HOUR ? asked : asked - asked % HOUR;
	const uint64_t since = now < 0 ? 0 : (uint64_t)now;
	const uint64_t place = off_the_hour(fraction(every, draw), every, draw);
	const int64_t at = later((int64_t)(since - since % every), place);

	return at > now ? at : later(at, every);
}

int64_t schedule_spread(int64_t at, uint32_t draw, int64_t now)
{
	const uint64_t wait = span(now, at);
	const int64_t later_at = wait < HOUR ? at : later(at, fraction(wait / 6, draw));

	return later_at < 0 || later_at > INT64_MAX - HOUR
		   ? later_at
		   : (int64_t)off_the_hour((uint64_t)later_at, wait, draw);
}
