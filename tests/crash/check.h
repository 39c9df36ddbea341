/*
 * check: what must hold after a crash, and after the run that follows it. Looked at with
 * the plain calls of the C library, OpenSSL and SQLite, not with what is being tested.
 */
#pragma once

#include <stdbool.h>

struct crash_case;
struct world;

#define CHECK_CERTS 4

/* What is counted, before the crash and in the end. */
struct check_facts {
	unsigned live[CHECK_CERTS]; /* 0: none */
	unsigned highest[CHECK_CERTS];
	char next[80]; /* what is said of the key that waits for the first of them */
	unsigned issued;
	unsigned pending; /* hooks */
	unsigned ordered; /* at the ACME server */
	unsigned faults;  /* as it saw them */
};

/* Each returns NULL, or what is wrong, in `why`. */
#define CHECK_WHY 512

void check_facts(const struct crash_case *c, const struct world *w,
		 struct check_facts *f);

/* Before anything is run again: whoever looks finds whole sets only. */
const char *check_cut(const struct crash_case *c, const struct world *w,
		      char why[CHECK_WHY]);

/* After the next run, how the one before it ended. */
#define CHECK_WHOLE  (1u << 0) /* it said that it had done all */
#define CHECK_FAILED (1u << 1) /* a call did: what could not be removed may be there */
#define CHECK_POWER  (1u << 2) /* the power went: what was not synced may be back */

const char *check_next(const struct crash_case *c, const struct world *w,
		       const struct check_facts *before, unsigned how,
		       char why[CHECK_WHY]);
