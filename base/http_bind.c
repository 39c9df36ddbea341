#include "base/http_bind.h"

#include <openssl/ssl.h>

#include "base/err.h"
#include "base/http.h"
#include "base/key.h"

#define LABEL    "EXPORTER-Channel-Binding"
#define EXPORTED 32

/* How many bytes of `out`; 0: it has none. */
static size_t binding_of(SSL *ssl, unsigned char out[HTTP_BIND_MAX])
{
	if (SSL_version(ssl) >= TLS1_3_VERSION)
		return SSL_export_keying_material(ssl, out, EXPORTED, LABEL,
						  sizeof(LABEL) - 1, NULL, 0, 0) == 1
			   ? EXPORTED
			   : 0;
	/* The first Finished message of the handshake: ours, unless one is resumed. */
	return SSL_session_reused(ssl) ? SSL_get_peer_finished(ssl, out, HTTP_BIND_MAX)
				       : SSL_get_finished(ssl, out, HTTP_BIND_MAX);
}

int http_bind(CURL *easy, const struct http_request *r, struct err *e)
{
	const struct curl_tlssessioninfo *session = NULL;
	unsigned char binding[HTTP_BIND_MAX];
	size_t len = 0;

	if (curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &session) == CURLE_OK &&
	    session != NULL && session->internals != NULL)
		len = binding_of(session->internals, binding);
	if (len == 0)
		return key_openssl_err(e, ERR_PROTO, "the binding of the connection");
	return r->bind(r->bind_arg, binding, len, e);
}
