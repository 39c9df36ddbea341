/*
 * state_crl: what is known of the CRLs that are watched, in the state database (see
 * state.h).
 */
#pragma once

#include <stdint.h>

#include "agent/role/crlcall.h"
#include "ca/crl.h"

struct err;
struct query;
struct state;

#define CRL_ERROR_MAX 512

/* The list of one CA, as it is in the store. */
struct crl_part {
	uint8_t ca[CRL_HASH_LEN]; /* SHA-256 of its certificate */
	int64_t this_update;      /* 0: none has come yet */
	int64_t next_update;
	struct crl_number number;
	uint64_t n_entries;
	uint8_t digest[CRL_HASH_LEN]; /* of whom it revokes */
	uint8_t scope[CRL_HASH_LEN];
	char url[LIMIT_CRL_ASKED + 1]; /* that it came from */
	char etag[LIMIT_CRL_VERSION + 1];
	char last_modified[LIMIT_CRL_VERSION + 1];
};

#define CRL_TAKEN_AWAY 1 /* for it has ended, as `written`; no digest */

/* One entry of `crls`. What is written and what is loaded is a digest of the lists of
 * all of its CAs, and the first moment at which one of them ends. */
struct crl_memory {
	int64_t look_at;
	int64_t looked_at; /* when all was well for the last time */
	unsigned failures; /* in a row */
	uint64_t written;  /* 0: nothing yet */
	int64_t written_until;
	uint64_t loaded; /* by the last hooks that all went well */
	int64_t loaded_until;
	int64_t hook_at; /* not before */
	unsigned hook_failures;
	char last_error[CRL_ERROR_MAX];
};

/* Its columns, in rows that hold more: see state_own.h. */
void state_crl_put_part(struct query *q, const struct crl_part *p);
void state_crl_get_part(struct query *q, struct crl_part *p);

int state_crl_put(struct state *s, const char *name, const struct crl_memory *m,
		  struct err *e);
int state_crl_part_put(struct state *s, const char *name, const struct crl_part *p,
		       struct err *e);
/* All of it, and the lists of all of its CAs. */
int state_crl_drop(struct state *s, const char *name, struct err *e);
int state_crl_drop_parts(struct state *s, const char *name, struct err *e);

int state_crl_each(struct state *s,
		   int (*each)(void *arg, const char *name, const struct crl_memory *m),
		   void *arg, struct err *e);
int state_crl_part_each(struct state *s,
			int (*each)(void *arg, const char *name,
				    const struct crl_part *p),
			void *arg, struct err *e);
