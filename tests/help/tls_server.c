#include "tests/help/tls_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/role/spec.h"
#include "base/clock.h"
#include "base/mem.h"

static void identity_make(struct identity *id, int number)
{
	X509_NAME *name;

	id->key = number == OF_ED25519 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
				       : EVP_EC_gen("P-256");
	id->cert = X509_new();
	assert_non_null(id->key);
	assert_non_null(id->cert);
	ASN1_INTEGER_set(X509_get_serialNumber(id->cert), number + 1);
	X509_gmtime_adj(X509_getm_notBefore(id->cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(id->cert), 3600);
	name = X509_get_subject_name(id->cert);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
				   (const unsigned char *)"probe", -1, -1, 0);
	X509_set_issuer_name(id->cert, name);
	X509_set_pubkey(id->cert, id->key);
	assert_true(X509_sign(id->cert, id->key,
			      number == OF_ED25519 ? NULL : EVP_sha256()) > 0);
	assert_int_equal(X509_digest(id->cert, EVP_sha256(), id->sha256, NULL), 1);
}

void server_start(struct server *s, const struct identity *ids, serve_fn *serve)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	if (s->anywhere)
		a.sin_addr.s_addr = htonl(INADDR_ANY);
	s->ids = ids;
	s->since_ms = clock_boot_ms();
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_return_code(bind(s->listener, (struct sockaddr *)&a, len), errno);
	assert_return_code(listen(s->listener, 64), errno);
	assert_return_code(getsockname(s->listener, (struct sockaddr *)&a, &len),
			   errno);
	s->port = ntohs(a.sin_port);
	snprintf(s->port_text, sizeof(s->port_text), "%u", s->port);
	s->pid = fork();
	assert_true(s->pid >= 0);
	for (; s->pid == 0; s->count++) {
		int fd = accept(s->listener, NULL, NULL);

		if (fd < 0)
			_exit(1);
		serve(s, fd);
		close(fd);
	}
	close(s->listener);
}

void server_stop(const struct server *s)
{
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
}

static int accept_any(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1;
}

static int chosen_by_sni(SSL *ssl, int *alert, void *arg)
{
	const struct identity *ids = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const struct identity *id = name == NULL ? &ids[BEFORE]
				    : strcmp(name, "www.example.org") == 0
					? &ids[WANTED]
					: &ids[STRANGE];

	(void)alert;
	SSL_use_certificate(ssl, id->cert);
	SSL_use_PrivateKey(ssl, id->key);
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *server_context(const struct server *s, const struct identity *id)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (id != NULL) {
		SSL_CTX_use_certificate(ctx, id->cert);
		SSL_CTX_use_PrivateKey(ctx, id->key);
	} else {
		SSL_CTX_set_tlsext_servername_callback(ctx, chosen_by_sni);
		SSL_CTX_set_tlsext_servername_arg(ctx, (void *)(uintptr_t)s->ids);
	}
	if (s->has_ed25519) {
		SSL_CTX_use_certificate(ctx, s->ids[OF_ED25519].cert);
		SSL_CTX_use_PrivateKey(ctx, s->ids[OF_ED25519].key);
	}
	if (s->tls_max != 0)
		SSL_CTX_set_max_proto_version(ctx, s->tls_max);
	if (s->wants_client)
		SSL_CTX_set_verify(ctx,
				   SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
				   accept_any);
	return ctx;
}

SSL *server_accept(struct server *s, int fd, const struct identity *id)
{
	SSL_CTX *ctx = server_context(s, id);
	SSL *ssl = SSL_new(ctx);

	SSL_CTX_free(ctx);
	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1)
		return ssl;
	SSL_free(ssl);
	return NULL;
}

void server_shake(struct server *s, int fd, const struct identity *id)
{
	SSL *ssl = server_accept(s, fd, id);
	char byte;

	if (ssl != NULL)
		(void)SSL_read(ssl, &byte, 1); /* until the client goes */
	SSL_free(ssl);
}

void shows_wanted(struct server *s, int fd)
{
	server_shake(s, fd, &s->ids[WANTED]);
}

void shows_before(struct server *s, int fd)
{
	server_shake(s, fd, &s->ids[BEFORE]);
}

struct probe_request server_ask(const struct bench *b, const struct server *s,
				int64_t deadline_ms)
{
	struct probe_request r = { .host = "127.0.0.1",
				   .port = s->port_text,
				   .name = "www.example.org",
				   .proto = PROBE_TLS,
				   .deadline_ms = deadline_ms,
				   .stale_ms = deadline_ms };

	memcpy(r.wanted, b->ids[WANTED].sha256, sizeof(r.wanted));
	memcpy(r.old, b->ids[BEFORE].sha256, sizeof(r.old));
	return r;
}

void server_expect(const struct probe_result *got, enum probe_verdict verdict,
		   const char *detail)
{
	if (got->verdict != verdict || strstr(got->detail, detail) == NULL)
		fail_msg("%s \"%s\", not %s \"...%s...\"", probe_word(got->verdict),
			 got->detail, probe_word(verdict), detail);
}

int server_setup(void **state)
{
	struct bench *b = xcalloc(1, sizeof(*b));

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < WHOS; i++)
		identity_make(&b->ids[i], i);
	*state = b;
	return 0;
}

int server_teardown(void **state)
{
	struct bench *b = *state;

	for (int i = 0; i < WHOS; i++) {
		X509_free(b->ids[i].cert);
		EVP_PKEY_free(b->ids[i].key);
	}
	free(b);
	return 0;
}
