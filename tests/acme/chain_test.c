/* chain: the one that was asked for, by each way of asking; or the default, and a note. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/chain.h"
#include "acme/client.h"
#include "acme/registration.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/x509.h"
#include "tests/help/ca.h"
#include "tests/help/certs.h"

#define N(a) (sizeof(a) / sizeof(*(a)))
#define DAY  86400

/* A leaf of "Mid"; Mid's certificate by root X, the other by Y; and X's by Old. */
struct chains {
	EVP_PKEY *key;
	char *by_x;       /* leaf, Mid by X: 2 */
	char *by_y;       /* leaf, Mid by Y: 2 */
	char *by_old;     /* leaf, Mid by X, X by Old: 3 */
	char *alone;      /* leaf: 1 */
	char mid_hex[65]; /* SHA-256 of Mid by Y */
};

static X509 *make(EVP_PKEY *key, const char *subject, X509 *issuer)
{
	const struct cert_plan plan = { .subject = subject,
					.key = key,
					.issuer = issuer,
					.issuer_key = key,
					.from = clock_now() - DAY,
					.to = clock_now() + DAY,
					.basic = "critical,CA:TRUE" };

	return certs_make(&plan);
}

static char *pem_of(X509 *a, X509 *b, X509 *c)
{
	X509 *const list[] = { a, b, c };
	struct buf pem = { 0 };
	struct err e;

	for (size_t i = 0; i < 3 && list[i] != NULL; i++)
		assert_int_equal(x509_to_pem(list[i], &pem, &e), 0);
	return buf_take(&pem);
}

static void make_chains(struct chains *c)
{
	EVP_PKEY *key = c->key = certs_key(KEY_ECDSA_P256);
	X509 *old = make(key, "Root Old", NULL), *x = make(key, "Root X", NULL);
	X509 *y = make(key, "Root Y", NULL), *x_by_old = make(key, "Root X", old);
	X509 *mid_x = make(key, "Mid", x), *mid_y = make(key, "Mid", y);
	X509 *leaf = make(key, "leaf", mid_x);
	unsigned char digest[32];

	c->by_x = pem_of(leaf, mid_x, NULL);
	c->by_y = pem_of(leaf, mid_y, NULL);
	c->by_old = pem_of(leaf, mid_x, x_by_old);
	c->alone = pem_of(leaf, NULL, NULL);
	assert_int_equal(X509_digest(mid_y, EVP_sha256(), digest, NULL), 1);
	text_hex(c->mid_hex, digest, sizeof(digest));
	X509_free(old);
	X509_free(x);
	X509_free(y);
	X509_free(x_by_old);
	X509_free(mid_x);
	X509_free(mid_y);
	X509_free(leaf);
}

static void chains_done(struct chains *c)
{
	EVP_PKEY_free(c->key);
	free(c->by_x);
	free(c->by_y);
	free(c->by_old);
	free(c->alone);
}

#define LINKS                             \
	"Link: <@/dir>;rel=\"index\"\r\n" \
	"Link: <@/c/2>; title=\"a, b\"; rel=\"alternate\", <@/c/3>;REL=alternate\r\n"

/* The chain that comes of `wanted`, owned; *note as chain_fetch() leaves it. */
static char *fetch(void **state, const struct ca_step *steps, size_t n,
		   const char *wanted, char **note)
{
	struct buf chain = { 0 };
	struct ca ca;
	struct err e;

	ca_start(&ca, *state, steps, n);
	snprintf(ca.kid, sizeof(ca.kid), "%s/a/1", ca.web->url);
	assert_int_equal(acme_ready(&ca.acme, &e), 0);
	*note = NULL;
	if (chain_fetch(&ca.acme, ca_text(&ca, "@/c/1"), wanted, &chain, note, &e) != 0)
		fail_msg("%s", e.text);
	/* Nothing is signed for who is not this CA. */
	assert_int_equal(ca.n_signed[ASK_FETCH], n - 1);
	ca_end(&ca);
	return buf_take(&chain);
}

/* The default ends at Old; then come X and Y. */
static void the_chain_is_the_wanted_one(void **state)
{
	struct chains c = { 0 };
	char upper[96] = "";
	const struct {
		const char *wanted;
		size_t n_alternates; /* that are looked at */
		char *const *chain;
		bool noted;
	} rows[] = {
		{ NULL, 0, &c.by_old, false },
		{ "Root Old", 0, &c.by_old, false }, /* its issuer */
		{ "Root X", 0, &c.by_old, false },   /* the last one's own name */
		{ "Root Y", 2, &c.by_y, false },
		{ c.mid_hex, 2, &c.by_y, false },
		{ upper, 2, &c.by_y, false },
		{ "shortest", 2, &c.by_x, false },
		{ "Root Z", 2, &c.by_old, true },
		{ "leaf", 2, &c.by_old, true },
		{ "Root", 2, &c.by_old, true },
	};

	make_chains(&c);
	for (size_t i = 0; i < 64; i++)
		sprintf(upper + strlen(upper), "%c%s", toupper(c.mid_hex[i]),
			i % 2 == 1 && i < 63 ? ":" : "");
	for (size_t i = 0; i < N(rows); i++) {
		const struct ca_step steps[] = {
			CA_DIRECTORY,
			{ "POST /c/1 ", 200, LINKS, c.by_old },
			{ "POST /c/2 ", 200, LINKS, c.by_x },
			{ "POST /c/3 ", 200, "", c.by_y },
		};
		AUTO_FREE char *note = NULL;
		AUTO_FREE char *got = fetch(state, steps, 2 + rows[i].n_alternates,
					    rows[i].wanted, &note);

		if (strcmp(got, *rows[i].chain) != 0 || (note != NULL) != rows[i].noted)
			fail_msg("%s: %s", rows[i].wanted, note);
	}
	chains_done(&c);
}

static void a_leaf_alone_is_a_chain(void **state)
{
	struct chains c = { 0 };
	AUTO_FREE char *note = NULL;
	AUTO_FREE char *got = NULL;

	make_chains(&c);
	{
		const struct ca_step steps[] = {
			CA_DIRECTORY,
			{ "POST /c/1 ", 200, "", c.alone },
		};

		got = fetch(state, steps, N(steps), "shortest", &note);
	}
	assert_string_equal(got, c.alone);
	assert_null(note);
	chains_done(&c);
}

/* An alternate that cannot be had is left out: the certificate is worth more. */
static void a_broken_alternate_is_passed_over(void **state)
{
	struct chains c = { 0 };

	make_chains(&c);
	for (int i = 0; i < 2; i++) {
		const struct ca_step steps[] = {
			CA_DIRECTORY,
			{ "POST /c/1 ", 200,
			  "Link: <https://e.test/c>;rel=\"alternate\"\r\n"
			  "Link: <>;rel=\"alternate\"\r\nLink: <@/c/9\r\nLink: ,;<\r\n"
			  "Link: <@/c/2>;rel=\"alternate\"\r\n"
			  "Link: <@/c/3>;rel=\"alternate\"\r\n",
			  c.by_old },
			{ "POST /c/2 ", i == 0 ? 404 : 200, "", "no chain" },
			{ "POST /c/3 ", 200, "", c.by_y },
		};
		AUTO_FREE char *note = NULL;
		AUTO_FREE char *got = fetch(state, steps, N(steps), "Root Y", &note);

		assert_string_equal(got, c.by_y);
		assert_null(note);
	}
	chains_done(&c);
}

/* = RFC 8555 11.4 [blocks] */
static void what_is_not_of_certificates_only_is_refused(void **state)
{
	static const char *const rows[] = {
		"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n",
		"-----BEGIN X509 CRL-----\nAA==\n-----END X509 CRL-----\n",
		"-----BEGIN CERTIFICATE REQUEST-----\n",
		"-----BEGIN CERT",
		"-----BEGIN ",
	};
	struct chains c = { 0 };

	make_chains(&c);
	for (size_t i = 0; i < N(rows); i++) {
		AUTO_FREE char *body = xasprintf("%s%s", c.by_x, rows[i]);
		const struct ca_step steps[] = { CA_DIRECTORY,
						 { "POST /c/1 ", 200, "", body } };
		AUTO_BUF struct buf chain = { 0 };
		AUTO_FREE char *note = NULL;
		struct ca ca;
		struct err e;

		ca_start(&ca, *state, steps, N(steps));
		snprintf(ca.kid, sizeof(ca.kid), "%s/a/1", ca.web->url);
		assert_int_equal(acme_ready(&ca.acme, &e), 0);
		if (chain_fetch(&ca.acme, ca_text(&ca, "@/c/1"), NULL, &chain, &note,
				&e) != ERR_PROTO)
			fail_msg("row %zu", i);
		assert_int_equal(chain.len, 0);
		ca_end(&ca);
	}
	chains_done(&c);
}

static void alternates_have_an_end(void **state)
{
	struct ca_step steps[2 + LIMIT_ALTERNATES] = { CA_DIRECTORY };
	AUTO_BUF struct buf links = { 0 };
	struct chains c = { 0 };
	AUTO_FREE char *note = NULL;
	AUTO_FREE char *got = NULL;

	make_chains(&c);
	buf_puts(&links, "Link: <@/c/2>;rel=\"alternate\"");
	for (int i = 0; i < 40; i++)
		buf_puts(&links, ",<@/c/2>;rel=\"alternate\"");
	buf_puts(&links, "\r\n");
	steps[1] = (struct ca_step){ "POST /c/1 ", 200, links.data, c.by_old };
	for (size_t i = 2; i < N(steps); i++)
		steps[i] = (struct ca_step){ "POST /c/2 ", 200, "", c.by_x };
	got = fetch(state, steps, N(steps), "Root Z", &note);
	assert_string_equal(got, c.by_old);
	assert_non_null(strstr(note, "no chain \"Root Z\"; it is the default"));
	chains_done(&c);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, web_in, web_out)
	const struct CMUnitTest tests[] = {
		CASE(the_chain_is_the_wanted_one),
		CASE(a_leaf_alone_is_a_chain),
		CASE(a_broken_alternate_is_passed_over),
		CASE(what_is_not_of_certificates_only_is_refused),
		CASE(alternates_have_an_end),
	};

	return cmocka_run_group_tests_name("chain", tests, NULL, NULL);
}
