/* cases: what a run is doing when it is cut. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct world;

#define CASE_COMMANDS 5

struct crash_case {
	const char *name;
	const char *certs;                    /* "www mail": their names */
	const char *prepare[CASE_COMMANDS];   /* commands that lead up to it */
	void (*twist)(const struct world *w); /* ... and what else happens before */
	/* The certificates of the configuration while preparing. In it $ stands for
	 * the files of the layout, % for the same ones given to others. */
	const char *before;
	const char *conf;    /* and then; NULL: the same */
	const char *command; /* is cut */
	const char *next;    /* is run after it, and must put everything right */
	unsigned orders;     /* certificates that are issued if nothing is cut */
	unsigned live;   /* the generation that is live in the end; 0: the highest */
	bool acme;       /* the issuer "ca" is an ACME server */
	bool files_only; /* not in LAYOUT_LIVE */
	bool hook;       /* the hook runs for each certificate */
	bool maybe;      /* the next run need not do what was begun */
	enum {
		CASE_FILES,       /* in the end the files are what is live */
		CASE_FILES_GIVEN, /* ... and belong to others */
		CASE_FILES_STAY,  /* they are what they were */
	} end;
	const char *gone; /* a certificate of which nothing is left */
	bool revoked;     /* what was live before is, if it is so no more */
};

/* Where the certificate www is written besides the store. */
enum layout {
	LAYOUT_LIVE,  /* nowhere */
	LAYOUT_FILES, /* out/www.{combined,der,key} */
	LAYOUTS,
};

extern const struct crash_case crash_cases[];
extern const size_t n_crash_cases;

const char *layout_word(enum layout layout);
/* "www.der www.key": below out/, by content. */
const char *layout_files(enum layout layout);
bool layout_fits(enum layout layout, const struct crash_case *c);

/* Who may have the files of a case that gives them away; as root, the group too. */
#define CASE_GIVEN_MODE  0640
#define CASE_GIVEN_GROUP 64107

/* Make w/ as it is before the command of `c`, and keep it. False: that failed. */
bool case_prepare(const struct crash_case *c, const struct world *w);
