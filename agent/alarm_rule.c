#include "agent/alarm_rule.h"

#include <stddef.h>

#include "agent/state/state_alarm.h"

bool alarm_is_due(const struct alarm_row *last, uint64_t kind, int64_t now)
{
	return last == NULL || last->kind != kind || last->told_at > now ||
	       (uint64_t)now - (uint64_t)last->told_at >= ALARM_REPEAT_S;
}

unsigned alarm_step(int64_t not_before, int64_t not_after, int64_t moment, int64_t now,
		    int64_t *next)
{
	static const uint64_t parts[] = { 6, 12, 20, 0 };
	const uint64_t life =
	    not_after > not_before ? (uint64_t)not_after - (uint64_t)not_before : 0;
	unsigned step = 0;

	for (size_t k = 0; k < sizeof(parts) / sizeof(*parts); k++) {
		const uint64_t left = parts[k] == 0 ? 0 : life / parts[k];
		const int64_t begins = (int64_t)((uint64_t)not_after - left);

		*next = begins > moment ? begins : moment;
		if (*next > now)
			return step;
		step++;
	}
	*next = INT64_MAX;
	return step;
}
