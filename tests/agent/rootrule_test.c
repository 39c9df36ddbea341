/* rootrule: which roots an issuer is trusted by, of all that it may name. */
#include "tests/scratch.h"

#include <stdlib.h>
#include <string.h>

#include "agent/rule/rootrule.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "base/x509.h"
#include "tests/help/certs.h"

#define NOW 1000000000
#define DAY 86400

enum { OLD, NEW, NEWER, EVIL, ENDED, LEAF, KEYS };

struct lab {
	EVP_PKEY *keys[KEYS];
	X509 *root[KEYS];   /* each by its own key */
	X509 *new_by_old;   /* newWithOld */
	X509 *newer_by_new; /* ... of the next one */
	X509 *new_by_evil;
	X509 *leaf_by_old; /* of the key NEW, and no CA */
	X509 *ended_cross; /* newWithOld that has expired */
	X509 *leaf;        /* by NEW */
};

static X509 *ca(struct lab *l, const char *name, int key, X509 *issuer, int by,
		int64_t to)
{
	return certs_make(&(struct cert_plan){
	    .subject = name,
	    .key = l->keys[key],
	    .issuer = issuer,
	    .issuer_key = issuer == NULL ? NULL : l->keys[by],
	    .from = NOW - DAY * 2,
	    .to = to,
	    .basic = "critical,CA:TRUE",
	    .key_usage = "critical,keyCertSign,cRLSign",
	});
}

static int lab_in(void **state)
{
	static const char *const names[] = { "old", "new", "newer", "evil", "ended" };
	struct lab *l = test_calloc(1, sizeof(*l));

	for (int i = 0; i < KEYS; i++)
		l->keys[i] = certs_key(KEY_ECDSA_P256);
	for (int i = 0; i < LEAF; i++)
		l->root[i] = ca(l, names[i], i, NULL, 0,
				i == ENDED ? NOW - DAY : NOW + 30 * DAY);
	l->new_by_old = ca(l, "new", NEW, l->root[OLD], OLD, NOW + DAY);
	l->newer_by_new = ca(l, "newer", NEWER, l->root[NEW], NEW, NOW + DAY);
	l->new_by_evil = ca(l, "new", NEW, l->root[EVIL], EVIL, NOW + DAY);
	l->ended_cross = ca(l, "new", NEW, l->root[OLD], OLD, NOW - 1);
	l->leaf_by_old =
	    certs_make(&(struct cert_plan){ .subject = "new",
					    .key = l->keys[NEW],
					    .issuer = l->root[OLD],
					    .issuer_key = l->keys[OLD],
					    .from = NOW - DAY,
					    .to = NOW + DAY,
					    .basic = "critical,CA:FALSE" });
	l->leaf = certs_make(&(struct cert_plan){ .subject = "leaf",
						  .key = l->keys[LEAF],
						  .issuer = l->root[NEW],
						  .issuer_key = l->keys[NEW],
						  .from = NOW - DAY,
						  .to = NOW + DAY });
	*state = l;
	return 0;
}

static int lab_out(void **state)
{
	struct lab *l = *state;

	for (int i = 0; i < KEYS; i++)
		EVP_PKEY_free(l->keys[i]);
	for (int i = 0; i < LEAF; i++)
		X509_free(l->root[i]);
	X509_free(l->new_by_old);
	X509_free(l->newer_by_new);
	X509_free(l->new_by_evil);
	X509_free(l->ended_cross);
	X509_free(l->leaf_by_old);
	X509_free(l->leaf);
	test_free(l);
	return 0;
}

static STACK_OF(X509) * stack(X509 *const *certs)
{
	STACK_OF(X509) *all = sk_X509_new_null();

	for (int i = 0; certs[i] != NULL; i++)
		assert_int_equal(X509_add_cert(all, certs[i], X509_ADD_FLAG_UP_REF), 1);
	return all;
}

static void print_of(X509 *cert, char hex[65])
{
	uint8_t sum[32];

	assert_int_equal(X509_digest(cert, EVP_sha256(), sum, NULL), 1);
	text_hex(hex, sum, sizeof(sum));
}

struct row {
	const char *name;
	X509 *kept[4];
	X509 *named[6];
	X509 *print; /* NULL: from-issuer */
	X509 *want[4];
	const char *refused; /* NULL: nothing */
};

static void judge(const struct row *r)
{
	AUTO_CHAIN STACK_OF(X509) *kept = stack(r->kept);
	AUTO_CHAIN STACK_OF(X509) *named = stack(r->named);
	AUTO_CHAIN STACK_OF(X509) *roots = NULL;
	AUTO_BUF struct buf refused = { 0 };
	char print[65] = "";
	struct err e = { 0 };
	const struct rootrule rule = {
		.kept = sk_X509_num(kept) == 0 ? NULL : kept,
		.named = named,
		.print = r->print == NULL ? NULL : print,
		.now = NOW,
	};
	int n = 0, rc;

	if (r->print != NULL)
		print_of(r->print, print);
	rc = rootrule_accept(&rule, &roots, &refused, &e);
	for (; r->want[n] != NULL; n++)
		if (!rootrule_has(roots, r->want[n]))
			fail_msg("%s: root %d is not accepted", r->name, n);
	if (n != sk_X509_num(roots) || (rc == 0) != (n > 0))
		fail_msg("%s: %d roots, %s", r->name, sk_X509_num(roots), e.text);
	if (r->refused == NULL
		? refused.len > 0 || rc != 0
		: strstr(refused.len > 0 ? refused.data : e.text, r->refused) == NULL)
		fail_msg("%s: refused: %s; %s", r->name,
			 refused.len > 0 ? refused.data : "", e.text);
	if (rc != 0)
		assert_int_equal(rc, ERR_TRUST);
}

static void a_root_is_accepted_by_fingerprint_or_by_who_has_signed_it(void **state)
{
	const struct lab *l = *state;
	X509 *const *root = l->root;
	const struct row rows[] = {
		{ "the fingerprint",
		  { 0 },
		  { root[OLD] },
		  root[OLD],
		  { root[OLD] },
		  NULL },
		{ "of several that one",
		  { 0 },
		  { root[NEW], root[OLD] },
		  root[OLD],
		  { root[OLD] },
		  "CN=new (sha256:" },
		{ "another one",
		  { 0 },
		  { root[EVIL] },
		  root[OLD],
		  { 0 },
		  "it has not the fingerprint of trust" },
		{ "no root has it",
		  { 0 },
		  { root[OLD], l->new_by_old },
		  l->new_by_old,
		  { 0 },
		  "fingerprint" },
		{ "an expired one has it",
		  { 0 },
		  { root[ENDED] },
		  root[ENDED],
		  { 0 },
		  "expired" },
		{ "nothing is named",
		  { 0 },
		  { 0 },
		  root[OLD],
		  { 0 },
		  "it names no root" },
		{ "from-issuer takes all that hold",
		  { 0 },
		  { root[OLD], root[NEW], root[ENDED], l->new_by_old },
		  NULL,
		  { root[OLD], root[NEW] },
		  "CN=ended" },
		{ "what is kept stays",
		  { root[OLD] },
		  { 0 },
		  root[OLD],
		  { root[OLD] },
		  NULL },
		{ "signed by the old one",
		  { root[OLD] },
		  { root[NEW], l->new_by_old, root[OLD] },
		  root[OLD],
		  { root[OLD], root[NEW] },
		  NULL },
		{ "and that one by the next",
		  { root[OLD] },
		  { root[NEWER], l->newer_by_new, root[NEW], l->new_by_old },
		  NULL,
		  { root[OLD], root[NEW], root[NEWER] },
		  NULL },
		{ "by nobody",
		  { root[OLD] },
		  { root[OLD], root[NEW] },
		  NULL,
		  { root[OLD] },
		  "CN=new (sha256:" },
		{ "by somebody else",
		  { root[OLD] },
		  { root[NEW], l->new_by_evil, root[EVIL] },
		  NULL,
		  { root[OLD] },
		  "no root that is trusted so far has signed it" },
		{ "into a leaf",
		  { root[OLD] },
		  { root[NEW], l->leaf_by_old },
		  NULL,
		  { root[OLD] },
		  "no root that is trusted so far" },
		{ "long ago",
		  { root[OLD] },
		  { root[NEW], l->ended_cross },
		  NULL,
		  { root[OLD] },
		  "no root that is trusted so far" },
		{ "by a person",
		  { root[OLD] },
		  { root[NEW] },
		  root[NEW],
		  { root[OLD], root[NEW] },
		  NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		judge(&rows[i]);
}

static void an_expired_root_vouches_for_nobody(void **state)
{
	struct lab *l = *state;
	X509 *cross = ca(l, "new", NEW, l->root[ENDED], ENDED, NOW + DAY);

	judge(&(struct row){ "by an expired one",
			     { l->root[ENDED] },
			     { l->root[NEW], cross },
			     NULL,
			     { l->root[ENDED] },
			     "no root that is trusted so far" });
	X509_free(cross);
}

static void leads(X509 *const *chain, X509 *const *roots, X509 *only)
{
	AUTO_CHAIN STACK_OF(X509) *c = stack(chain);
	AUTO_CHAIN STACK_OF(X509) *r = stack(roots);
	AUTO_CHAIN STACK_OF(X509) *out = sk_X509_new_null();

	rootrule_leads_to(c, r, out);
	assert_int_equal(sk_X509_num(out), only != NULL);
	assert_true(only == NULL || rootrule_has(out, only));
}

static void a_chain_leads_to_the_nearest_root(void **state)
{
	const struct lab *l = *state;
	X509 *const *root = l->root;

	leads((X509 *[]){ l->leaf, l->new_by_old, NULL },
	      (X509 *[]){ root[OLD], root[NEW], NULL }, root[NEW]);
	leads((X509 *[]){ l->leaf, l->new_by_old, NULL }, (X509 *[]){ root[OLD], NULL },
	      root[OLD]);
	leads((X509 *[]){ l->leaf, NULL }, (X509 *[]){ root[OLD], root[EVIL], NULL },
	      NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_root_is_accepted_by_fingerprint_or_by_who_has_signed_it),
		cmocka_unit_test(an_expired_root_vouches_for_nobody),
		cmocka_unit_test(a_chain_leads_to_the_nearest_root),
	};

	return cmocka_run_group_tests(tests, lab_in, lab_out);
}
