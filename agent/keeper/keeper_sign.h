/*
 * keeper_sign: what is signed for workers, built from typed fields (ask.h); and what they
 * tell of the account.
 */
#pragma once

#include "agent/keeper/keeper.h"
#include "base/x509.h"

struct buf;
struct json;

/* One request to sign: all that its payload is made of. */
struct keeper_work {
	const struct keeper_lent *lent;
	const struct keeper *keeper;
	const struct spec_issuer *issuer;
	const struct spec_cert *cert; /* NULL: the ticket is for the account alone */
	struct account *account;
	struct acme_ask ask; /* borrowed from the message */
};

/* The messages SIGN_*, on a socket that was lent. */
int keeper_sign_account(void *lent, struct msg *m, struct err *e);
int keeper_sign_jws(void *lent, struct msg *m, struct err *e);
int keeper_sign_registered(void *lent, struct msg *m, struct err *e);
int keeper_sign_rolled(void *lent, struct msg *m, struct err *e);

/* The account at that issuer, or at the one of the ticket; *a is the keeper's. */
int keeper_account_of(const struct keeper *k, uint32_t issuer, struct account **a,
		      struct err *e);
int keeper_account(const struct keeper_lent *l, struct account **a, struct err *e);
/* Its URL, NULL if it has none at the CA that is configured now. */
const char *keeper_kid(const struct keeper_lent *l, const struct account *a);
const struct spec_issuer *keeper_issuer(const struct keeper_lent *l);

/* A file of the ticket's generation, appended to `out`. */
int keeper_read_of(const struct keeper_lent *l, const char *file, size_t max,
		   struct buf *out, struct err *e);
/* The certificate of the ticket's generation; the caller's. */
int keeper_leaf_of(const struct keeper_lent *l, STACK_OF(X509) * *leaf, struct err *e);

/* Who enrols first, by certificate_file and key_file: PEM; empty: not so. */
int keeper_first_pair(const struct keeper_lent *l, struct buf *chain, struct buf *key,
		      struct err *e);

/* Payloads about the account, RFC 8555 7.3. */
int keeper_new_account(const struct keeper_work *w, struct buf *out, struct err *e);
int keeper_find_account(const struct keeper_work *w, struct buf *out, struct err *e);
int keeper_update_account(const struct keeper_work *w, struct buf *out, struct err *e);
int keeper_deactivate_account(const struct keeper_work *w, struct buf *out,
			      struct err *e);
int keeper_roll_key(const struct keeper_work *w, struct buf *out, struct err *e);

/* A payload is one object. */
void payload_open(struct json *j, struct buf *out);
void payload_close(struct json *j);
