#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "acme/alpn.h"
#include "acme/token.h"
#include "agent/responder/responder_tls.h"
#include "agent/responder/responder_tokens.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/x509.h"

/* Who speaks for a CA says less than 4 KB until it has seen our certificate; OpenSSL would
 * listen to 128 KB. */
#define HELLO_BYTES 16384

struct responder_name {
	struct responder_name *next;
	char sni[DNS_NAME_SIZE];
	char *name;          /* owned */
	char *authorization; /* owned */
};

struct responder_names {
	struct responder_name *list;
	size_t n;
	EVP_PKEY *key; /* owned */
	SSL_CTX *ctx;  /* owned */
};

/* -- whom to answer -- */

static struct responder_name *find(const struct responder_names *names, const char *sni)
{
	struct responder_name *n = names->list;

	while (n != NULL && strcmp(n->sni, sni) != 0)
		n = n->next;
	return n;
}

static void drop(struct responder_names *names, struct responder_name **at)
{
	struct responder_name *n = *at;

	*at = n->next;
	names->n--;
	free(n->name);
	free(n->authorization);
	free(n);
}

static void remove_token(struct responder_names *names, const char *token)
{
	const size_t len = strlen(token);
	struct responder_name **at = &names->list;

	while (*at != NULL)
		if (strncmp((*at)->authorization, token, len) == 0 &&
		    (*at)->authorization[len] == '.')
			drop(names, at);
		else
			at = &(*at)->next;
}

static int add(struct responder_names *names, const char *name, const char *token,
	       const char *authorization, struct err *e)
{
	char sni[DNS_NAME_SIZE];
	struct responder_name *n;

	if (!token_is_authorization(token, authorization))
		return err_set(e, ERR_PROTO, "not a token and its key authorization");
	alpn_sni_of(name, sni);
	if (sni[0] == '\0')
		return err_set(e, ERR_PROTO, "not a name to be asked for by TLS");
	n = find(names, sni);
	if (n == NULL && names->n == LIMIT_TOKENS)
		return err_set(e, ERR_LIMIT, "more than %d names", LIMIT_TOKENS);
	if (n == NULL) {
		n = xcalloc(1, sizeof(*n));
		memcpy(n->sni, sni, sizeof(sni));
		n->name = xstrdup(name);
		n->next = names->list;
		names->list = n;
		names->n++;
	}
	free(n->authorization);
	n->authorization = xstrdup(authorization);
	return 0;
}

/* -- a handshake -- */

/* An extension of the ClientHello. */
static const uint8_t *extension(SSL *ssl, unsigned type, size_t *len)
{
	const unsigned char *data;

	return SSL_client_hello_get0_ext(ssl, type, &data, len) == 1 ? data : NULL;
}

static bool show(SSL *ssl, const struct responder_names *names,
		 const struct responder_name *n)
{
	AUTO_X509 X509 *cert = NULL;
	struct err e;

	return alpn_certificate(names->key, n->name, n->authorization, &cert, &e) ==
		   0 &&
	       SSL_use_certificate(ssl, cert) == 1 &&
	       SSL_use_PrivateKey(ssl, names->key) == 1;
}

/* Before anything is agreed on, and again after a retry (RFC 8446 4.1.4). */
static int on_hello(SSL *ssl, int *alert, void *arg)
{
	const struct responder_names *names = arg;
	const struct responder_name *n = NULL;
	char sni[DNS_NAME_SIZE];
	const uint8_t *ext;
	size_t len;

	*alert = SSL_AD_NO_APPLICATION_PROTOCOL;
	ext = extension(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &len);
	if (ext == NULL || !alpn_is_asked(ext, len))
		return SSL_CLIENT_HELLO_ERROR;
	*alert = SSL_AD_UNRECOGNIZED_NAME;
	ext = extension(ssl, TLSEXT_TYPE_server_name, &len);
	if (ext != NULL && alpn_read_sni(ext, len, sni))
		n = find(names, sni);
	if (n == NULL)
		return SSL_CLIENT_HELLO_ERROR;
	*alert = SSL_AD_INTERNAL_ERROR;
	return show(ssl, names, n) ? SSL_CLIENT_HELLO_SUCCESS : SSL_CLIENT_HELLO_ERROR;
}

/* on_hello() has seen that there is no other. */
static int on_protocol(SSL *ssl, const unsigned char **out, unsigned char *len,
		       const unsigned char *in, unsigned int n, void *arg)
{
	(void)ssl;
	(void)n;
	(void)arg;
	*out = in + 1;
	*len = in[0];
	return SSL_TLSEXT_ERR_OK;
}

static struct responder_shake *begin(struct responder_names *names, int fd)
{
	SSL *ssl = SSL_new(names->ctx);

	if (ssl != NULL && SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		ssl = NULL;
	}
	if (ssl != NULL)
		SSL_set_accept_state(ssl);
	ERR_clear_error();
	return (struct responder_shake *)ssl;
}

static enum responder_turn go_on(struct responder_shake *shake)
{
	SSL *ssl = (SSL *)shake;
	const int rc = SSL_do_handshake(ssl);
	const int why = SSL_get_error(ssl, rc);

	if (rc == 1)
		(void)SSL_shutdown(ssl); /* close_notify; we do not wait for theirs */
	ERR_clear_error();
	if (BIO_number_read(SSL_get_rbio(ssl)) > HELLO_BYTES)
		return SHAKE_OVER;
	if (why == SSL_ERROR_WANT_READ)
		return SHAKE_READS;
	return why == SSL_ERROR_WANT_WRITE ? SHAKE_WRITES : SHAKE_OVER;
}

static void end(struct responder_shake *shake)
{
	SSL_free((SSL *)shake);
}

/* -- all of them -- */

static void close_all(struct responder_names *names)
{
	if (names == NULL)
		return;
	while (names->list != NULL)
		drop(names, &names->list);
	SSL_CTX_free(names->ctx);
	EVP_PKEY_free(names->key);
	free(names);
}

/* TLS 1.2 or newer. Nothing is kept for another handshake: neither session nor ticket. */
static int set_up(struct responder_names *names, struct err *e)
{
	names->ctx = SSL_CTX_new(TLS_server_method());
	if (names->ctx == NULL ||
	    SSL_CTX_set_min_proto_version(names->ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_num_tickets(names->ctx, 0) != 1)
		return key_openssl_err(e, ERR_SYS, "TLS");
	SSL_CTX_set_options(names->ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(names->ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(names->ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_client_hello_cb(names->ctx, on_hello, names);
	SSL_CTX_set_alpn_select_cb(names->ctx, on_protocol, NULL);
	return key_make(KEY_ECDSA_P256, &names->key, e);
}

static int open_all(struct responder_names **out, struct err *e)
{
	struct responder_names *names = xcalloc(1, sizeof(*names));
	const int rc = set_up(names, e);

	if (rc == 0)
		*out = names;
	else
		close_all(names);
	return rc;
}

const struct responder_tls responder_alpn = {
	.open = open_all,
	.close = close_all,
	.add = add,
	.remove = remove_token,
	.begin = begin,
	.go_on = go_on,
	.end = end,
};
