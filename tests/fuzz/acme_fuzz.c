/*
 * acme: a whole order, an account, renewal information, with a CA that answers whatever
 * comes: what is done, and then the answers (answers.h).
 */
#include <stdio.h>
#include <stdlib.h>

#include "acme/account.h"
#include "acme/ari_fetch.h"
#include "acme/client.h"
#include "acme/order.h"
#include "acme/refusal.h"
#include "acme/registration.h"
#include "acme/token.h"
#include "base/auto.h"
#include "base/err.h"
#include "tests/fuzz/answers.h"

#define NOW        ANSWERS_NOW
#define CA         ANSWERS_CA
#define REQUESTS   3000 /* a hundred bad nonces for each of thirty */
#define THUMBPRINT "0123456789012345678901234567890123456789012"

/* -- the host, which looks at what it is told -- */

struct told {
	char *kid; /* owned; NULL: not registered */
	bool rolling;
};

static int sign(void *arg, const struct acme_ask *ask, struct buf *jws, struct err *e)
{
	(void)arg;
	(void)e;
	assert(ask->kind < ASK_KINDS && ask->nonce != NULL);
	assert(origin_same(ask->url, CA "/"));
	buf_puts(jws, "{}");
	return 0;
}

static int account(void *arg, struct acme_account *a, struct err *e)
{
	const struct told *told = arg;

	(void)e;
	*a = (struct acme_account){
		.kid = told->kid == NULL ? NULL : xstrdup(told->kid),
		.thumbprint = xstrdup(THUMBPRINT),
		.rolling = told->rolling,
	};
	return 0;
}

static int registered(void *arg, const char *kid, struct err *e)
{
	struct told *told = arg;

	(void)e;
	assert(kid == NULL || origin_same(kid, CA "/"));
	free(told->kid);
	told->kid = kid == NULL ? NULL : xstrdup(kid);
	return 0;
}

static int rolled(void *arg, bool taken, struct err *e)
{
	(void)taken;
	(void)e;
	((struct told *)arg)->rolling = false;
	return 0;
}

static int checkpoint(void *arg, const char *url, const struct acme_token *tokens,
		      size_t n, struct err *e)
{
	(void)arg;
	(void)e;
	assert(origin_same(url, CA "/") && strlen(url) <= LIMIT_ACME_URL);
	for (size_t i = 0; i < n; i++)
		assert(
		    token_is_authorization(tokens[i].token, tokens[i].authorization));
	return 0;
}

static int over(void *arg, const struct refusals *refused, struct err *e)
{
	(void)arg;
	(void)e;
	for (size_t i = 0; i < refused->n; i++)
		assert(strstr(refused->list[i].name, "a.test") != NULL);
	return 0;
}

/* -- what is done -- */

static int order(struct acme *a, unsigned wish, struct err *e)
{
	static const char *const names[] = { "a.test", "*.a.test", "b.a.test" };
	static const char *const only[] = { "*.a.test", NULL };
	static const struct order_way ways[] = { { "http-01", 7, NULL, only },
						 { "dns-01", 8, only, NULL } };
	static const char *const chains[] = { NULL, "shortest", "Lab",
					      "ad5a14b7983cd3b8e7c1a7b326075a43"
					      "78d1f00a0346dc8eae5e9a0c9a150cc2" };
	const struct order_want want = {
		.names = names,
		.n_names = 3,
		.ways = ways,
		.n_ways = 2,
		.chain = chains[wish >> 2 & 3],
		.profile = (wish & 12) == 12 ? "short" : NULL,
		.url = (wish & 64) != 0 ? CA "/o/1" : NULL,
		.polls = (wish >> 2 & 3) * ORDER_LOOK_POLLS,
		.replaces = (wish & 128) != 0,
	};
	AUTO_BUF struct buf chain = { 0 };
	AUTO_FREE char *note = NULL;

	return order_advance(a, &want, &chain, &note, e);
}

static int person(struct acme *a, unsigned wish, struct err *e)
{
	AUTO_BUF struct buf text = { 0 };

	if ((wish & 64) != 0)
		return account_revoke(a, (wish & 128) != 0, e);
	return account_step(a, (enum account_step)(wish >> 2 & 3), &text, e);
}

static int renewal(struct acme *a, struct err *e)
{
	struct ari_answer said = { .offered = false };
	const int rc = ari_fetch(a, "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE", &said, e);

	if (rc == 0 && said.offered) {
		assert(said.window.start < said.window.end);
		assert(said.ask_at >= NOW + ARI_SOON_S &&
		       said.ask_at <= NOW + ARI_LATE_S);
		assert(said.explanation == NULL || ari_url_is_plain(said.explanation));
	}
	if (rc == 0)
		free(said.explanation);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct acme_settings s = { .url = CA "/dir", .agree_terms = true };
	struct fuzz f = { data, len };
	const unsigned wish = fuzz_byte(&f);
	struct told told = { (wish & 16) != 0 ? NULL : xstrdup(CA "/a/1"),
			     (wish & 32) != 0 };
	const struct acme_host host = { &told,  sign,       account, registered,
					rolled, checkpoint, over };
	struct acme a;
	struct err e = { .text = "" };
	int rc;

	answers_begin(&f, &(struct answers_what){ .header = "replay-nonce: N" });
	assert(acme_open(&a, &s, &host, &e) == 0);
	if ((wish & 3) == 3)
		rc = person(&a, wish, &e);
	else
		rc = (wish & 3) == 2 ? renewal(&a, &e) : order(&a, wish, &e);
	assert(answers.n < REQUESTS);
	if (rc < 0)
		answers_failed(rc, &e, ACME_LATER_S);
	acme_close(&a);
	free(told.kid);
	return 0;
}
