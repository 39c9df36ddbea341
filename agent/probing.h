/*
 * probing: what the endpoints of a certificate serve: a probe is asked, and its verdict
 * is read, judged and remembered. For a switch (switch.h), and for what is looked at again
 * and again (proof.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/role/verdict.h"

struct agent;
struct err;
struct job_probe;
struct msg;
struct spec;
struct spec_cert;
struct spec_probe;

/* For how long one endpoint is looked at: struct probe_request. */
struct probing_patience {
	int64_t deadline_ms;
	int64_t stale_ms;
};

#define PROBE_BITS 8 /* of a task's number: which endpoint; see LIMIT_PROBES */

/* By SHA-256, the leaf that was live before generation `live` of certificate `i`, or that
 * was taken back for it; all zero: there is none. */
void probing_old(const struct agent *a, uint32_t i, uint64_t live, uint8_t old[32]);

/*
 * What is left of the `whole_ms` that all endpoints have together, `spent_ms` after the
 * service was told: who is looked at later has had that time, too. Only one that was up
 * before, and does not answer now, has it to itself: a certificate may be taken back for
 * it. `whole_ms` 0: one look.
 */
struct probing_patience probing_patience(int64_t whole_ms, int64_t spent_ms,
					 bool was_up);

/* Which leaf should be there, by SHA-256, and which one was before (all zero: none);
 * `chained`: there is a chain to be shown with the first. */
void probing_ask(struct msg *m, const struct spec *s, const struct spec_probe *p,
		 const uint8_t wanted[32], const uint8_t old[32], bool chained,
		 const struct probing_patience *patience);

/* Whether a chain belongs to that generation of certificate `i`. */
bool probing_chained(const struct agent *a, uint32_t i, uint64_t generation);

/* Where the leaf is served and its chain is not: say it, once for as long as it is so
 * (`known`: before, too), and have hooks told. CERT_CHAIN then, else 0. */
uint32_t probing_chain(struct agent *a, uint32_t i, const struct job_probe *probes,
		       bool known);

/* The answer. What could not be found out (a probe that died) is OTHER, and not `asked`:
 * DOWN is only what somebody has seen. */
void probing_take(struct job_probe *p, struct msg *m, const struct err *failed);

/* The worst of all endpoints' verdicts; NEW if there are none. */
enum probe_verdict probing_worst(const struct spec_cert *c,
				 const struct job_probe *probes);

/* ERR_HOOK: one is not NEW; of the worst its name and what it serves. */
int probing_blame(const struct spec *s, const struct spec_cert *c,
		  const struct job_probe *probes, struct err *e);

/* What each endpoint of certificate `i` that was looked at serves, for `status`. */
int probing_remember(struct agent *a, uint32_t i, const struct job_probe *probes,
		     struct err *e);

/* Whether certificate `i` has that endpoint (still). */
bool probing_has(const struct agent *a, uint32_t i, const char *endpoint);
