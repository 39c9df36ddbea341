/* alarm_rule: when something is told again, and when an end is near. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct alarm_row;

/* A day, less what an attempt that is made once a day may come early by. Where nothing
 * else comes across it again it is up to four hours longer (schedule_spread()). */
#define ALARM_REPEAT_S (23 * 3600)

/* Whether `kind` is told now, `last` being what was told last (NULL: nothing): what is
 * another kind, or was told that long ago, or after now by a clock that was wrong. */
bool alarm_is_due(const struct alarm_row *last, uint64_t kind, int64_t now);

/*
 * How near the end is of a certificate that is not renewed though the moment for it has
 * come: 1, 2, 3 where a sixth, a twelfth, a twentieth of its life is left, 4 when it is
 * over; 0 before. *next is when the number will be another one, INT64_MAX: never. The
 * first and the third are where `status --check` warns and alarms.
 */
unsigned alarm_step(int64_t not_before, int64_t not_after, int64_t moment, int64_t now,
		    int64_t *next);
