/*
 * est: an enrolment, with a server that answers whatever comes (answers.h). Behind an octet
 * of wishes: what an answer sends in base64 may stand there as the octets that it is of.
 */
#include <stdlib.h>

#include "ca/answer.h"
#include "ca/base64.h"
#include "ca/est.h"
#include "tests/fuzz/answers.h"
#include "tests/fuzz/enrol.h"

#define REQUESTS 6 /* three by what is live, three as the first time */

enum wish {
	WISH_RENEWS = 1,
	WISH_LIVE = 2,
	WISH_USER = 4,
	WISH_FIRST = 8,
	WISH_NEXT = 16,   /* another key than that of what is live */
	WISH_WAITS = 32,  /* something does already */
	WISH_ENROLS = 64, /* ... by simpleenroll */
	WISH_CAS = 128,   /* what stands above, and nothing else */
};

struct told {
	unsigned wish;
	unsigned waits;
};

static int request(void *arg, bool again, const struct csr_asks *asks, struct buf *der,
		   struct err *e)
{
	const struct told *told = arg;

	(void)again;
	(void)e;
	assert(asks->challenge == NULL || strlen(asks->challenge) <= CSR_CHALLENGE);
	assert((asks->usages & ~CSR_USAGES) == 0);
	assert((asks->purposes & ~CSR_PURPOSES) == 0);
	enrol_csr((told->wish & WISH_NEXT) != 0, asks, der);
	return 0;
}

static int secret(void *arg, struct buf *user, struct buf *password, struct err *e)
{
	const struct told *told = arg;

	(void)e;
	if ((told->wish & WISH_USER) != 0) {
		buf_puts(user, "user");
		buf_puts(password, "password");
	}
	return 0;
}

static int pair(void *arg, unsigned wish, struct buf *chain, struct buf *key)
{
	const struct told *told = arg;

	if ((told->wish & wish) != 0) {
		buf_puts(chain, enrol_leaf);
		buf_puts(key, enrol_key);
	}
	return 0;
}

static int live(void *arg, struct buf *chain, struct buf *key, struct err *e)
{
	(void)e;
	return pair(arg, WISH_LIVE, chain, key);
}

static int first(void *arg, struct buf *chain, struct buf *key, struct err *e)
{
	(void)e;
	return pair(arg, WISH_FIRST, chain, key);
}

static int waits(void *arg, const char *handle, struct err *e)
{
	struct told *told = arg;

	(void)e;
	assert(origin_same(handle, ANSWERS_CA "/"));
	assert(told->waits++ == 0);
	return 0;
}

static void in_base64(const uint8_t *at, size_t len, struct buf *body)
{
	struct err e;

	assert(base64_lines(at, len, body, &e) == 0);
}

static int enrol(const struct est_settings *s, struct told *told, struct err *e)
{
	const struct est_host host = { told, request, secret, live, first, waits };
	const char *handle = (told->wish & WISH_ENROLS) != 0
				 ? ANSWERS_CA "/.well-known/est/ca/simpleenroll"
				 : ANSWERS_CA "/.well-known/est/ca/simplereenroll";
	struct enrolled r = { .note = NULL };
	const int rc = est_enrol(s, &host, (told->wish & WISH_RENEWS) != 0,
				 (told->wish & WISH_WAITS) != 0 ? handle : NULL, &r, e);

	if (rc == 0)
		enrol_hold(&r, (told->wish & WISH_NEXT) != 0);
	enrol_done(&r);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct est_settings s = { .url = ANSWERS_CA "/.well-known/est/ca/" };
	struct fuzz f = { data, len };
	struct told told = { fuzz_byte(&f), 0 };
	AUTO_BUF struct buf pem = { 0 };
	struct err e = { .text = "" };
	int rc;

	answers_begin(&f, &(struct answers_what){ .bytes = in_base64 });
	rc = (told.wish & WISH_CAS) != 0 ? est_cacerts(&s, &pem, &e)
					 : enrol(&s, &told, &e);
	assert(answers.n <= REQUESTS);
	if (rc < 0)
		answers_failed(rc, &e, ANSWER_MOST_S);
	return 0;
}
