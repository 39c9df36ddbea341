/*
 * lent: a keeper alone, of one configuration, and what a worker may ask it for on a socket
 * that was lent.
 *
 *     lent_in(&l, &(struct lent_config){ ... })
 *     fd = lent_fd(&a, &ticket); rc = lent_ask(fd, &m, text);
 */
#pragma once

#include <openssl/x509.h>

#include "agent/role/lend.h"
#include "agent/role/request.h"
#include "base/err.h"
#include "tests/help/alone.h"

struct lent {
	void *scratch;   /* the state folder */
	void *elsewhere; /* where the secret is */
	int snapshot;
};

/* What is configured besides the state folder: the path of the secret stands between. */
struct lent_config {
	const char *before;
	const char *after;
	const char *file;   /* "eab.key" */
	const char *secret; /* what it holds */
};

/* 0, or -1 for the set-up to fail. */
int lent_in(struct lent *l, const struct lent_config *c);
int lent_out(struct lent *l);

uint32_t lent_issuer(const struct lent *l, const char *name);

/* It begins, as for `command`. */
struct alone lent_begin(const struct lent *l, enum command command, uint64_t step);

/* The worker's end in *fd; 0 or the refusal in `text`. lent_fd() fails the test by that. */
int lent_try(const struct alone *a, const struct lend_ticket *t, int *fd,
	     char text[ERR_TEXT_MAX]);
int lent_fd(const struct alone *a, const struct lend_ticket *t);

/* Send `m` and take its answer into it; 0, or the refusal in `text`. */
int lent_ask(int fd, struct msg *m, char text[ERR_TEXT_MAX]);

/* Of all messages, with fields that none has, those in `types` (0 ends them) are taken
 * for what they are, and no other. */
void lent_takes_only(int fd, const uint32_t *types);

/* Generation 1 of the certificate `a`. */
void lent_keep(const struct lent *l, X509 *cert, const EVP_PKEY *key);
