/*
 * general: names as X.509 writes them (GeneralName, RFC 5280 4.2.1.6), built from
 * structures: no text is parsed, so no name can become syntax.
 */
#pragma once

#include <stddef.h>

#include <openssl/x509v3.h>

struct err;
struct name;

/* Fill `general` with `type` (GEN_DNS, GEN_IPADD, ...) and a copy of the bytes. */
int general_set(GENERAL_NAME *general, int type, const void *data, size_t len,
		struct err *e);

/* *all, owned by the caller, in the order given. ERR_REFUSED: no such name. */
int general_names(const struct name *names, size_t n, GENERAL_NAMES **all,
		  struct err *e);
