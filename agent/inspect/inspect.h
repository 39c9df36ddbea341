/*
 * inspect: what `everleaf inspect` has before it, and what is wrong with it.
 *
 * An input (a file, an endpoint) is read into items: certificates, keys, requests, revocation lists,
 * PKCS#12. Items of one kind are numbered through all inputs, so that what belongs
 * together is found across files ("private key 1 matches certificate 2").
 *
 *     inspect_read(&in, input, bytes, len)   inspect_read.c: items of one input
 *     inspect_served(&in, message)           inspect_served.c: what one address shows
 *     inspect_pair(&in)                      inspect_pair.c: which key is whose
 *     inspect_chains(&in)                    inspect_chain.c: from each leaf up to a root
 *     inspect_check(&in)                     inspect_check.c: what is wrong with each item
 *     inspect_print(&in, flags)              inspect_print.c: as text or JSON
 *
 * Each of them adds findings. A finding has a stable code, a weight, one sentence and one
 * remedy; the codes stand in everleaf(8).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "agent/inspect/inspect_code.h"
#include "base/crl.h"
#include "base/x509.h"

#define LIMIT_INSPECT_BYTES LIMIT_CRL_BYTES /* of one input: a CRL is the largest */
#define LIMIT_INSPECT_ITEMS 1000            /* the bundle of a system has 150 */

enum inspect_kind {
	ITEM_CERT,
	ITEM_KEY,    /* private */
	ITEM_PUBLIC, /* a public key alone */
	ITEM_CSR,
	ITEM_CRL,
	ITEM_P12,
	ITEM_KINDS,
};

struct inspect_item {
	enum inspect_kind kind;
	uint32_t input;   /* number of the input that it is of */
	uint32_t number;  /* 1 is the first of its kind */
	const char *form; /* static: "PEM", "PKCS#8", ... */
	bool sealed;   /* encrypted, and could not be opened: nothing below is there */
	X509 *cert;    /* owned, as the next four */
	EVP_PKEY *key; /* of a key */
	X509_REQ *csr;
	X509_CRL *crl;
	char *seal;       /* PKCS#12: how it is protected */
	uint32_t partner; /* 1 + index of the first item with the same key, 0: none */
};

/* An address of an endpoint, and what came of it. */
struct inspect_seen {
	char *address; /* owned, as the next */
	char *said;    /* "TLSv1.3", or why not */
};

struct inspect_input {
	char *label; /* owned; a path or an endpoint as it was given */
	char *host;  /* owned; of an endpoint, else NULL */
	size_t n_items;
	struct inspect_seen *seen; /* owned, n_seen of them */
	size_t n_seen;
	uint8_t leaf[32]; /* SHA-256 of what the endpoint shows; zero: nothing */
};

/* What is live here of a certificate that is kept for an endpoint. */
struct inspect_live {
	char *name; /* owned; in the configuration */
	uint8_t leaf[32];
	int64_t not_before;
};

/* Where a chain ends. */
enum inspect_end {
	END_TRUSTED, /* at what this host trusts */
	END_ROOT,    /* at a root that it does not trust */
	END_OPEN,    /* the issuer of its last certificate is not there */
};

struct inspect_chain {
	size_t items[LIMIT_CHAIN_CERTS]; /* indices, leaf first */
	size_t n;
	enum inspect_end end;
	char *anchor; /* owned: subject of what is trusted, or of who is missing */
};

struct inspect_finding {
	enum inspect_code code;
	char *what;     /* owned: "certificate 2", or the input */
	uint32_t input; /* where */
	char *sentence; /* owned */
};

struct inspect {
	int64_t now;
	const char *password; /* borrowed; NULL: none was given */
	const void *trust;    /* borrowed: PEM of what this host trusts; NULL: none */
	size_t trust_len;
	struct inspect_input *inputs; /* owned, as all below */
	size_t n_inputs;
	struct inspect_live *lives;
	size_t n_lives;
	struct inspect_item *items;
	size_t n_items;
	struct inspect_chain *chains;
	size_t n_chains;
	struct inspect_finding *findings;
	size_t n_findings;
};

void inspect_done(struct inspect *in);

/* A new input; its number. */
uint32_t inspect_input(struct inspect *in, const char *label);

/* A new item, to be filled by the caller; NULL and a finding: there are too many. */
struct inspect_item *inspect_item(struct inspect *in, enum inspect_kind kind,
				  uint32_t input, const char *form);

/* "certificate", "private key", ... Static. */
const char *inspect_kind_word(enum inspect_kind kind);

/* A finding about the input as a whole, or about one of its items. */
void inspect_say(struct inspect *in, enum inspect_code code, uint32_t input,
		 const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void inspect_say_of(struct inspect *in, enum inspect_code code,
		    const struct inspect_item *item, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Whether there is one that matters: not a note. */
bool inspect_is_bad(const struct inspect *in);
