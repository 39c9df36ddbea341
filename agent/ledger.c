#include "agent/ledger.h"

#include "agent/agent.h"
#include "agent/job.h"
#include "agent/role/name_set.h"
#include "agent/state/state_ledger.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"

/* Those that an issuer has no room for now: each gets a place of its own. */
struct ledger_line {
	int64_t until; /* the first one's turn */
	uint32_t n;
};

/* What an order of a certificate counts as. */
struct count {
	bool any;      /* the issuer counts at all */
	bool is_new;   /* for the account */
	uint64_t what; /* for its set */
};

void ledger_place(uint32_t place, uint32_t most, int64_t span_s, uint32_t *back,
		  int64_t *more_s)
{
	*back = most - 1 - place % most;
	*more_s = (int64_t)(place / most) * span_s;
}

static const char *issuer_name(const struct agent *a, uint32_t issuer)
{
	return spec_text(a->spec, a->spec->issuers[issuer].name);
}

static struct count count_of(const struct agent *a, uint32_t i, uint32_t issuer,
			     const struct name_set *out)
{
	const int64_t now = clock_now();
	const struct spec_issuer *s = &a->spec->issuers[issuer];
	const struct spec_cert *spec = &a->spec->certs[i];
	const struct cert *c = &a->certs[i];
	const bool is_successor =
	    (c->flags & (CERT_PRESENT | CERT_UNREADABLE)) == CERT_PRESENT &&
	    c->issuer == issuer;
	const bool is_advised = is_successor && s->ari != 0 && c->ari_at != 0 &&
				c->ari_at <= now && now < c->ari_end;

	return (struct count){
		.any = s->type == ISSUER_ACME && !is_advised,
		.is_new = !is_successor || c->names_hash != spec->names_hash,
		.what = name_set_hash(a->spec, spec, out),
	};
}

/* -- reading -- */

struct question {
	struct ledger_key key;
	const struct spec_limit *limit;
	uint32_t place; /* others that come before it, and are in no row yet */
	int64_t now;
};

/* When there is room; 0: there is. */
static int look_up(const struct agent *a, const struct question *q, int64_t *slot,
		   struct err *e)
{
	const int64_t span_s = q->limit->span_s;
	int64_t more_s, at = 0;
	uint32_t back;
	bool found;

	*slot = 0;
	ledger_place(q->place, q->limit->most, span_s, &back, &more_s);
	TRY(state_ledger_nth(a->state, &q->key, q->now - span_s, q->now, back, &at,
			     &found, e));
	if (found)
		*slot = at + span_s + more_s;
	else if (more_s > 0)
		*slot = q->now + more_s;
	return 0;
}

static int hold(const struct question *q, int64_t slot, struct err *e)
{
	static const struct {
		const char *key, *words;
	} limits[ISSUER_LIMITS] = {
		[PER_ACCOUNT] = { "orders", "new orders" },
		[PER_SET] = { "set", "orders for the very same names" },
		[PER_NAME] = { "failures", "failed orders with a name" },
	};
	char span[TEXT_SPAN_MAX];

	return err_later(e, slot * 1000,
			 "%s: held back: %u %s in %s are the most (limits.%s)",
			 q->key.issuer, (unsigned)q->limit->most,
			 limits[q->key.kind].words,
			 text_span_of(span, q->limit->span_s), limits[q->key.kind].key);
}

/* Orders that are being made: they are in no row yet. */
static uint32_t n_busy(const struct agent *a, uint32_t i, uint32_t issuer,
		       const struct count *same_set)
{
	uint32_t n = 0;

	for (const struct job *j = a->jobs; j != NULL; j = j->next) {
		struct count c;

		if (j->cert == i || j->state != JOB_ORDERING || j->order != NULL ||
		    j->issuer != issuer)
			continue;
		c = count_of(a, j->cert, issuer, &j->out);
		if (c.any)
			n += same_set != NULL ? c.what == same_set->what : c.is_new;
	}
	return n;
}

static int look_at_set(const struct agent *a, uint32_t i, uint32_t issuer,
		       struct question *q, const struct count *c, struct err *e)
{
	int64_t slot;

	q->key.kind = PER_SET;
	q->key.what = c->what;
	q->limit = &a->spec->issuers[issuer].limits[PER_SET];
	if (q->limit->most == 0)
		return 0;
	q->place = n_busy(a, i, issuer, c);
	TRY(look_up(a, q, &slot, e));
	return slot == 0 ? 0 : hold(q, slot, e);
}

static struct ledger_line *line_of(struct agent *a, uint32_t issuer, int64_t now)
{
	struct ledger_line *line;

	if (a->ledger_lines == NULL)
		a->ledger_lines =
		    xcalloc(a->spec->n[SPEC_ISSUERS], sizeof(*a->ledger_lines));
	line = &a->ledger_lines[issuer];
	if (line->until <= now)
		*line = (struct ledger_line){ .n = 0 };
	return line;
}

static int look_at_account(struct agent *a, uint32_t i, uint32_t issuer,
			   struct question *q, struct err *e)
{
	struct ledger_line *line = line_of(a, issuer, q->now);
	int64_t slot;

	q->key.kind = PER_ACCOUNT;
	q->key.what = 0;
	q->limit = &a->spec->issuers[issuer].limits[PER_ACCOUNT];
	if (q->limit->most == 0)
		return 0;
	q->place = n_busy(a, i, issuer, NULL);
	TRY(look_up(a, q, &slot, e));
	if (slot == 0)
		return 0;
	if (line->n == 0)
		line->until = slot;
	q->place += line->n++;
	TRY(look_up(a, q, &slot, e));
	return hold(q, slot, e);
}

static int look_at_names(const struct agent *a, uint32_t i, uint32_t issuer,
			 const struct name_set *out, struct question *q, struct err *e)
{
	const struct list names = a->spec->certs[i].names;
	int64_t slot, latest = 0;

	q->key.kind = PER_NAME;
	q->limit = &a->spec->issuers[issuer].limits[PER_NAME];
	q->place = 0;
	for (uint32_t k = 0; k < names.n && q->limit->most > 0; k++) {
		if (name_set_has(out, k))
			continue;
		q->key.what = spec_name_hash(a->spec, &a->spec->names[names.first + k]);
		TRY(look_up(a, q, &slot, e));
		latest = slot > latest ? slot : latest;
	}
	return latest == 0 ? 0 : hold(q, latest, e);
}

int ledger_hold(struct agent *a, uint32_t i, uint32_t issuer,
		const struct name_set *out, struct err *e)
{
	struct question q = { .key.issuer = issuer_name(a, issuer),
			      .now = clock_now() };
	const struct count c = count_of(a, i, issuer, out);

	if (!c.any || (a->certs[i].flags & CERT_ASKED) != 0)
		return 0;
	TRY(look_at_names(a, i, issuer, out, &q, e));
	TRY(look_at_set(a, i, issuer, &q, &c, e));
	return c.is_new ? look_at_account(a, i, issuer, &q, e) : 0;
}

/* -- writing -- */

static int add(struct agent *a, uint32_t issuer, enum issuer_limit kind, uint64_t what,
	       struct err *e)
{
	const struct ledger_key key = { issuer_name(a, issuer), kind, what };

	if (a->spec->issuers[issuer].limits[kind].most == 0)
		return 0;
	TRY(agent_write(a, e));
	return state_ledger_add(a->state, &key, clock_now(), e);
}

int ledger_ordered(struct agent *a, uint32_t i, uint32_t issuer,
		   const struct name_set *out, struct err *e)
{
	const struct count c = count_of(a, i, issuer, out);

	if (!c.any)
		return 0;
	if (c.is_new)
		TRY(add(a, issuer, PER_ACCOUNT, 0, e));
	return add(a, issuer, PER_SET, c.what, e);
}

int ledger_failed(struct agent *a, uint32_t i, uint32_t issuer,
		  const struct name_set *names, struct err *e)
{
	const struct list all = a->spec->certs[i].names;

	for (uint32_t k = 0; k < all.n; k++)
		if (names == NULL || name_set_has(names, k))
			TRY(add(a, issuer, PER_NAME,
				spec_name_hash(a->spec, &a->spec->names[all.first + k]),
				e));
	return 0;
}
