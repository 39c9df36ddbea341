/*
 * crlcall: what the agent asks of a worker about a CRL, and the answer (WORKER_CRL).
 *
 * The worker fetches `url`, looks at the list as it arrives (ca/crl.h) and writes it, as
 * DER from the first octet on, to the descriptor that came with the question: an unlinked
 * file of the keeper's, empty, open for reading and writing. Nothing in it means anything
 * before the answer says CRL_GOOD, and then its first facts.size octets are the list; who
 * publishes it cuts off what follows. The keeper makes PEM of it without understanding it.
 * It goes on while twice as much is free on that disk as has come: so there is room to keep
 * it, and of four lists that do not end a third of the space is left to all others.
 *
 * A worker opens no files. So a list that is in a file ("file:...") is copied to that
 * descriptor by the keeper, as it is and at most `max_size` octets; the worker reads it
 * there and writes it back as DER. The same question about a list that was fetched
 * before looks for other serials on it.
 *
 * A list that is not good is no answer but an err, whose text says why: ERR_NET and
 * ERR_PROTO, ERR_LIMIT, ERR_TRUST of crl.h; ERR_REFUSED, the server says that there is
 * none, or its address is one that must not be asked.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/msg.h"
#include "ca/crl.h"
#include "ca/crl_fetch.h"

#define LIMIT_CRL_CA      (10 * 1024) /* DER of a CA's certificate; ML-DSA-87: 7.5 kB */
#define LIMIT_CRL_POINTS  20
#define LIMIT_CRL_ASKED   2048 /* of a URL */
#define LIMIT_CRL_VERSION 256  /* an entity tag, a date */

struct crl_ask {
	const char *url;
	const char *etag; /* of the list that we have, which need not come again; "" */
	const char *last_modified; /* ... as the server wrote it; "" */
	enum crl_local local;
	uint64_t max_size; /* octets */
	const void *ca;    /* DER of the issuer's certificate */
	size_t ca_len;
	unsigned covers; /* from here on as in struct crl_want */
	bool indirect;
	const char **points; /* at most LIMIT_CRL_POINTS */
	size_t n_points;
	struct crl_number floor;
	uint8_t scope[CRL_HASH_LEN];
	uint64_t *serials;
	size_t n_serials;
};

/* From so many octets on a list is warned of: nginx takes five times as much for each, and
 * as much again whenever it is loaded anew; and it comes again several times a day. */
#define CRL_LARGE (50u * 1000 * 1000)

/* What is said of a list from `url` by its size, owned; NULL: nothing. */
char *crlcall_size_words(const char *url, uint64_t size);
void crlcall_tell_size(const char *url, const struct crl_facts *facts);

/* ... and of one with a lower number than `ours` of the same scope, which had ended
 * (crl_floor()). */
void crlcall_tell_number(const char *url, const struct crl_number *ours,
			 const uint8_t *scope, const struct crl_facts *facts);

enum crl_verdict {
	CRL_UNCHANGED,  /* the server says that what we have is what there is */
	CRL_GOOD,       /* it is in the descriptor */
	CRL_UNVERIFIED, /* cannot be verified here: facts.unverified says why */
	CRL_VERDICTS,
};

/* Of CRL_UNCHANGED only what the server says of it is set, of CRL_UNVERIFIED there are no
 * hits. */
struct crl_answer {
	enum crl_verdict verdict;
	const char *etag; /* for the next time; "": the server gave none */
	const char *last_modified;
	struct crl_facts facts;
	struct crl_hit *hits; /* in the order in which they stand on the list */
	size_t n_hits;
};

/* Fill `m` with the question; the descriptor is the caller's to add (m->fd), who keeps
 * what `ask` points to. */
void crlcall_ask(struct msg *m, const struct crl_ask *ask);

/* The worker's side: read the question. The caller owns ask->points and ask->serials, the
 * rest is borrowed from `m`. ERR_PROTO. */
int crlcall_asked(struct msg *m, struct crl_ask *ask, struct err *e);

/* ... and put the answer into `m`, which is begun. */
void crlcall_answer(struct msg *m, const struct crl_answer *answer);

/* Read the answer. The caller owns answer->hits, the rest is borrowed from `m`. */
int crlcall_answered(struct msg *m, struct crl_answer *answer, struct err *e);
