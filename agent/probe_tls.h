/* probe_tls: which leaf does the server at the other end show? */
#pragma once

#include <stdint.h>

#include <openssl/ssl.h>

struct err;

/* TLS 1.2 and later, nothing verified, nothing remembered. The caller frees *ctx. */
int probe_tls_new(SSL_CTX **ctx, struct err *e);

/*
 * One handshake on `fd`, with SNI if `name` is a DNS name. `sha256` of the leaf. A server
 * that ends it only because it wants a certificate of ours has shown its own, and that
 * counts. ERR_NET. SIGPIPE must be ignored.
 */
int probe_tls_leaf(SSL_CTX *ctx, int fd, const char *name, int64_t until_ms,
		   uint8_t sha256[32], struct err *e);
