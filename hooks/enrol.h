/*
 * enrol: a program that gets certificates: how it is called, and what its answer means.
 *
 *     everleaf     the request on stdin; EVERLEAF_ISSUER, EVERLEAF_STEP (submit, poll),
 *                  EVERLEAF_NAME, EVERLEAF_DOMAINS, EVERLEAF_WHY, EVERLEAF_CERT (what is
 *                  live), EVERLEAF_HANDLE. It exits with 0: the chain is on stdout; 75
 *                  (EX_TEMPFAIL): later, in as many seconds as the first line of stdout
 *                  says, and what is behind that line is the handle that it is given then;
 *                  77 (EX_NOPERM): refused
 *     certmonger   as certmonger calls its helpers: the request in CERTMONGER_CSR too,
 *                  CERTMONGER_OPERATION (SUBMIT, POLL) and others; 0 issued, 1 later (its
 *                  cookie on stdout), 2 rejected, 3 unreachable, 4 and 17 unconfigured, 5
 *                  later (seconds, then the cookie), 6 and 16 not by this helper
 *
 * With any other status, or killed, it has failed, and is asked again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

enum enrol_dialect {
	ENROL_EVERLEAF,
	ENROL_CERTMONGER,
	ENROL_DIALECTS,
};

extern const char *const enrol_words[]; /* NULL-terminated */

struct enrol_call {
	enum enrol_dialect dialect;
	const char *issuer; /* its name */
	const char *name;   /* of the certificate */
	const char *why;
	const char *csr;         /* PEM */
	const char *common_name; /* its subject; NULL: that is empty */
	const char *domains;     /* all names, space separated */
	const char *hosts;       /* ... by kind, a line each, as certmonger has them; */
	const char *mailboxes;
	const char *addresses; /* ... NULL: none */
	const char *live;      /* PEM of what is live, NULL: nothing is */
	const char *cert;      /* ... its path */
	const char *handle; /* what it said with "later"; NULL: it has not been asked */
};

/* Its environment, owned, for hook_env_free(). `run` and errors as for hook_env(). */
int enrol_env(const struct enrol_call *c, const char *home, const char *run,
	      char ***env, struct err *e);

#define LIMIT_ENROL_SAID   (64 * 1024) /* ten certificates with many names */
#define LIMIT_ENROL_HANDLE 4096

enum enrol_outcome {
	ENROL_DONE,  /* what it has said is the chain */
	ENROL_LATER, /* in wait_s, with the handle */
	ENROL_REFUSED,
	ENROL_UNREACHABLE, /* it has not reached its CA */
	ENROL_UNFIT,       /* a person has to see to its configuration */
	ENROL_UNABLE,      /* it is not for this */
	ENROL_FAILED,
	ENROL_OUTCOMES,
};

struct enrol_answer {
	enum enrol_outcome outcome;
	int64_t wait_s;     /* at least 1 */
	const char *handle; /* the end of `said` */
};

/* Whether its stdout is words for a person, by its status: no answer, and no PEM. */
bool enrol_says_words(enum enrol_dialect d, int status, const char *said);

/* `status`: what it exited with; negative: it was killed, or never ran. `said`: its stdout.
 * ERR_PROTO: "later", and not when. */
int enrol_judge(enum enrol_dialect d, int status, const char *said,
		struct enrol_answer *answer, struct err *e);

/* The beginning of the first line of `said`, for messages; borrowed from `out`. */
const char *enrol_line(const char *said, struct buf *out);
