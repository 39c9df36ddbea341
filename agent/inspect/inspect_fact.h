/*
 * inspect_fact: what there is to say of an item, as a list of facts, which both the text
 * and the JSON are made of.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

struct inspect;
struct inspect_item;

#define FACTS_MAX 24

enum fact_type {
	FACT_TEXT, /* one value, or null */
	FACT_LIST,
	FACT_TIME,
	FACT_NUMBER,
	FACT_BOOL,
};

struct fact {
	const char *key;   /* in JSON; static, as the next */
	const char *label; /* in text; NULL: only in JSON */
	enum fact_type type;
	char **values; /* owned, n of them */
	size_t n;
	int64_t number; /* a time, a number, a bool */
	char *note;     /* owned; behind the value, in text only; NULL: none */
};

struct facts {
	char *who; /* owned: what people call it */
	struct fact list[FACTS_MAX];
	size_t n;
};

void facts_of(const struct inspect *in, const struct inspect_item *item,
	      struct facts *facts);
void facts_done(struct facts *facts);

/* "www.example.org": the first name, else the common name, else the subject; owned. */
char *fact_who(X509 *cert);

/* "ecdsa-p256", "rsa-1024", "ec brainpoolP256r1"; owned. */
char *fact_key(const EVP_PKEY *key);

/* The names of a certificate; an owned array of *n owned strings. What is no DNS name
 * nor address says what it is ("email:a@b"). */
char **fact_names(X509 *cert, size_t *n);
char **fact_csr_names(X509_REQ *csr, size_t *n);
void fact_values_free(char **values, size_t n);
