/*
 * request: what a person asked for, from the command line to the agent role.
 *
 * The command line makes it, the supervisor passes it on in ROLE_START, and the roles
 * decide by it what they allow: a keeper started for `plan` writes nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct msg;

enum command {
	COMMAND_AGENT,
	COMMAND_RENEW,
	COMMAND_STATUS,
	COMMAND_PLAN,
	COMMAND_CHECK,
	COMMAND_HISTORY,
	COMMAND_ROLLBACK,
	COMMAND_FORGET,
	COMMAND_CA_INIT,
	COMMAND_CA_SIGN,
	COMMAND_CA_REVOKE,
	COMMAND_CA_CRL,
	COMMAND_CA_ROLLOVER,
	COMMAND_ACCOUNT,
	COMMAND_REVOKE,
	COMMAND_INSPECT,
	COMMAND_CRL,
	COMMANDS,
};

#define REQUEST_FORCE   (1u << 0)
#define REQUEST_ALL     (1u << 1)
#define REQUEST_DRY_RUN (1u << 2)
#define REQUEST_JSON    (1u << 3)
#define REQUEST_CHECK   (1u << 4) /* status --check */
#define REQUEST_REPLACE (1u << 5) /* revoke --replace */
#define REQUEST_BY_KEY  (1u << 6) /* revoke --by-key */
#define REQUEST_QUIET   (1u << 7)
#define REQUEST_VERBOSE (1u << 8)
#define REQUEST_TTY     (1u << 9)  /* stdout is a terminal */
#define REQUEST_COLOR   (1u << 10) /* ... and NO_COLOR is not set */
#define REQUEST_SWEEP   (1u << 11) /* the supervisor's: the run before was cut short */
#define REQUEST_AGAIN   (1u << 12) /* ... this run has begun this once already */
#define REQUEST_YES     (1u << 13) /* what cannot be undone is meant */
#define REQUEST_NAMES   (1u << 14) /* check: print names, see complete.h */
#define REQUEST_WATCH   (1u << 15) /* status: again and again, see follow.h */
#define REQUEST_LOOK    (1u << 16) /* the supervisor's: also at what is served */
#define REQUEST_UPDATE  (1u << 17) /* crl --update */
#define REQUEST_ONLINE  (1u << 18) /* check --online */
#define REQUEST_LOG     (1u << 19) /* inspect --log */

#define LIMIT_REQUEST_NAMES 1000 /* more do not fit a command line a person writes */
#define LIMIT_REQUEST_INPUT (32 * 1024)
#define LIMIT_INSPECT_FILES 100 /* of inspect */

struct request {
	enum command command;
	unsigned flags;
	int64_t wait_s; /* renew --wait */
	int64_t days;   /* plan --days; < 0: all */
	int64_t warn_s; /* status --check --warn; -1: not given */
	int64_t crit_s;
	uint64_t generation; /* rollback; 0: the previous one */
	uint64_t reason;     /* revoke, ca revoke */
	uint64_t step;       /* account_step, or complete_names */
	uint64_t run;        /* the supervisor's: a number drawn for this run */
	uint64_t mark;       /* of an agent with this spec_mark(); 0: of any */
	const char **names;  /* owned array of borrowed strings */
	size_t n_names;
	const char *input;  /* a CSR in PEM, borrowed; NULL: none */
	const char *secret; /* inspect --password-file, borrowed; not passed on */
};

/* Whether the command changes anything on disk: it needs the lock and the owner. */
bool request_writes(const struct request *r);

/* Whether it only shows what is known: an agent answers it itself. */
bool request_shows(const struct request *r);

/* Whether what it prints is what it was asked for, and not only told beside it. */
bool request_prints(const struct request *r);

/* "renew", as on the command line. Static. */
const char *request_word(enum command command);

/* Put it into a message, and read it back; the strings then live as long as m's
 * content. A message that is no request leaves m->broken set. */
void request_put(struct msg *m, const struct request *r);
void request_get(struct msg *m, struct request *r);
void request_done(struct request *r);
