/* probe_tls: which leaf does the server at the other end show? */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "agent/role/verdict.h"

struct err;

/* TLS 1.2 and later, nothing verified, nothing remembered. The caller frees *ctx. */
int probe_tls_new(SSL_CTX **ctx, struct err *e);

struct probe_leaf {
	uint8_t sha256[32];
	int kind; /* of its key: EVP_PKEY_EC and such */
	enum probe_chain chain;
};

/*
 * One handshake on `fd`, with SNI if `name` is a DNS name. The leaf that is shown to who
 * takes none with a key of the kind `but` (0: takes all). A server that ends it only because
 * it wants a certificate of ours has shown its own, and that counts. ERR_NET. SIGPIPE must
 * be ignored.
 */
int probe_tls_leaf(SSL_CTX *ctx, int fd, const char *name, int64_t until_ms, int but,
		   struct probe_leaf *out, struct err *e);

/* All that a server shows. */
struct probe_shown {
	STACK_OF(X509) * chain; /* as it was sent, leaf first; owned; NULL: none */
	const char *version;    /* "TLSv1.3"; static */
	bool wants_ours;        /* it has asked for a certificate of ours */
	bool stapled;           /* with an answer of OCSP */
	int reason;             /* of OpenSSL, why the handshake failed; 0: another */
};

/* The same handshake, also with what speaks no more than TLS 1.0. What was shown before
 * it failed is in *out as well. */
int probe_tls_show(SSL_CTX *ctx, int fd, const char *name, int64_t until_ms,
		   struct probe_shown *out, struct err *e);
