/*
 * crl_walk: the elements of a CertificateList (RFC 5280 5.1) one after another, from
 * pieces of any size. What is whole in a piece is looked at where it lies; only what is
 * cut by the end of one is held until the rest comes.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "ca/crl_der.h"

struct err;

/* In their order. */
enum crl_step {
	STEP_LIST,
	STEP_SIGNED, /* TBSCertList */
	STEP_VERSION,
	STEP_ALGORITHM,
	STEP_ISSUER,
	STEP_THIS_UPDATE,
	STEP_NEXT_UPDATE,
	STEP_REVOKED,
	STEP_ENTRY,
	STEP_EXTENSIONS,
	STEP_AGAIN, /* signatureAlgorithm */
	STEP_SIGNATURE,
	STEP_END,
};

/* What is done with them. */
struct crl_visitor {
	/* An element, head and all. */
	int (*take)(void *arg, enum crl_step step, const struct der *all,
		    struct err *e);
	/* A revoked certificate, without its head. */
	int (*entry)(void *arg, const struct der *entry, struct err *e);
	/* What is signed, after it was taken; `step` of what it ends with. */
	int (*is_signed)(void *arg, enum crl_step step, const uint8_t *at, size_t len,
			 struct err *e);
};

struct crl_walk {
	const struct crl_visitor *visitor; /* borrowed */
	void *arg;
	enum crl_step step;
	uint64_t at;   /* octets that are behind us */
	uint64_t seen; /* ... and those that have come */
	uint64_t n_entries;
	uint64_t end_list; /* where what contains this ends */
	uint64_t at_signed;
	uint64_t end_signed;
	uint64_t end_revoked;
	uint8_t *held; /* owned: the element that is not whole */
	size_t n_held;
	size_t need; /* octets of it that it takes to go on */
};

void crl_walk_init(struct crl_walk *w, const struct crl_visitor *visitor, void *arg);
void crl_walk_done(struct crl_walk *w);

/* The next octets. ERR_PROTO, ERR_LIMIT, or what the visitor says. */
int crl_walk_feed(struct crl_walk *w, const uint8_t *at, size_t len, struct err *e);

/* Those were all. ERR_PROTO: it is cut off. */
int crl_walk_end(const struct crl_walk *w, struct err *e);
