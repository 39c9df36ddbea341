/* owncrl_rule: what owncrl.h goes by, without anything under way. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/rule/crlwatch_rule.h"

struct crl_answer;
struct crl_part;
struct err;

/* crl_serial_key() of a serial as in struct x509_facts. */
uint64_t owncrl_key(const char *serial);

/* What has come, held against what was known. ERR_TRUST: it is not believed. */
int owncrl_judge(const struct crl_part *known, const struct crl_answer *w, int64_t now,
		 struct err *e);

/* When to look again after the `failures`-th failure `why` in a row, where the last good
 * list lasts until `until` (0: there was none): as schedule_retry_at(), but as often as a
 * good one is looked for at the least; or when the server says. */
int64_t owncrl_retry_at(const struct err *why, unsigned failures, int64_t until,
			int64_t now, uint32_t draw);

/* Public CAs publish a list of certificates each four days, or seven where all of them name
 * an OCSP responder (Baseline Requirements 4.9.7). */
#define OWN_PUBLIC_S (4 * 86400)
#define OWN_OCSP_S   (7 * 86400)

/* How old the list `p` is. One of a public CA, which is to publish each `public_s` (0: it is
 * none), is late when the newest that it had at `looked_at` was older than that. */
enum crl_age owncrl_age(const struct crl_part *p, int64_t looked_at, int64_t public_s,
			int64_t now);

/* Who would be on a list, and is looked up in it in passes of CRL_SERIALS_MAX. */
struct own_members {
	uint32_t *who; /* owned, n of both; OWN_NONE: was found */
	uint64_t *keys;
	size_t n;
	size_t first; /* those before it have been looked up */
};

/* How many are in the pass that begins at `first`. */
size_t own_members_asked(const struct own_members *m);
/* That pass is over, and those that it has found are taken out: how many. `more`: it knows
 * of others that it did not tell; then it is done again, if it has found any: others may only
 * look like ours, and are not asked about for ever. */
size_t own_members_pass(struct own_members *m, bool more);
