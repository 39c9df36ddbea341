/*
 * rootkept: what the store keeps of the roots of issuers (rootwatch.h), and which
 * certificates they are for.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "agent/role/lend.h"

struct agent;
struct err;
struct file_stamp;

/* Those of `issuer`, the caller's; NULL: none are. */
int rootkept_read(const struct agent *a, uint32_t issuer, STACK_OF(X509) * *kept,
		  struct err *e);
bool rootkept_has(const struct agent *a, uint32_t issuer);
/* When it was asked for them last; 0: never, or not since the file was changed that trust
 * names. */
int64_t rootkept_seen_at(const struct agent *a, uint32_t issuer);

/* False: it is not there. */
bool rootkept_stamp(int dir, const char *path, struct file_stamp *stamp);

/* Whether `issuer` is one of certificate `cert`, and whether a file of that holds roots. */
bool rootkept_is_of(const struct agent *a, uint32_t cert, uint32_t issuer);
bool rootkept_holds(const struct agent *a, uint32_t cert);

/* What a worker may have of the keeper that asks `issuer` for them: as one who has a live
 * certificate of it, if there is one (`generation`). */
struct lend_ticket rootkept_ticket(const struct agent *a, uint32_t issuer);

/* Whether anything live of `issuer` leads to `root`. */
bool rootkept_is_needed(const struct agent *a, uint32_t issuer, X509 *root);

/* Add to `stay` those of `roots` that are named, and of the others those that something live
 * leads to; all, if that were none. */
int rootkept_stay(const struct agent *a, uint32_t issuer, const STACK_OF(X509) * roots,
		  const STACK_OF(X509) * named, STACK_OF(X509) * stay, struct err *e);
