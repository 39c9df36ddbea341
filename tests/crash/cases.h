/* cases: what a run is doing when it is cut. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct world;

#define CASE_COMMANDS 5

struct crash_case {
	const char *name;
	const char *certs;                  /* "www mail": their names */
	const char *files;                  /* "www.combined": below out/, by content */
	const char *prepare[CASE_COMMANDS]; /* commands that lead up to it */
	void (*twist)(const struct world *w); /* ... and what else happens before */
	const char *before;  /* configuration of certificates while preparing */
	const char *conf;    /* and then; NULL: the same */
	const char *command; /* is cut */
	const char *next;    /* is run after it, and must put everything right */
	unsigned orders;     /* certificates that are issued if nothing is cut */
	unsigned live; /* the generation that is live in the end; 0: the highest */
	bool acme;     /* the issuer "ca" is an ACME server */
	bool hook;     /* the hook runs for each certificate */
	bool maybe;    /* the next run need not do what was begun */
};

extern const struct crash_case crash_cases[];
extern const size_t n_crash_cases;

/* Make w/ as it is before the command of `c`, and keep it. False: that failed. */
bool case_prepare(const struct crash_case *c, const struct world *w);
