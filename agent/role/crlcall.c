#include "agent/role/crlcall.h"

#include <stdlib.h>
#include <string.h>

#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"

/* -- what both have -- */

static void put_number(struct msg *m, const struct crl_number *n)
{
	msg_put_bytes(m, n->octets, n->len);
}

static bool get_fixed(struct msg *m, void *to, size_t size)
{
	size_t len = 0;
	const void *from = msg_get_bytes(m, &len);

	if (len != size)
		return false;
	memcpy(to, from, size);
	return true;
}

static bool get_number(struct msg *m, struct crl_number *n)
{
	size_t len = 0;
	const void *from = msg_get_bytes(m, &len);

	*n = (struct crl_number){ .len = 0 };
	if (len > sizeof(n->octets))
		return false;
	if (len > 0)
		memcpy(n->octets, from, len);
	n->len = (uint8_t)len;
	return true;
}

/* A copy, since nothing in a message is aligned. NULL: none, and *n is 0, or a wrong
 * length, and it is more than `max`. */
static void *get_array(struct msg *m, size_t size, size_t max, size_t *n)
{
	size_t len = 0;
	const void *from = msg_get_bytes(m, &len);
	void *copy;

	*n = len % size == 0 && len / size <= max ? len / size : max + 1;
	if (*n == 0 || *n > max)
		return NULL;
	copy = xcalloc(*n, size);
	memcpy(copy, from, len);
	return copy;
}

/* -- the question -- */

void crlcall_ask(struct msg *m, const struct crl_ask *ask)
{
	msg_begin(m, WORKER_CRL, 0);
	msg_put_str(m, ask->url);
	msg_put_str(m, ask->etag);
	msg_put_str(m, ask->last_modified);
	msg_put_u64(m, ask->local);
	msg_put_u64(m, ask->max_size);
	msg_put_bytes(m, ask->ca, ask->ca_len);
	msg_put_u64(m, ask->covers);
	msg_put_u64(m, ask->indirect);
	put_number(m, &ask->floor);
	msg_put_bytes(m, ask->scope, sizeof(ask->scope));
	msg_put_bytes(m, ask->serials, ask->n_serials * sizeof(*ask->serials));
	msg_put_u64(m, ask->n_points);
	for (size_t i = 0; i < ask->n_points; i++)
		msg_put_str(m, ask->points[i]);
}

static bool get_points(struct msg *m, struct crl_ask *ask)
{
	const uint64_t n = msg_get_u64(m);

	if (n > LIMIT_CRL_POINTS)
		return false;
	ask->points = xcalloc(n + 1, sizeof(*ask->points));
	ask->n_points = n;
	for (size_t i = 0; i < n; i++)
		ask->points[i] = msg_get_str(m);
	return true;
}

static bool get_ask(struct msg *m, struct crl_ask *ask)
{
	ask->url = msg_get_str(m);
	ask->etag = msg_get_str(m);
	ask->last_modified = msg_get_str(m);
	ask->local = (enum crl_local)msg_get_u64(m);
	ask->max_size = msg_get_u64(m);
	ask->ca = msg_get_bytes(m, &ask->ca_len);
	ask->covers = (unsigned)msg_get_u64(m) & (CRL_USERS | CRL_CAS);
	ask->indirect = msg_get_u64(m) != 0;
	if (!get_number(m, &ask->floor) || !get_fixed(m, ask->scope, CRL_HASH_LEN))
		return false;
	ask->serials =
	    get_array(m, sizeof(*ask->serials), CRL_SERIALS_MAX, &ask->n_serials);
	return ask->n_serials <= (ask->indirect ? 0 : CRL_SERIALS_MAX) &&
	       get_points(m, ask);
}

int crlcall_asked(struct msg *m, struct crl_ask *ask, struct err *e)
{
	bool good;
	int rc;

	*ask = (struct crl_ask){ .url = NULL };
	good = get_ask(m, ask) && ask->local <= CRL_LOCAL_ANY &&
	       strlen(ask->url) <= LIMIT_CRL_ASKED &&
	       strlen(ask->etag) <= LIMIT_CRL_VERSION &&
	       strlen(ask->last_modified) <= LIMIT_CRL_VERSION &&
	       ask->ca_len <= LIMIT_CRL_CA;
	rc = msg_end(m, e);
	if (rc == 0 && !good)
		rc = err_set(e, ERR_PROTO, "more is asked of a CRL than there may be");
	if (rc < 0) {
		free(ask->points);
		free(ask->serials);
	}
	return rc;
}

/* -- the answer -- */

void crlcall_answer(struct msg *m, const struct crl_answer *answer)
{
	const struct crl_facts *f = &answer->facts;

	msg_put_u64(m, answer->verdict);
	msg_put_str(m, answer->etag);
	msg_put_str(m, answer->last_modified);
	msg_put_i64(m, f->this_update);
	msg_put_i64(m, f->next_update);
	put_number(m, &f->number);
	msg_put_u64(m, f->n_entries);
	msg_put_u64(m, f->size);
	msg_put_bytes(m, f->digest, sizeof(f->digest));
	msg_put_bytes(m, f->scope, sizeof(f->scope));
	msg_put_u64(m, f->covers);
	msg_put_u64(m, f->more);
	msg_put_str(m, f->unverified);
	msg_put_bytes(m, answer->hits, answer->n_hits * sizeof(*answer->hits));
}

static bool get_facts(struct msg *m, struct crl_facts *f)
{
	const char *why;

	f->this_update = msg_get_i64(m);
	f->next_update = msg_get_i64(m);
	if (!get_number(m, &f->number))
		return false;
	f->n_entries = msg_get_u64(m);
	f->size = msg_get_u64(m);
	if (!get_fixed(m, f->digest, CRL_HASH_LEN) ||
	    !get_fixed(m, f->scope, CRL_HASH_LEN))
		return false;
	f->covers = (unsigned)msg_get_u64(m) & (CRL_USERS | CRL_CAS);
	f->more = msg_get_u64(m) != 0;
	why = msg_get_str(m);
	memcpy(f->unverified, why, strnlen(why, CRL_WHY_MAX - 1));
	return true;
}

/* They are as they were in the worker: no length in them is believed. */
static bool are_hits(const struct crl_hit *hits, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (hits[i].serial.len > sizeof(hits[i].serial.octets))
			return false;
	return true;
}

static bool get_answer(struct msg *m, struct crl_answer *answer)
{
	const uint64_t verdict = msg_get_u64(m);

	if (verdict >= CRL_VERDICTS)
		return false;
	answer->verdict = (enum crl_verdict)verdict;
	answer->etag = msg_get_str(m);
	answer->last_modified = msg_get_str(m);
	if (!get_facts(m, &answer->facts))
		return false;
	answer->hits =
	    get_array(m, sizeof(*answer->hits), CRL_HITS_MAX, &answer->n_hits);
	return answer->n_hits <= CRL_HITS_MAX && are_hits(answer->hits, answer->n_hits);
}

int crlcall_answered(struct msg *m, struct crl_answer *answer, struct err *e)
{
	int rc;

	*answer = (struct crl_answer){ .hits = NULL };
	rc = get_answer(m, answer)
		 ? msg_end(m, e)
		 : err_set(e, ERR_PROTO, "an answer about a CRL that nobody knows");
	if (rc < 0)
		free(answer->hits);
	return rc;
}

char *crlcall_size_words(const char *url, uint64_t size)
{
	if (size <= CRL_LARGE)
		return NULL;
	return xasprintf(
	    "%s: a CRL of %llu MB: who loads it needs several times as much "
	    "memory; its CA may have smaller ones for parts of its "
	    "certificates",
	    url, (unsigned long long)(size / 1000 / 1000));
}

void crlcall_tell_size(const char *url, const struct crl_facts *facts)
{
	AUTO_FREE char *words = crlcall_size_words(url, facts->size);

	if (words != NULL)
		log_warn("%s", words);
}

void crlcall_tell_number(const char *url, const struct crl_number *ours,
			 const uint8_t *scope, const struct crl_facts *facts)
{
	char had[2 * CRL_NUMBER_MAX + 1], has[2 * CRL_NUMBER_MAX + 1];

	if (memcmp(scope, facts->scope, CRL_HASH_LEN) != 0 ||
	    crl_number_cmp(&facts->number, ours) >= 0)
		return;
	text_hex(had, ours->octets, ours->len);
	text_hex(has, facts->number.octets, facts->number.len);
	log_warn("%s: its number went back from %s to %s (hex); the list before has "
		 "ended, so this one is taken: ask the CA whether it counts anew",
		 url, had, facts->number.len == 0 ? "none" : has);
}
