/*
 * owncrl: whether our own certificates are revoked. Every live leaf, and every CA above it,
 * is looked up in the CRL of its issuer at each refresh of that list.
 *
 * Which list that is, its issuer and its distribution points say (RFC 5280 4.2.1.13):
 * certificates that have both in common are one list, fetched once, whose serials are looked
 * up in passes of CRL_SERIALS_MAX. The points are asked one after the other until one gives
 * a good list: http and https; ldap is not spoken. The list is verified by its issuer, as
 * it stands in the chain or among the anchors of the generation, and kept to what was
 * known of it: an older one is none (crl.h). Nothing of it is kept but that.
 *
 *     cert.pem, chain.pem, ca.pem ▶ own ▶ KEEPER_CRL_STAGE ▶ WORKER_CRL ▶ revoked.h
 *
 * A leaf that is on it is CERT_REVOKED, one with a CA above it that is, CERT_CA_REVOKED; a
 * chain with such a CA is not installed any more. No answer, and none that cannot be
 * believed, makes a certificate bad: it is said, and tried again. A list is looked at when
 * crl_look_at() says; after a failure as schedule_retry_at() does. What the CA knows of us
 * by that is what it has told us to ask. Addresses of this host and link are not asked but
 * where the crl_url of an embedded CA is, nor where that sends us.
 *
 * Of an embedded CA that names no point it is the list of that key in its folder. That is
 * looked at also by whoever begins after `ca NAME revoke`, which ends the daemon for as long as
 * it runs: who is revoked by hand is not kept until a person has published it. Nothing of it is
 * known then but who is on it: what is published may be older for a while.
 *
 *     owncrl_rule.c  what is decided by rules alone
 *     owncrl.c       what is known, and when to look
 *     owncrl_read.c  from files: of which list a certificate is
 *     owncrl_look.c  one look at one list
 *     owncrl_find.c  who is on it
 *     owncrl_local.c the lists of embedded CAs
 *     print_own.c    what people see
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "agent/owncrl_rule.h"
#include "agent/state/state_own.h"
#include "base/err.h"
#include "base/heap.h"

struct agent;
struct own_look;

#define OWN_NONE    UINT32_MAX
#define OWN_HERE    (-1) /* look_at: at once, and in the folder of its embedded CA */
#define OWN_OCSP    4u   /* in `covers`: its certificates name an OCSP responder */
#define OWN_AT_ONCE 4    /* lists that are looked at: what bounds memory and requests */
#define OWN_READS   256  /* generations that are read in one turn of the loop: 0.1 s */

/* By certificate of the snapshot. */
struct own_leaf {
	uint64_t key;        /* crl_serial_key() */
	uint32_t list;       /* OWN_NONE: its issuer is not known */
	uint32_t generation; /* what it is of, its low bits; 0: not read yet */
};

/* A CA above one. */
struct own_ca {
	uint8_t ca[CRL_HASH_LEN]; /* SHA-256 of it */
	char serial[48];
	uint32_t list;     /* OWN_NONE: a root, or its issuer is not known */
	uint32_t embedded; /* 1 + the number of the issuer with its key; 0: none */
	uint32_t key;      /* ... which of its keys, from 1 (store/authority.h) */
	int64_t revoked_at;
	unsigned reason;
};

struct own_list {
	struct own_list_row row; /* owned: id, urls */
	uint32_t ca;             /* number of its issuer */
	uint32_t n_leaves;
	bool tried;            /* in this run */
	bool joined;           /* by a certificate, since the look began */
	enum crl_age told;     /* that was said of it, in this run */
	struct own_look *look; /* owned; NULL: none is under way */
};

struct own {
	struct own_leaf *leaves; /* owned */
	struct own_ca *cas;      /* owned */
	uint32_t n_cas;
	struct own_list *lists; /* owned */
	uint32_t n_lists;
	uint32_t n_looking;
	struct heap unread; /* leaves whose files have to be looked at */
};

/* What is remembered. */
int owncrl_load(struct agent *a, struct err *e);
void owncrl_free(struct agent *a);

/* Something about certificate `i` is not as it was. */
void owncrl_note(struct agent *a, uint32_t i);
/* ... and somebody has put another leaf in place of the one that was stored. */
void owncrl_forget(struct agent *a, uint32_t i);

/* Begin what is due by now. Returns when there is something again, INT64_MAX: never in
 * this run. */
int64_t owncrl_turn(struct agent *a);
/* Whether anything is under way that a run has to wait for. */
bool owncrl_busy(const struct agent *a);

/* ERR_TRUST: a CA of `chain`, leaf first, is known to be revoked. */
int owncrl_admit(const struct agent *a, STACK_OF(X509) * chain, struct err *e);

/* Whether any live leaf is, by one CA after the other, below CA `k`; below or on list `l`. */
bool owncrl_is_below(const struct own *o, uint32_t leaf, uint32_t k);
bool owncrl_is_used(const struct own *o, uint32_t l);

/* When list `l` is looked at; INT64_MAX: nothing can be asked. */
int64_t owncrl_moment(const struct agent *a, uint32_t l);

/* How old it is. */
enum crl_age owncrl_list_age(const struct agent *a, uint32_t l, int64_t now);

void owncrl_put_list(struct agent *a, uint32_t l);
void owncrl_put_ca(struct agent *a, uint32_t k);

/* -- owncrl_read.c -- */

/* What generation of certificate `i` is live: its lists, and those of the CAs above. */
int owncrl_read(struct agent *a, uint32_t i, struct err *e);
/* The certificate of CA `k`, from the files of one below it; the caller's. */
int owncrl_ca(struct agent *a, uint32_t k, X509 **ca, struct err *e);

/* -- owncrl_look.c -- */

void owncrl_look(struct agent *a, uint32_t l);
void owncrl_let_go(struct own_list *l);

/* -- owncrl_local.c -- */

/* Find out which of the CAs are embedded ones. */
void owncrl_know(struct agent *a);
/* The number of the embedded CA whose list `l` is looked at in its folder: it names none
 * that can be asked, or has revoked somebody since; OWN_NONE: it is none of those. */
uint32_t owncrl_embedded(const struct own *o, uint32_t l);
/* ... and which of its keys. */
uint32_t owncrl_key_of(const struct own *o, uint32_t l);
/* Whether there is a place to ask for list `l`, and the first, owned; "": there is none. */
bool owncrl_asks(const struct own *o, uint32_t l);
char *owncrl_first(const struct agent *a, uint32_t l);
/* The same of what is remembered. */
void owncrl_recall(struct agent *a);
/* More will be on the list of that embedded CA: whoever comes next looks at it. */
int owncrl_expect(struct agent *a, uint32_t issuer, struct err *e);

/* -- owncrl_find.c -- */

struct crl_hit;

/* Who would be on a list: certificates, or CAs with OWN_CA set. */
#define OWN_CA (1u << 31)
void owncrl_members(const struct agent *a, uint32_t l, struct own_members *m);

/* `member` of list `l` may be on the one at `url`: true, it is, and what follows from that
 * is done. */
bool owncrl_found(struct agent *a, uint32_t l, uint32_t member, const char *url,
		  const struct crl_hit *hit);
