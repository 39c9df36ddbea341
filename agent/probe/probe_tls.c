#include "agent/probe/probe_tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "agent/net/probe_io.h"
#include "base/err.h"
#include "base/key.h"

/* What a handshake has told besides how it ended. */
struct told {
	bool wants_ours;
	int reason;
};

/* Called when the server's flight is complete and its signature verified. */
static int wants_our_certificate(SSL *ssl, X509 **cert, EVP_PKEY **key)
{
	struct told *told = SSL_get_app_data(ssl);

	(void)cert;
	(void)key;
	told->wants_ours = true;
	return 0; /* we have none */
}

int probe_tls_new(SSL_CTX **ctx, struct err *e)
{
	*ctx = SSL_CTX_new(TLS_client_method());
	if (*ctx == NULL || SSL_CTX_set_min_proto_version(*ctx, TLS1_2_VERSION) != 1)
		return key_openssl_err(e, ERR_SYS, "TLS");
	/* We judge what is shown, not how strong it is; that is not the probe's. */
	SSL_CTX_set_security_level(*ctx, 0);
	SSL_CTX_set_options(*ctx, SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_NO_TICKET);
	SSL_CTX_set_session_cache_mode(*ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(*ctx, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_client_cert_cb(*ctx, wants_our_certificate);
	return 0;
}

/* = RFC 6066 3 "Literal IPv4 and IPv6 addresses are not permitted in \"HostName\"." */
static bool set_sni(SSL *ssl, const char *name)
{
	uint8_t address[16];
	char host[256];

	if (name == NULL || inet_pton(AF_INET, name, address) == 1 ||
	    inet_pton(AF_INET6, name, address) == 1)
		return true;
	snprintf(host, sizeof(host), "%s", name);
	return SSL_set_tlsext_host_name(ssl, host) == 1;
}

static int shake_hands(SSL *ssl, int fd, int64_t until_ms, struct err *e)
{
	for (;;) {
		int rc, why;

		ERR_clear_error();
		rc = SSL_connect(ssl);
		if (rc == 1)
			return 0;
		why = SSL_get_error(ssl, rc);
		if (why == SSL_ERROR_WANT_READ)
			TRY(probe_wait(fd, POLLIN, until_ms, e));
		else if (why == SSL_ERROR_WANT_WRITE)
			TRY(probe_wait(fd, POLLOUT, until_ms, e));
		else if (why == SSL_ERROR_SSL) {
			((struct told *)SSL_get_app_data(ssl))->reason =
			    ERR_GET_REASON(ERR_peek_error());
			return key_openssl_err(e, ERR_NET, "handshake");
		} else
			return err_set(e, ERR_NET,
				       "the connection ended in the handshake");
	}
}

static enum probe_chain chain_of(const SSL *ssl, X509 *leaf)
{
	STACK_OF(X509) *shown = SSL_get_peer_cert_chain(ssl);

	if (sk_X509_num(shown) <= 1)
		return CHAIN_NONE;
	for (int i = 1; i < sk_X509_num(shown); i++)
		if (X509_check_issued(sk_X509_value(shown, i), leaf) == X509_V_OK)
			return CHAIN_WHOLE;
	return CHAIN_OTHER;
}

static int read_leaf(const SSL *ssl, struct probe_leaf *out, struct err *e)
{
	X509 *leaf = SSL_get0_peer_certificate(ssl);
	const EVP_PKEY *key = leaf == NULL ? NULL : X509_get0_pubkey(leaf);
	unsigned len;

	if (leaf == NULL || X509_digest(leaf, EVP_sha256(), out->sha256, &len) != 1)
		return err_set(e, ERR_NET, "the server has shown no certificate");
	out->kind = key == NULL ? 0 : EVP_PKEY_get_base_id(key);
	out->chain = chain_of(ssl, leaf);
	return 0;
}

static int leaf_of(SSL *ssl, int fd, int64_t until_ms, struct probe_leaf *out,
		   struct err *e)
{
	struct told told = { false, 0 };
	int rc;

	SSL_set_app_data(ssl, &told);
	rc = shake_hands(ssl, fd, until_ms, e);
	if (rc < 0 && !told.wants_ours)
		return rc;
	TRY(read_leaf(ssl, out, e));
	if (rc == 0)
		(void)SSL_shutdown(ssl); /* close_notify; we do not wait for theirs */
	ERR_clear_error();
	return 0;
}

static int begin(SSL_CTX *ctx, int fd, const char *name, SSL **ssl, struct err *e)
{
	*ssl = SSL_new(ctx);
	if (*ssl != NULL && SSL_set_fd(*ssl, fd) == 1 && set_sni(*ssl, name))
		return 0;
	return key_openssl_err(e, ERR_SYS, "TLS");
}

/* What certificate a server shows goes by the signatures that we say we understand. */
static bool take_all_but(SSL *ssl, int kind)
{
	static const struct {
		int but;
		const char *take;
	} rows[] = {
		{ EVP_PKEY_EC,
		  "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:RSA+SHA256:"
		  "RSA+SHA384:RSA+SHA512:ed25519" },
		{ EVP_PKEY_RSA, "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519" },
		{ EVP_PKEY_ED25519,
		  "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:RSA-PSS+SHA256:"
		  "RSA-PSS+SHA384:RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:"
		  "RSA+SHA512" },
	};
	const char *take = NULL;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (rows[i].but == kind)
			take = rows[i].take;
	if (take == NULL)
		return kind == 0;
	return SSL_set1_sigalgs_list(ssl, (char *)(uintptr_t)take) == 1;
}

int probe_tls_leaf(SSL_CTX *ctx, int fd, const char *name, int64_t until_ms, int but,
		   struct probe_leaf *out, struct err *e)
{
	SSL *ssl;
	int rc = begin(ctx, fd, name, &ssl, e);

	if (rc == 0 && !take_all_but(ssl, but))
		rc = err_set(e, ERR_SYS, "no TLS without keys of kind %d", but);
	if (rc == 0)
		rc = leaf_of(ssl, fd, until_ms, out, e);
	SSL_free(ssl);
	return rc;
}

static int show(SSL *ssl, int fd, int64_t until_ms, struct probe_shown *out,
		struct err *e)
{
	struct told told = { false, 0 };
	const unsigned char *staple;
	STACK_OF(X509) * chain;
	int rc;

	SSL_set_app_data(ssl, &told);
	SSL_set_min_proto_version(ssl, TLS1_VERSION);
	SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp);
	rc = shake_hands(ssl, fd, until_ms, e);
	out->reason = told.reason;
	out->wants_ours = told.wants_ours;
	out->version = SSL_get_version(ssl);
	out->stapled = SSL_get_tlsext_status_ocsp_resp(ssl, &staple) > 0;
	chain = SSL_get_peer_cert_chain(ssl);
	out->chain = chain == NULL ? NULL : X509_chain_up_ref(chain);
	if (rc == 0)
		(void)SSL_shutdown(ssl);
	ERR_clear_error();
	return rc;
}

int probe_tls_show(SSL_CTX *ctx, int fd, const char *name, int64_t until_ms,
		   struct probe_shown *out, struct err *e)
{
	SSL *ssl;
	int rc = begin(ctx, fd, name, &ssl, e);

	if (rc == 0)
		rc = show(ssl, fd, until_ms, out, e);
	SSL_free(ssl);
	return rc;
}
