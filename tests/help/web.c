#include "tests/help/web.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <openssl/pem.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/x509.h"
#include "tests/help/certs.h"

#define DAY 86400

struct shared {
	unsigned n_connections;
	unsigned n_requests;
	char heard[WEB_HEARD];
	char peer[INET_ADDRSTRLEN];
};

static void put_root(const struct web *w, X509 *root)
{
	AUTO_BUF struct buf pem = { 0 };
	struct err e;

	assert_int_equal(x509_to_pem(root, &pem, &e), 0);
	scratch_put(w->scratch, "root.pem", pem.data);
}

static void make_identity(struct web *w)
{
	EVP_PKEY *root_key = certs_key(KEY_ECDSA_P256);
	struct cert_plan root_plan = { .subject = "Web root",
				       .key = root_key,
				       .issuer_key = root_key,
				       .from = clock_now() - DAY,
				       .to = clock_now() + DAY,
				       .basic = "critical,CA:TRUE",
				       .key_usage = "critical,keyCertSign" };
	X509 *root = certs_make(&root_plan);
	struct cert_plan leaf = { .key = certs_key(KEY_ECDSA_P256),
				  .issuer = root,
				  .issuer_key = root_key,
				  .from = clock_now() - DAY,
				  .to = clock_now() + DAY,
				  .serial = "02",
				  .usage = "serverAuth",
				  .names = "critical,DNS:localhost,IP:127.0.0.1" };

	w->id.key = leaf.key;
	w->id.cert = certs_make(&leaf);
	put_root(w, root);
	X509_free(root);
	EVP_PKEY_free(root_key);
}

int web_in(void **state)
{
	struct web *w = xcalloc(1, sizeof(*w));
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	void *scratch = NULL;

	signal(SIGPIPE, SIG_IGN);
	if (shared == MAP_FAILED || scratch_in(&scratch) != 0)
		return -1;
	w->scratch = scratch;
	w->n_connections = &shared->n_connections;
	w->n_requests = &shared->n_requests;
	w->heard = shared->heard;
	w->peer = shared->peer;
	make_identity(w);
	snprintf(w->trust, sizeof(w->trust), "%s/root.pem", w->scratch->path);
	*state = w;
	return 0;
}

int web_out(void **state)
{
	struct web *w = *state;
	void *scratch = w->scratch;

	web_stop(w);
	X509_free(w->id.cert);
	EVP_PKEY_free(w->id.key);
	munmap(w->n_connections, sizeof(struct shared));
	free(w);
	return scratch_out(&scratch);
}

static void note_peer(struct web *w, int fd)
{
	struct sockaddr_in a = { 0 };
	socklen_t len = sizeof(a);

	(void)getpeername(fd, (struct sockaddr *)&a, &len);
	inet_ntop(AF_INET, &a.sin_addr, w->peer, INET_ADDRSTRLEN);
}

/* server_start() copies nothing: `s` is the first member of its struct web. */
static void serve_one(struct server *s, int fd)
{
	struct web *w = (struct web *)(void *)s;

	++*w->n_connections;
	note_peer(w, fd);
	w->fd = fd;
	w->ssl = w->plain ? NULL : server_accept(s, fd, &w->id);
	if (w->plain || w->ssl != NULL)
		w->serve(w);
	if (w->ssl != NULL)
		SSL_shutdown(w->ssl);
	SSL_free(w->ssl);
}

void web_start(struct web *w, web_fn *serve)
{
	w->serve = serve;
	server_start(&w->server, NULL, serve_one);
	snprintf(w->url, sizeof(w->url), "https://127.0.0.1:%u", w->server.port);
}

void web_stop(struct web *w)
{
	if (w->server.pid > 0)
		server_stop(&w->server);
	w->server.pid = 0;
}

void web_start_plain(struct web *w, web_fn *serve)
{
	w->plain = true;
	web_start(w, serve);
}

static ssize_t web_read(struct web *w, char *data, size_t size)
{
	return w->ssl == NULL ? read(w->fd, data, size)
			      : SSL_read(w->ssl, data, (int)size);
}

/* What was heard stays for the test to look at. */
static void hear(struct web *w, const char *data, size_t n)
{
	size_t at = strlen(w->heard);

	if (at + n < WEB_HEARD)
		memcpy(w->heard + at, data, n);
}

bool web_ask(struct web *w, char *head, size_t size)
{
	size_t len = 0, body = 0;
	const char *at;
	char byte;

	while (len + 1 < size && web_read(w, head + len, 1) == 1) {
		head[++len] = '\0';
		if (len >= 4 && strcmp(head + len - 4, "\r\n\r\n") == 0)
			break;
	}
	if (len == 0)
		return false;
	hear(w, head, len);
	at = strstr(head, "Content-Length: ");
	body = at == NULL ? 0 : strtoul(at + 16, NULL, 10);
	for (; body > 0 && web_read(w, &byte, 1) == 1; body--)
		hear(w, &byte, 1);
	++*w->n_requests;
	return true;
}

bool web_write(struct web *w, const void *data, size_t len)
{
	if (w->ssl != NULL)
		return SSL_write(w->ssl, data, (int)len) == (int)len;
	return write(w->fd, data, len) == (ssize_t)len;
}

bool web_say(struct web *w, const char *text)
{
	return web_write(w, text, strlen(text));
}

bool web_answer(struct web *w, int status, const char *headers, const char *body)
{
	AUTO_BUF struct buf out = { 0 };

	buf_printf(&out, "HTTP/1.1 %d Said\r\nContent-Length: %zu\r\n%s\r\n%s", status,
		   strlen(body), headers, body);
	return web_write(w, out.data, out.len);
}

static void put_json(const char *pem, struct buf *out)
{
	buf_puts(out, "\"");
	for (; *pem != '\0'; pem++)
		buf_add(out, *pem == '\n' ? "\\n" : pem, *pem == '\n' ? 2 : 1);
	buf_puts(out, "\"");
}

static void put_pem(X509 *cert, struct buf *out)
{
	AUTO_BUF struct buf pem = { 0 };
	struct err e;

	assert_int_equal(x509_to_pem(cert, &pem, &e), 0);
	put_json(pem.data, out);
}

static void put_other(struct buf *out)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_X509 X509 *cert = certs_make(
	    &(struct cert_plan){ .key = key, .subject = "other", .to = 4102444800 });

	put_pem(cert, out);
}

void web_answer_json(struct web *w, int status, const char *headers, const char *body)
{
	AUTO_BUF struct buf text = { 0 };

	while (*body != '\0') {
		if (strncmp(body, "PEM", 3) == 0) {
			put_pem(w->id.cert, &text);
			body += 3;
		} else if (strncmp(body, "OTHER", 5) == 0) {
			put_other(&text);
			body += 5;
		} else {
			buf_add(&text, body++, 1);
		}
	}
	web_answer(w, status, headers, text.data == NULL ? "" : text.data);
}

size_t web_heard(const struct web *w, const char *text)
{
	size_t n = 0;

	for (const char *at = w->heard; (at = strstr(at, text)) != NULL; at++)
		n++;
	return n;
}
