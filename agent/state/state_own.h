/*
 * state_own: which CRLs our own certificates may be on, and what is known of them, in the
 * state database (see state.h).
 */
#pragma once

#include <stdint.h>

#include "agent/state/state_crl.h"

struct err;
struct state;

#define OWN_ID_LEN   32 /* of a list: hex */
#define OWN_NAME_LEN (1 + 2 * CRL_HASH_LEN)

/* A certificate that may be revoked: a live one of ours, or a CA above it. */
struct own_row {
	const char *name;    /* of ours; "@" and the hex of its SHA-256: a CA's */
	uint64_t generation; /* of ours: of another it says nothing */
	const char *serial;  /* as in struct x509_facts */
	const char *list;    /* id of the one that it would be on; "": its issuer is not
				known, or it is a root */
	int64_t revoked_at;  /* 0: it is not, as far as is known */
	unsigned reason;     /* CRLReason */
};

int state_own_put(struct state *s, const struct own_row *r, struct err *e);
/* Of `name`, or of all if NULL. The strings live for the call. */
int state_own_each(struct state *s, const char *name,
		   int (*each)(void *arg, const struct own_row *r), void *arg,
		   struct err *e);

/* What certificates of one CA with the same distribution points may be on. */
struct own_list_row {
	const char *id;
	unsigned covers;  /* CRL_USERS or CRL_CAS */
	const char *urls; /* of the distribution points, a line each; "": none */
	int64_t look_at;
	int64_t looked_at; /* when all was well for the last time */
	unsigned failures; /* in a row */
	char last_error[CRL_ERROR_MAX];
	struct crl_part part; /* the last good one; its digest is not used */
};

int state_own_list_put(struct state *s, const struct own_list_row *r, struct err *e);
/* In the order of their ids. */
int state_own_list_each(struct state *s,
			int (*each)(void *arg, const struct own_list_row *r), void *arg,
			struct err *e);
/* Forget those that no certificate would be on any more. */
int state_own_list_prune(struct state *s, struct err *e);
