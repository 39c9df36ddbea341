#include "ca/crl_walk.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "ca/crl.h"

/* One that is entered is taken without what is in it. */
static const struct element {
	uint8_t tag;
	uint8_t or_tag;
	bool optional;
	bool entered;
} elements[] = {
	[STEP_LIST] = { DER_SEQUENCE, 0, false, true },
	[STEP_SIGNED] = { DER_SEQUENCE, 0, false, true },
	[STEP_VERSION] = { DER_INTEGER, 0, true, false },
	[STEP_ALGORITHM] = { DER_SEQUENCE, 0, false, false },
	[STEP_ISSUER] = { DER_SEQUENCE, 0, false, false },
	[STEP_THIS_UPDATE] = { DER_UTC, DER_GENERALIZED, false, false },
	[STEP_NEXT_UPDATE] = { DER_UTC, DER_GENERALIZED, true, false },
	[STEP_REVOKED] = { DER_SEQUENCE, 0, true, true },
	[STEP_ENTRY] = { DER_SEQUENCE, 0, false, false },
	[STEP_EXTENSIONS] = { DER_CONTEXT_0, 0, false, false },
	[STEP_AGAIN] = { DER_SEQUENCE, 0, false, false },
	[STEP_SIGNATURE] = { DER_BITS, 0, false, false },
};

void crl_walk_init(struct crl_walk *w, const struct crl_visitor *visitor, void *arg)
{
	*w = (struct crl_walk){ .visitor = visitor, .arg = arg };
	w->held = xcalloc(1, CRL_ELEMENT_MAX);
}

void crl_walk_done(struct crl_walk *w)
{
	free(w->held);
}

static int no_crl(struct err *e)
{
	return err_set(e, ERR_PROTO,
		       "it is no CRL: its DER is not that of RFC 5280 5.1");
}

/* Where the next element must have ended. */
static uint64_t bound(const struct crl_walk *w)
{
	if (w->step == STEP_LIST)
		return UINT64_MAX;
	if (w->step == STEP_ENTRY)
		return w->end_revoked;
	return w->step > STEP_SIGNED && w->step < STEP_AGAIN ? w->end_signed
							     : w->end_list;
}

static void enter(struct crl_walk *w, uint64_t end)
{
	if (w->step == STEP_LIST)
		w->end_list = end;
	if (w->step == STEP_REVOKED)
		w->end_revoked = end;
	if (w->step != STEP_SIGNED)
		return;
	w->at_signed = w->at;
	w->end_signed = end;
}

/* Behind an element: the next step, which may be another one of the same. */
static int go_on(struct crl_walk *w, struct err *e)
{
	if (w->step != STEP_ENTRY)
		w->step++;
	if (w->step == STEP_ENTRY && w->at == w->end_revoked)
		w->step = STEP_EXTENSIONS;
	/* What may stand at the end of what is signed need not. */
	if (w->step > STEP_THIS_UPDATE && w->step < STEP_AGAIN &&
	    w->at == w->end_signed)
		w->step = STEP_AGAIN;
	return w->step == STEP_AGAIN && w->at != w->end_signed ? no_crl(e) : 0;
}

/* Entries that are whole, which is where the time goes. */
static int walk_entries(struct crl_walk *w, const uint8_t *at, size_t len, size_t *used,
			struct err *e)
{
	const uint64_t left = w->end_revoked - w->at;
	const size_t all = len < left ? len : (size_t)left;
	size_t done = 0;

	while (all - done >= 2 && at[done] == DER_SEQUENCE && at[done + 1] < 0x80 &&
	       all - done - 2 >= at[done + 1]) {
		const struct der entry = { at + done + 2, at[done + 1] };

		TRY(w->visitor->entry(w->arg, &entry, e));
		w->n_entries++;
		done += 2 + entry.len;
	}
	*used = done;
	return 0;
}

static int take(struct crl_walk *w, const struct der *all, struct err *e)
{
	struct der d = *all, entry;

	if (w->step != STEP_ENTRY)
		return w->visitor->take(w->arg, w->step, all, e);
	if (!der_take(&d, DER_SEQUENCE, &entry))
		return no_crl(e);
	w->n_entries++;
	return w->visitor->entry(w->arg, &entry, e);
}

/* The element that begins at `at`: *used octets of it were taken; 0: w->need are needed,
 * or the step was another one and has been passed over. */
static int walk_element(struct crl_walk *w, const uint8_t *at, size_t len, size_t *used,
			struct err *e)
{
	const struct element *x = &elements[w->step];
	struct der_head h;
	size_t n;

	if (at[0] != x->tag && (x->or_tag == 0 || at[0] != x->or_tag)) {
		if (!x->optional)
			return no_crl(e);
		w->step += w->step == STEP_REVOKED ? 2 : 1;
		return 0;
	}
	n = der_head(at, len, &h);
	if (n == 0)
		return no_crl(e);
	w->need = n;
	if (n > len)
		return 0;
	if (n > bound(w) - w->at || h.len > bound(w) - w->at - n)
		return no_crl(e);
	if (!x->entered && h.len > CRL_ELEMENT_MAX - n)
		return err_set(e, ERR_LIMIT, "one element of it has %u octets", h.len);
	if (!x->entered)
		w->need += h.len;
	if (w->need > len)
		return 0;
	if (x->entered)
		enter(w, w->at + n + h.len);
	else
		TRY(take(w, &(struct der){ at, w->need }, e));
	*used = w->need;
	return 0;
}

/* One element, or as many entries as are whole; *used 0 as above. */
static int walk_on(struct crl_walk *w, const uint8_t *at, size_t len, size_t *used,
		   struct err *e)
{
	if (w->step == STEP_ENTRY)
		TRY(walk_entries(w, at, len, used, e));
	if (*used == 0)
		TRY(walk_element(w, at, len, used, e));
	if (*used == 0)
		return 0;
	if (w->step >= STEP_SIGNED && w->step < STEP_AGAIN)
		TRY(w->visitor->is_signed(w->arg, w->step, at, *used, e));
	w->at += *used;
	return go_on(w, e);
}

/* Take what is whole; what is not, and begins at *used, is left. */
static int walk(struct crl_walk *w, const uint8_t *at, size_t len, size_t *used,
		struct err *e)
{
	*used = 0;
	while (*used < len && w->step < STEP_END) {
		const enum crl_step step = w->step;
		size_t n = 0;

		TRY(walk_on(w, at + *used, len - *used, &n, e));
		if (n == 0 && step == w->step)
			return 0;
		*used += n;
	}
	if (*used == len)
		return 0;
	return err_set(e, ERR_PROTO, "something stands after the CRL");
}

/* Add to the element that is not whole just what it takes to go on. */
static int hold(struct crl_walk *w, const uint8_t *at, size_t len, size_t *taken,
		struct err *e)
{
	const size_t missing = w->need - w->n_held;
	size_t used;

	*taken = missing < len ? missing : len;
	memcpy(w->held + w->n_held, at, *taken);
	w->n_held += *taken;
	if (w->n_held < w->need)
		return 0;
	TRY(walk(w, w->held, w->n_held, &used, e));
	w->n_held -= used;
	assert(used == 0 || w->n_held == 0);
	return 0;
}

int crl_walk_feed(struct crl_walk *w, const uint8_t *at, size_t len, struct err *e)
{
	size_t done = 0, n = 0;

	w->seen += len;
	while (w->n_held > 0 && done < len) {
		TRY(hold(w, at + done, len - done, &n, e));
		done += n;
	}
	if (done == len)
		return 0;
	TRY(walk(w, at + done, len - done, &n, e));
	done += n;
	w->n_held = len - done;
	memcpy(w->held, at + done, w->n_held);
	return 0;
}

int crl_walk_end(const struct crl_walk *w, struct err *e)
{
	if (w->step == STEP_LIST)
		return err_set(e, ERR_PROTO, "it is cut off in its first octets");
	if (w->step != STEP_END && w->seen < w->end_list)
		return err_set(e, ERR_PROTO, "it is cut off: %llu octets of %llu",
			       (unsigned long long)w->seen,
			       (unsigned long long)w->end_list);
	return w->step == STEP_END && w->at == w->end_list ? 0 : no_crl(e);
}
