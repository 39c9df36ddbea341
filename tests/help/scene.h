/*
 * scene: a snapshot with one certificate, and a chain that answers it, to be bent.
 *
 * Root, intermediate and leaf are as they should be; a row of a table names a function
 * that bends the plans before the certificates are made, or the chain after, and what
 * verify must say of it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/role/spec.h"
#include "agent/verify.h"
#include "base/buf.h"
#include "tests/help/certs.h"

#define NOW INT64_C(1800000000) /* 2027-01-15T08:00:00Z */
#define DAY INT64_C(86400)

enum scene_key {
	ROOT,
	MID,
	LEAF,
	OTHER,
	RSA_2048,
	RSA_1024,
	SCENE_KEYS,
};

struct scene {
	char text[1024];
	size_t at;
	struct spec_name names[8];
	struct spec_cert cert;
	struct spec spec;
	struct verify_want want;
	struct buf spki;
	EVP_PKEY **keys; /* of all scenes: RSA takes its time */
	struct cert_plan root_plan, mid_plan, leaf_plan;
	X509 *root, *mid;
	STACK_OF(X509) * chain;
};

/* One way to bend it. */
struct scene_row {
	void (*plan)(struct scene *s);
	void (*chain)(struct scene *s);
	const char *said; /* behind "verify www: "; "" is acceptance */
	int verdict;      /* what OpenSSL calls it, behind that; 0: nothing */
};

/* Group set-up and tear-down: the keys are made once. */
int scene_make_keys(void **state);
int scene_free_keys(void **state);

/* A scene before the certificates are made; `keys` is cmocka's state. */
void scene_init(struct scene *s, void **keys);
void scene_done(struct scene *s);

/* What the bending functions need. */
struct text scene_text(struct scene *s, const char *word);
struct spec_name *scene_ask(struct scene *s, enum name_kind kind, const char *name);
void scene_ask_key(struct scene *s, EVP_PKEY *key);
struct cert_plan scene_ca_plan(const char *name, EVP_PKEY *key);

/* Fail unless verify says of each row what stands in it. */
void scene_rows(void **keys, const struct scene_row *rows, size_t n);
