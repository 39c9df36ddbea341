/*
 * step: an enrolment, a revocation, and what stands above, with a step-ca that answers
 * whatever comes (answers.h), behind an octet of wishes. Octets 1 to 4 are certificates, as
 * JSON has them.
 */
#include <stdlib.h>

#include "ca/answer.h"
#include "ca/step.h"
#include "tests/fuzz/answers.h"
#include "tests/fuzz/enrol.h"

#define REQUESTS 50 /* two times twenty pages of provisioners, and what is asked then */

enum wish {
	WISH_RENEWS = 1,
	WISH_LIVE = 2,
	WISH_NEXT = 4,  /* another key than that of what is live */
	WISH_FETCH = 8, /* the CA has the provisioner's key */
	WISH_ENDED = 16,
	WISH_REVOKES = 32,
	WISH_ITSELF = 64, /* ... what is shown */
	WISH_ROOTS = 128,
};

static int request(void *arg, struct buf *der, struct err *e)
{
	const unsigned *wish = arg;

	(void)e;
	enrol_csr((*wish & WISH_NEXT) != 0, &(struct csr_asks){ .subject = NULL }, der);
	return 0;
}

static int token(void *arg, enum step_what what, const unsigned char root[32],
		 const struct step_jwe *jwe, struct step_told *told, struct err *e)
{
	(void)arg;
	(void)root;
	(void)e;
	assert(what < STEP_WHATS);
	assert(jwe->header.len <= LIMIT_STEP_JWE && jwe->text.len <= LIMIT_STEP_JWE);
	if (what != STEP_ITSELF)
		buf_puts(&told->token, "a.b.c");
	buf_puts(&told->serial, "7");
	return 0;
}

static int pair(void *arg, struct buf *chain, struct buf *key, struct err *e)
{
	const unsigned *wish = arg;

	(void)e;
	if ((*wish & WISH_LIVE) != 0) {
		buf_puts(chain, enrol_leaf);
		buf_puts(key, enrol_key);
	}
	return 0;
}

static int enrol(const struct step_settings *s, const struct step_host *host,
		 unsigned wish, struct err *e)
{
	struct enrolled r = { .note = NULL };
	int rc;

	if ((wish & WISH_ENDED) != 0)
		clock_fake(ANSWERS_NOW + INT64_C(90) * 86400);
	rc = step_enrol(s, host, (wish & WISH_RENEWS) != 0, &r, e);
	if (rc == 0)
		enrol_hold(&r, (wish & WISH_NEXT) != 0);
	enrol_done(&r);
	return rc;
}

static int ask(unsigned wish, struct err *e)
{
	const struct step_settings s = { .url = ANSWERS_CA "/",
					 .provisioner = "admin",
					 .fetch_key = (wish & WISH_FETCH) != 0 };
	const struct step_host host = { &wish, request, token, pair };
	AUTO_BUF struct buf pem = { 0 };

	if ((wish & WISH_ROOTS) != 0)
		return step_roots(&s, &pem, e);
	if ((wish & WISH_REVOKES) != 0)
		return step_revoke(&s, &host, (wish & WISH_ITSELF) != 0, e);
	return enrol(&s, &host, wish, e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz f = { data, len };
	const unsigned wish = fuzz_byte(&f);
	struct err e = { .text = "" };
	int rc;

	answers_begin(&f,
		      &(struct answers_what){
			  .words = { enrol_leaf, enrol_sub, enrol_root, enrol_next } });
	rc = ask(wish, &e);
	assert(answers.n <= REQUESTS);
	if (rc < 0 && (wish & WISH_ENDED) == 0)
		answers_failed(rc, &e, ANSWER_MOST_S);
	return 0;
}
