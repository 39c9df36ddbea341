#include "agent/clockwatch.h"

static bool is_wrong(int64_t now_ms)
{
	return now_ms / 1000 < CLOCKWATCH_MADE;
}

void clockwatch_begin(struct clockwatch *w, int64_t now_ms, int64_t boot_ms,
		      int64_t seen)
{
	*w = (struct clockwatch){
		.apart_ms = now_ms - boot_ms,
		.wrong = is_wrong(now_ms),
		.doubted = now_ms / 1000 < seen - CLOCKWATCH_JUMP_MS / 1000,
	};
}

int64_t clockwatch_turn(struct clockwatch *w, int64_t now_ms, int64_t boot_ms)
{
	const int64_t jump_ms = now_ms - boot_ms - w->apart_ms;

	if (jump_ms < CLOCKWATCH_JUMP_MS && jump_ms > -CLOCKWATCH_JUMP_MS)
		return 0;
	w->apart_ms += jump_ms;
	w->heard = false; /* of the time that was */
	w->off_s = 0;
	/* From a wrong time to a right one is no reason to doubt. */
	if (jump_ms > CLOCKWATCH_DOUBT_MS && !w->wrong)
		w->doubted = true;
	w->wrong = is_wrong(now_ms);
	return jump_ms;
}

bool clockwatch_hear(struct clockwatch *w, int64_t ahead_s)
{
	const bool was_heard = w->heard, was_off = w->off_s != 0;
	const bool is_off = ahead_s > CLOCKWATCH_DOUBT_MS / 1000 ||
			    ahead_s < -CLOCKWATCH_DOUBT_MS / 1000;

	w->heard = true;
	w->off_s = is_off ? ahead_s : 0;
	return !was_heard || is_off != was_off;
}
