/* state_ledger: what was asked of issuers that count it, in the state database (see
 * state.h): one row each, gone when no window reaches back to it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct err;
struct state;

/* At most, and 256 more: the oldest go. Far beyond what issuers that count give. */
#define STATE_LEDGER_MAX    100000
#define STATE_LEDGER_SPAN_S (8 * 86400)

/* What is counted is of `issuer` (its name), of one `kind`, and about `what`. */
struct ledger_key {
	const char *issuer;
	unsigned kind; /* enum issuer_limit */
	uint64_t what;
};

int state_ledger_add(struct state *s, const struct ledger_key *key, int64_t at,
		     struct err *e);

/* When the one was that `back` others have come after, of those after `since` and not
 * after `now`; *found false: there are not so many. */
int state_ledger_nth(struct state *s, const struct ledger_key *key, int64_t since,
		     int64_t now, uint32_t back, int64_t *at, bool *found,
		     struct err *e);
