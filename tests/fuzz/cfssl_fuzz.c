/*
 * cfssl: what is signed, what is revoked, which roots there are, with a server that answers whatever comes
 * (answers.h), behind an octet of wishes. Octets 1 to 4 are certificates, as JSON has them.
 */
#include <stdlib.h>

#include "ca/answer.h"
#include "ca/cfssl.h"
#include "tests/fuzz/answers.h"
#include "tests/fuzz/enrol.h"

#define REQUESTS 5 /* info of two profiles, sign, bundle; revoke */

enum wish {
	WISH_REVOKES = 1,
	WISH_PROFILE = 2,
	WISH_MAC = 4,
	WISH_TWICE = 8,
	WISH_ROOTS = 16,
};

static int request(void *arg, struct buf *json, struct buf *mac, struct err *e)
{
	const unsigned *wish = arg;

	(void)e;
	buf_puts(json, "{}");
	if ((*wish & WISH_MAC) != 0)
		buf_puts(mac, "01234567890123456789012345678901");
	return 0;
}

static int have_signed(struct cfssl *c, struct err *e)
{
	AUTO_BUF struct buf chain = { 0 }, anchors = { 0 };
	AUTO_CHAIN STACK_OF(X509) *certs = NULL, *roots = NULL;
	struct err why;

	TRY(cfssl_sign(c, &chain, &anchors, e));
	assert(x509_chain_from_pem(anchors.data, anchors.len, &roots, &why) == 0);
	/* Each answer is within its limit: what is too much together is for the gate. */
	assert(x509_chain_from_pem(chain.data, chain.len, &certs, &why) == 0 ||
	       why.code == ERR_LIMIT);
	return 0;
}

static int roots(struct cfssl *c, struct err *e)
{
	AUTO_BUF struct buf pem = { 0 };

	TRY(cfssl_roots(c, &pem, e));
	assert(pem.len > 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz f = { data, len };
	unsigned wish = fuzz_byte(&f);
	const struct cfssl_settings s = { .url = ANSWERS_CA "//",
					  .profile =
					      (wish & WISH_PROFILE) != 0 ? "p" : NULL };
	const struct cfssl_host host = { &wish, request };
	struct err e = { .text = "" };
	struct cfssl c;
	int rc;

	answers_begin(&f, &(struct answers_what){
			      .words = { enrol_leaf, enrol_sub, enrol_root } });
	assert(cfssl_open(&c, &s, &host, &e) == 0);
	rc = (wish & WISH_ROOTS) != 0     ? roots(&c, &e)
	     : (wish & WISH_REVOKES) != 0 ? cfssl_revoke(&c, &e)
					  : have_signed(&c, &e);
	if (rc == 0 && (wish & WISH_TWICE) != 0)
		rc = have_signed(&c, &e);
	assert(answers.n <= 2 * REQUESTS);
	if (rc < 0)
		answers_failed(rc, &e, ANSWER_MOST_S);
	cfssl_close(&c);
	return 0;
}
