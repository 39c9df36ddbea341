/* cases: what a run is doing when it is cut. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tests/crash/check.h"
#include "tests/crash/outside.h"

struct world;

#define CASE_COMMANDS 5

struct crash_case {
	const char *name;
	const char *certs;                    /* "www mail": their names */
	const char *prepare[CASE_COMMANDS];   /* commands that lead up to it */
	void (*twist)(const struct world *w); /* ... and what else happens before */
	/* The certificates of the configuration while preparing; see layout_fill(). */
	const char *before;
	const char *conf;    /* and then; NULL: the same */
	const char *command; /* is cut */
	const char *next;    /* is run after it, and must put everything right */
	void (*later)(const struct world *w); /* so much time passes before it */
	unsigned orders; /* certificates that are issued if nothing is cut */
	unsigned live;   /* the generation that is live in the end; 0: the highest */
	bool rolls;      /* the CA has another key of the account in the end */
	bool daemon;     /* it does not end by itself: daemon.h */
	enum outside outside; /* that is called "ca" */
	bool served;          /* there is a service, which is probed */
	bool live_only;       /* in LAYOUT_LIVE */
	bool files_only;      /* not in LAYOUT_LIVE */
	bool seldom;          /* of these `make check` takes few points */
	bool hook;            /* the hook runs for each certificate */
	bool announces; /* next_key: who is told of a key gets a certificate for it */
	bool maybe;     /* the next run need not do what was begun */
	enum {
		CASE_FILES,       /* in the end the files are what is live */
		CASE_FILES_GIVEN, /* ... and belong to others */
		CASE_FILES_STAY,  /* they are what they were */
	} end;
	/* What else must hold: of whoever looks, and with `how` in the end; see also.h. */
	const char *(*also)(const struct world *w, bool is_end, unsigned how,
			    char why[CHECK_WHY]);
	const char *gone; /* a certificate of which nothing is left */
	bool revoked;     /* what was live before is, if it is so no more */
};

extern const struct crash_case crash_cases[];
extern const size_t n_crash_cases;
