#include "agent/clockwatch.h"

static bool is_wrong(int64_t now_ms)
{
	return now_ms / 1000 < CLOCKWATCH_MADE;
}

/* What it is worth after it was set, or at the start. */
static void judge(struct clockwatch *w, int64_t now_ms, int64_t boot_ms)
{
	const bool was_doubted = w->doubted;

	w->wrong = is_wrong(now_ms);
	/* From a wrong time to a right one is no reason to doubt. */
	if (!w->known)
		w->sure_ms = w->apart_ms;
	w->known |= !w->wrong;
	w->doubted = w->behind || w->apart_ms - w->sure_ms > CLOCKWATCH_DOUBT_MS;
	if (!w->doubted && !w->wrong)
		w->sure_ms = w->apart_ms;
	if (!was_doubted)
		w->since_ms = boot_ms;
}

void clockwatch_begin(struct clockwatch *w, int64_t now_ms, int64_t boot_ms,
		      int64_t seen)
{
	*w = (struct clockwatch){
		.apart_ms = now_ms - boot_ms,
		.behind = now_ms / 1000 < seen - CLOCKWATCH_JUMP_MS / 1000,
	};
	judge(w, now_ms, boot_ms);
}

int64_t clockwatch_turn(struct clockwatch *w, int64_t now_ms, int64_t boot_ms)
{
	const int64_t jump_ms = now_ms - boot_ms - w->apart_ms;

	if (jump_ms < CLOCKWATCH_JUMP_MS && jump_ms > -CLOCKWATCH_JUMP_MS)
		return 0;
	w->apart_ms += jump_ms;
	w->heard = false; /* of the time that was */
	w->off_s = 0;
	judge(w, now_ms, boot_ms);
	return jump_ms;
}

void clockwatch_agree(struct clockwatch *w)
{
	w->sure_ms = w->apart_ms;
	w->behind = w->doubted = false;
}

bool clockwatch_is_sure(const struct clockwatch *w)
{
	return !w->doubted && w->off_s == 0;
}

int64_t clockwatch_hold_ms(const struct clockwatch *w, bool of_this_host,
			   int64_t boot_ms)
{
	int64_t until_ms = boot_ms;

	if (w->doubted && of_this_host)
		until_ms = w->since_ms + CLOCKWATCH_HOLD_MS;
	if (w->off_s != 0 && w->heard_ms + CLOCKWATCH_HOLD_MS > until_ms)
		until_ms = w->heard_ms + CLOCKWATCH_HOLD_MS;
	return until_ms > boot_ms ? until_ms - boot_ms : 0;
}

void clockwatch_renewed(struct clockwatch *w, int64_t boot_ms)
{
	if (w->off_s != 0)
		w->heard_ms = boot_ms;
}

bool clockwatch_hear(struct clockwatch *w, int64_t ahead_s, int64_t boot_ms)
{
	const bool was_heard = w->heard, was_off = w->off_s != 0;
	const bool is_off = ahead_s > CLOCKWATCH_DOUBT_MS / 1000 ||
			    ahead_s < -CLOCKWATCH_DOUBT_MS / 1000;

	w->heard = true;
	w->off_s = is_off ? ahead_s : 0;
	w->heard_ms = boot_ms;
	return !was_heard || is_off != was_off;
}
