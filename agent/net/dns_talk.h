/*
 * dns_talk: messages to a name server and back, all over TCP: each name server has it
 * (RFC 7766 5), nobody on the way can answer in its place by guessing an id, and whatever
 * is asked of a server is asked at once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/dns.h"

struct err;
struct probe_address;

#define DNS_TALK_MS     4000 /* for one server to answer all that it is asked */
#define DNS_SERVERS_MAX 8    /* of one list that is configured */

struct dns_question {
	char name[DNS_NAME_SIZE];
	enum dns_type type;
	unsigned id;      /* random, set as it is asked */
	struct buf reply; /* owned; a reply to it, see dns_reply.h */
};

/* Ask the server at `a` all of them. ERR_NET, ERR_PROTO: some have no reply then. */
int dns_ask(const struct probe_address *a, bool recurse, struct dns_question *q,
	    size_t n, int64_t until_ms, struct err *e);

/* The same of the first of `servers` (NULL ends them; none: those of the host) that
 * answers, each as dns_server_read() takes it. */
int dns_resolve(const char *const *servers, struct dns_question *q, size_t n,
		int64_t until_ms, struct err *e);

void dns_questions_free(struct dns_question *q, size_t n);

/* One message, and one back. */
int dns_write(int fd, const struct buf *message, int64_t until_ms, struct err *e);
int dns_read(int fd, struct buf *message, int64_t until_ms, struct err *e);

/* A connection to `server`, at the first of its addresses that takes one. */
int dns_connect(const char *server, int64_t until_ms, int *fd, struct err *e);
