/*
 * dialect: how a program that shows control of names is told what to show. Each client
 * has its own way, and programs were written for it; they are run as they are.
 *
 *     everleaf          PROGRAM present|withdraw, EVERLEAF_*
 *     certbot           two programs, CERTBOT_*
 *     uacme             PROGRAM begin|done|failed TYPE IDENT TOKEN AUTH, UACME_*
 *     dehydrated        PROGRAM deploy_challenge|clean_challenge DOMAIN TOKEN VALUE
 *     dehydrated-chain  ... as with HOOK_CHAIN: all of an order with one call
 *     acme.sh           the functions dns_xx_add and dns_xx_rm of a file dns_xx.sh
 *     lego              PROGRAM present|cleanup RECORD. VALUE
 *     lego-raw          PROGRAM present|cleanup -- DOMAIN TOKEN KEYAUTH
 *
 * Arguments and environment are made from typed fields, each of which is looked at: names
 * of letters, digits, dots, dashes, underscores and colons, tokens of base64url. A shell
 * sees them in one dialect (acme.sh), as arguments of a script that never changes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct err;

enum dialect {
	DIALECT_EVERLEAF,
	DIALECT_CERTBOT,
	DIALECT_UACME,
	DIALECT_DEHYDRATED,
	DIALECT_DEHYDRATED_CHAIN,
	DIALECT_ACME_SH,
	DIALECT_LEGO,
	DIALECT_LEGO_RAW,
	DIALECTS,
};

extern const char *const dialect_words[]; /* NULL-terminated */

enum dialect_step {
	DIALECT_PRESENT,
	DIALECT_WITHDRAW, /* the CA has seen it */
	DIALECT_FAILED,   /* withdraw: it has not, or that is not known */
	DIALECT_STEPS,
};

/* What is to be shown for one name. */
struct dialect_item {
	const char *identifier;    /* without "*." */
	const char *authorization; /* token "." thumbprint (RFC 8555 8.1) */
	const char *digest;        /* its SHA-256, base64url (8.4) */
	const char *record;        /* dns-01: of the TXT record, without the last dot */
	const char *said;          /* by the program when it presented this; or "" */
};

struct dialect_call {
	enum dialect dialect;
	enum dialect_step step;
	const char *type;           /* "dns-01" */
	const char *name;           /* of the certificate */
	const char *const *program; /* words */
	const char *const *cleanup; /* ... of certbot's other; no word: none */
	const char *webroot;        /* NULL: the program puts the file there */
	const struct dialect_item *items;
	size_t n; /* more than 1 with dialect_is_chain() only */
	const char
	    *all; /* the identifiers of what is presented together, commas between */
	unsigned left; /* calls that follow for those */
};

/* A call as it is made: both arrays owned, NULL-terminated. */
struct dialect_made {
	char **argv; /* no word: nothing is to be run */
	char **env;
	size_t file;    /* argv[file], */
	size_t n_files; /* and the next so many: what argv[0] reads as a program */
	bool keep;      /* what it says is wanted */
};

#define AUTO_DIALECT __attribute__((cleanup(dialect_done)))

/* Whether the programs of a dialect take more than one item. */
bool dialect_is_chain(enum dialect d);

/* Whether they can show challenges of this type. */
bool dialect_has(enum dialect d, const char *type);

/* `run` as for hook_env(). ERR_PROTO: a field has what it must not have. */
int dialect_make(const struct dialect_call *c, const char *home, const char *run,
		 struct dialect_made *made, struct err *e);
void dialect_done(struct dialect_made *made);

enum dialect_outcome {
	DIALECT_OK,
	DIALECT_REFUSED,  /* it failed */
	DIALECT_DECLINED, /* another challenge is to be tried */
	DIALECT_IGNORED,  /* it failed, and that means nothing */
	DIALECT_OUTCOMES,
};

/* `status`: what it exited with; negative: it was killed, or never ran. */
enum dialect_outcome dialect_judge(enum dialect d, enum dialect_step step, int status);
