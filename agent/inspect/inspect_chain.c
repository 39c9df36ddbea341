#include "agent/inspect/inspect_chain.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "agent/inspect/inspect.h"
#include "agent/inspect/inspect_fact.h"
#include "agent/inspect/inspect_word.h"
#include "base/auto.h"
#include "base/mem.h"

#define NOWHERE SIZE_MAX

/* -- climbing -- */

static STACK_OF(X509) * read_trust(const struct inspect *in)
{
	STACK_OF(X509) *all = sk_X509_new_null();
	BIO *bio =
	    in->trust_len == 0 ? NULL : BIO_new_mem_buf(in->trust, (int)in->trust_len);
	X509 *cert;

	while (bio != NULL && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		if (sk_X509_push(all, cert) <= 0)
			X509_free(cert);
	BIO_free(bio);
	ERR_clear_error();
	return all;
}

static bool names_it(X509 *issuer, X509 *cert)
{
	return X509_NAME_cmp(X509_get_subject_name(issuer),
			     X509_get_issuer_name(cert)) == 0;
}

static bool has_signed(X509 *issuer, X509 *cert)
{
	EVP_PKEY *key = X509_get0_pubkey(issuer);
	const bool is = key != NULL && X509_verify(cert, key) == 1;

	ERR_clear_error();
	return is;
}

static bool is_in(const struct inspect_chain *c, size_t item)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->items[i] == item)
			return true;
	return false;
}

/* An endpoint has to send its chain itself; but for the root. */
static bool may_vouch(const struct inspect *in, const struct inspect_chain *c, size_t i)
{
	const uint32_t input = in->items[c->items[0]].input;

	return in->inputs[input].host == NULL || in->items[i].input == input ||
	       word_is_root(in->items[i].cert);
}

/* The item that has signed the last of the chain, of several one that stands in the file
 * of the leaf, or NOWHERE. Who is `trusted` has an issuer of that name elsewhere. */
static size_t find_issuer(struct inspect *in, const struct inspect_chain *c,
			  bool trusted)
{
	const struct inspect_item *last = &in->items[c->items[c->n - 1]];
	const uint32_t own = in->items[c->items[0]].input;
	size_t found = NOWHERE, liar = NOWHERE;

	for (size_t i = 0; i < in->n_items; i++) {
		X509 *cert = in->items[i].cert;

		if (cert == NULL || is_in(c, i) || !names_it(cert, last->cert) ||
		    !may_vouch(in, c, i) || X509_cmp(cert, last->cert) == 0)
			continue;
		if (!has_signed(cert, last->cert))
			liar = i;
		else if (in->items[i].input == own)
			return i;
		else if (found == NOWHERE)
			found = i;
	}
	if (found != NOWHERE)
		return found;
	if (liar != NOWHERE && !trusted)
		inspect_say_of(in, FOUND_SIGNATURE_WRONG, last,
			       "it names certificate %u as its issuer, whose key has "
			       "not signed it",
			       in->items[liar].number);
	return NOWHERE;
}

/* What this host trusts and is, or has signed, `cert`; NULL: nothing. */
static X509 *find_anchor(const STACK_OF(X509) * trust, X509 *cert)
{
	for (int i = 0; i < sk_X509_num(trust); i++) {
		X509 *anchor = sk_X509_value(trust, i);

		if (X509_cmp(anchor, cert) == 0 ||
		    (names_it(anchor, cert) && has_signed(anchor, cert)))
			return anchor;
	}
	return NULL;
}

/* All the way, also past what is trusted: what stands above that is seen, too. */
static void climb(struct inspect *in, const STACK_OF(X509) * trust,
		  struct inspect_chain *c)
{
	X509 *anchor = NULL;

	for (;;) {
		X509 *last = in->items[c->items[c->n - 1]].cert;
		const bool root = word_is_root(last);
		size_t next = NOWHERE;

		if (anchor == NULL)
			anchor = find_anchor(trust, last);
		if (!root && c->n < LIMIT_CHAIN_CERTS)
			next = find_issuer(in, c, anchor != NULL);
		if (next != NOWHERE) {
			c->items[c->n++] = next;
			continue;
		}
		c->end = anchor != NULL ? END_TRUSTED : root ? END_ROOT : END_OPEN;
		c->anchor = anchor != NULL ? x509_subject(anchor)
			    : root         ? x509_subject(last)
					   : x509_issuer(last);
		return;
	}
}

/* What a service shows first: no CA, or one whose key is here, as people make a
 * certificate for themselves. */
static bool is_leaf(const struct inspect *in, size_t i)
{
	const struct inspect_item *item = &in->items[i];

	if (item->cert == NULL)
		return false;
	if (in->inputs[item->input].host != NULL)
		return i == 0 || in->items[i - 1].input != item->input;
	return !word_is_ca(item->cert) ||
	       (item->partner != 0 && in->items[item->partner - 1].kind == ITEM_KEY);
}

static size_t leaves_of(const struct inspect *in, uint32_t input)
{
	size_t n = 0;

	for (size_t i = 0; i < in->n_items; i++)
		n += in->items[i].input == input && is_leaf(in, i);
	return n;
}

/* -- judging -- */

static size_t certs_of(const struct inspect *in, uint32_t input)
{
	size_t n = 0;

	for (size_t i = 0; i < in->n_items; i++)
		n += in->items[i].cert != NULL && in->items[i].input == input;
	return n;
}

/* "; it is offered at http://...", or "". Owned. */
static char *offer(X509 *cert)
{
	size_t n;
	char **urls = word_issuer_urls(cert, &n);
	char *said =
	    n == 0 ? xstrdup("") : xasprintf("; it is offered at %.200s", urls[0]);

	fact_values_free(urls, n);
	return said;
}

static void judge_open(struct inspect *in, const struct inspect_chain *c)
{
	const struct inspect_item *leaf = &in->items[c->items[0]];
	const struct inspect_item *last = &in->items[c->items[c->n - 1]];
	AUTO_FREE char *offered = offer(last->cert);

	if (c->n > 1)
		inspect_say_of(
		    in, FOUND_AUTHORITY_UNKNOWN, last,
		    "its issuer %s is not here, and this host does not trust "
		    "it%s",
		    c->anchor, offered);
	else if (certs_of(in, leaf->input) == 1 && in->inputs[leaf->input].host == NULL)
		inspect_say_of(in, FOUND_LEAF_ALONE, leaf,
			       "the certificate of its issuer %s is not here%s",
			       c->anchor, offered);
	else
		inspect_say_of(in, FOUND_CHAIN_INCOMPLETE, leaf,
			       certs_of(in, leaf->input) == 1
				   ? "it is sent without the one of its issuer %s%s"
				   : "none of the others here is its issuer %s%s",
			       c->anchor, offered);
}

static void judge_end(struct inspect *in, struct inspect_chain *c)
{
	const struct inspect_item *leaf = &in->items[c->items[0]];
	const struct inspect_item *last = &in->items[c->items[c->n - 1]];

	if (c->end == END_OPEN)
		judge_open(in, c);
	if (c->n > 1 && word_is_root(last->cert) && last->input == leaf->input)
		inspect_say_of(in, FOUND_ROOT_INCLUDED, last, "it is the root");
	if (c->end != END_ROOT)
		return;
	if (c->n == 1)
		inspect_say_of(
		    in, FOUND_SELF_SIGNED, leaf,
		    "it is signed by its own key, and nobody vouches for it");
	else if (last->input != leaf->input)
		c->end = END_TRUSTED;
	else
		inspect_say_of(in, FOUND_AUTHORITY_UNKNOWN, last,
			       "it is a root that this host does not trust");
}

/* = RFC 8446 4.4.2 "The sender's certificate MUST come in the first CertificateEntry in
 * the list. Each following certificate SHOULD directly certify the one immediately
 * preceding it." */
static void judge_order(struct inspect *in, const struct inspect_chain *c)
{
	const struct inspect_item *leaf = &in->items[c->items[0]];
	size_t last = c->items[0];

	if (strcmp(leaf->form, "PKCS#12") == 0 || leaves_of(in, leaf->input) != 1)
		return;
	for (size_t i = 0; i < c->items[0]; i++)
		if (in->items[i].cert != NULL && in->items[i].input == leaf->input) {
			inspect_say_of(in, FOUND_CHAIN_ORDER, leaf,
				       "it is the leaf and does not stand first");
			return;
		}
	for (size_t i = 1; i < c->n; i++) {
		const struct inspect_item *item = &in->items[c->items[i]];

		if (item->input != leaf->input)
			continue;
		if (c->items[i] < last) {
			inspect_say_of(in, FOUND_CHAIN_ORDER, item,
				       "it stands before what it has signed");
			return;
		}
		last = c->items[i];
	}
}

/* The first of the same input that is the same certificate; NULL: none before it. */
static const struct inspect_item *twin(const struct inspect *in, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (in->items[k].cert != NULL &&
		    in->items[k].input == in->items[i].input &&
		    X509_cmp(in->items[k].cert, in->items[i].cert) == 0)
			return &in->items[k];
	return NULL;
}

static void judge_others(struct inspect *in, const struct inspect_chain *c)
{
	const uint32_t input = in->items[c->items[0]].input;
	const bool one = leaves_of(in, input) == 1;

	for (size_t i = 0; i < in->n_items; i++) {
		const struct inspect_item *item = &in->items[i];

		if (item->cert != NULL && item->input == input && one && !is_in(c, i) &&
		    twin(in, i) == NULL)
			inspect_say_of(in, FOUND_CHAIN_EXTRA, item,
				       "it is not part of the chain");
	}
}

static void find_twins(struct inspect *in)
{
	for (size_t i = 0; i < in->n_items; i++) {
		const struct inspect_item *first =
		    in->items[i].cert == NULL ? NULL : twin(in, i);

		if (first != NULL)
			inspect_say_of(in, FOUND_CHAIN_TWICE, &in->items[i],
				       "it is the same as certificate %u",
				       first->number);
	}
}

void inspect_chains(struct inspect *in)
{
	STACK_OF(X509) *trust = read_trust(in);

	for (size_t i = 0; i < in->n_items; i++) {
		struct inspect_chain c = { .items = { i }, .n = 1 };

		if (!is_leaf(in, i) || twin(in, i) != NULL)
			continue;
		climb(in, trust, &c);
		judge_end(in, &c);
		judge_order(in, &c);
		judge_others(in, &c);
		in->chains =
		    xrealloc(in->chains, in->n_chains + 1, sizeof(*in->chains));
		in->chains[in->n_chains++] = c;
	}
	find_twins(in);
	sk_X509_pop_free(trust, X509_free);
}
