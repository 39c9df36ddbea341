/*
 * web: an https server in a process of its own that says what a test wants said.
 *
 *     web_start(&w, serve);           serve() is called for each connection
 *     ... web_ask(&w, head, sizeof(head)); web_say(&w, "HTTP/1.1 200 OK\r\n...");
 *     web_stop(&w);
 *
 * Its certificate is of localhost and 127.0.0.1 and signed by an own root, in w.trust.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tests/help/tls_server.h"
#include "tests/scratch.h"

struct web;

/* Serve one connection. With `plain` no handshake has been made. */
typedef void web_fn(struct web *w);

struct web {
	struct server server;
	struct identity id;
	struct scratch *scratch;
	char trust[PATH_MAX + 16]; /* PEM file of the root */
	char url[64];              /* "https://127.0.0.1:PORT" */
	web_fn *serve;             /* in the child, as are the next three */
	SSL *ssl;
	int fd;
	bool plain;
	unsigned *n_connections; /* shared with the test, as are the next two */
	unsigned *n_requests;
	char *heard; /* all heads and bodies that came, WEB_HEARD bytes */
	char *peer;  /* the address that the last connection came from */
};

#define WEB_HEARD 65536

/* Set-up and tear-down of each test; *state is a struct web that does not run. */
int web_in(void **state);
int web_out(void **state);

void web_start(struct web *w, web_fn *serve);
void web_start_plain(struct web *w, web_fn *serve);
/* It can be started again. */
void web_stop(struct web *w);

/* In the child: read a request with its body; false: the client has gone. */
bool web_ask(struct web *w, char *head, size_t size);
/* Write; false: the client has gone. */
bool web_write(struct web *w, const void *data, size_t len);
bool web_say(struct web *w, const char *text);
/* An answer with a length; `headers` are lines or "". */
bool web_answer(struct web *w, int status, const char *headers, const char *body);
/* The same, in whose body "PEM" stands for the certificate of the server, "OTHER" for that
 * of another key, as JSON. */
void web_answer_json(struct web *w, int status, const char *headers, const char *body);

/* How often it has heard `text`. */
size_t web_heard(const struct web *w, const char *text);
