/*
 * trust: the file of CA certificates that a person has named for an issuer (`trust`), as
 * what it issues is held against. A worker's sandbox lets it read that one.
 */
#pragma once

#include <openssl/x509.h>

struct buf;
struct err;

/* The file as it is, in PEM, is added to `pem`; *certs is the caller's. ERR_CONFIG: it
 * cannot be read, or has no certificates, or too many. */
int trust_read(const char *path, struct buf *pem, STACK_OF(X509) * *certs,
	       struct err *e);
