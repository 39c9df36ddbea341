#include "agent/inspect/inspect_fact.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "agent/inspect/inspect.h"
#include "agent/inspect/inspect_word.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/text.h"

static struct fact *add(struct facts *f, const char *key, const char *label,
			enum fact_type type)
{
	struct fact *fact = &f->list[f->n++];

	assert(f->n <= FACTS_MAX);
	*fact = (struct fact){ .key = key, .label = label, .type = type };
	return fact;
}

/* Take `value`; NULL is null. */
static struct fact *add_text(struct facts *f, const char *key, const char *label,
			     char *value)
{
	struct fact *fact = add(f, key, value == NULL ? NULL : label, FACT_TEXT);

	if (value != NULL) {
		fact->values = xcalloc(1, sizeof(*fact->values));
		fact->values[fact->n++] = value;
	}
	return fact;
}

static struct fact *add_list(struct facts *f, const char *key, const char *label,
			     char **values, size_t n)
{
	struct fact *fact = add(f, key, n == 0 ? NULL : label, FACT_LIST);

	fact->values = values;
	fact->n = n;
	return fact;
}

static struct fact *add_time(struct facts *f, const char *key, const char *label,
			     const ASN1_TIME *time)
{
	struct fact *fact = add(f, key, label, FACT_TIME);
	struct err ignored;

	if (time == NULL || x509_time(time, &fact->number, &ignored) < 0)
		fact->label = NULL; /* and null */
	return fact;
}

static void add_bool(struct facts *f, const char *key, bool value)
{
	add(f, key, NULL, FACT_BOOL)->number = value;
}

/* -- what they share -- */

/* "private key 1" and its like, or nothing. */
static char *partner_of(const struct inspect *in, const struct inspect_item *item)
{
	const struct inspect_item *p;

	if (item->partner == 0)
		return NULL;
	p = &in->items[item->partner - 1];
	return xasprintf("%s %u", inspect_kind_word(p->kind), p->number);
}

static void add_key(struct facts *f, const struct inspect *in,
		    const struct inspect_item *item, const EVP_PKEY *key)
{
	AUTO_FREE char *partner = partner_of(in, item);
	struct fact *fact =
	    add_text(f, "key", "key", key == NULL ? NULL : fact_key(key));

	if (partner != NULL)
		fact->note = xasprintf("as %s", partner);
	add_text(f, "key_of", NULL, TAKE(partner));
}

/* "39d left of 90d" */
static char *left_of(const struct inspect *in, int64_t from, int64_t until)
{
	char left[TEXT_SPAN_MAX], all[TEXT_SPAN_MAX];

	if (until < in->now)
		return xasprintf("ended %s ago", text_span_of(left, in->now - until));
	if (from > in->now)
		return xasprintf("begins in %s", text_span_of(left, from - in->now));
	return xasprintf("%s left of %s", text_span_of(left, until - in->now),
			 text_span_of(all, until - from));
}

/* -- kinds -- */

static void add_validity(struct facts *f, const struct inspect *in, X509 *cert)
{
	const struct fact *from =
	    add_time(f, "not_before", "from", X509_get0_notBefore(cert));
	const int64_t from_at = from->number;
	struct fact *until =
	    add_time(f, "not_after", "until", X509_get0_notAfter(cert));

	until->note = left_of(in, from_at, until->number);
}

static void add_urls(struct facts *f, X509 *cert)
{
	size_t n;
	char **urls = word_issuer_urls(cert, &n);

	add_list(f, "issuer_urls", NULL, urls, n);
	urls = word_crl_urls(cert, &n);
	add_list(f, "crl_urls", NULL, urls, n);
}

static void of_cert(struct facts *f, const struct inspect *in,
		    const struct inspect_item *item)
{
	X509 *cert = item->cert;
	size_t n;
	char **values = fact_names(cert, &n);

	f->who = fact_who(cert);
	add_list(f, "names", "names", values, n);
	add_text(f, "subject", "subject", word_dn(X509_get_subject_name(cert)));
	add_text(f, "issuer", "issuer", x509_issuer(cert));
	add_validity(f, in, cert);
	add_key(f, in, item, X509_get0_pubkey(cert));
	values = word_usages(cert, &n);
	add_list(f, "usage", "usage", values, n);
	add_bool(f, "ca", word_is_ca(cert));
	add_text(f, "signature", NULL, word_signature(X509_get_signature_nid(cert)));
	add_text(f, "serial", "serial", word_serial(X509_get0_serialNumber(cert)));
	add_text(f, "fingerprint", "sha256", word_fingerprint(cert));
	add_urls(f, cert);
}

static void of_key(struct facts *f, const struct inspect *in,
		   const struct inspect_item *item)
{
	f->who = item->key == NULL ? xstrdup("encrypted") : fact_key(item->key);
	add_key(f, in, item, item->key);
	add_text(f, "form", "form", xstrdup(item->form));
	add_bool(f, "encrypted",
		 item->sealed || strstr(item->form, "encrypted") != NULL);
}

static void of_csr(struct facts *f, const struct inspect *in,
		   const struct inspect_item *item)
{
	size_t n;
	char **names = fact_csr_names(item->csr, &n);

	f->who =
	    n > 0 ? xstrdup(names[0]) : word_dn(X509_REQ_get_subject_name(item->csr));
	add_list(f, "names", "names", names, n);
	add_text(f, "subject", "subject",
		 word_dn(X509_REQ_get_subject_name(item->csr)));
	add_key(f, in, item, X509_REQ_get0_pubkey(item->csr));
}

static void of_crl(struct facts *f, const struct inspect *in,
		   const struct inspect_item *item)
{
	X509_CRL *crl = item->crl;
	ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
	struct fact *last, *next;
	char span[TEXT_SPAN_MAX];
	int n = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl));

	f->who = word_dn(X509_CRL_get_issuer(crl));
	add_text(f, "issuer", "issuer", xstrdup(f->who));
	add_text(f, "number", "number", number == NULL ? NULL : word_serial(number));
	ASN1_INTEGER_free(number);
	last = add_time(f, "this_update", "from", X509_CRL_get0_lastUpdate(crl));
	next = add_time(f, "next_update", "until", X509_CRL_get0_nextUpdate(crl));
	if (next->label != NULL)
		next->note = left_of(in, last->number, next->number);
	else
		last->note =
		    xasprintf("%s old", text_span_of(span, in->now - last->number));
	add(f, "entries", "entries", FACT_NUMBER)->number = n < 0 ? 0 : n;
	ERR_clear_error();
}

static void of_p12(struct facts *f, const struct inspect_item *item)
{
	f->who = xstrdup(item->sealed ? "closed" : "open");
	add_text(f, "protection", "protected", xstrdup(item->seal));
	add_bool(f, "opened", !item->sealed);
}

void facts_of(const struct inspect *in, const struct inspect_item *item,
	      struct facts *facts)
{
	*facts = (struct facts){ .n = 0 };
	switch (item->kind) {
	case ITEM_CERT:
		of_cert(facts, in, item);
		break;
	case ITEM_KEY:
	case ITEM_PUBLIC:
		of_key(facts, in, item);
		break;
	case ITEM_CSR:
		of_csr(facts, in, item);
		break;
	case ITEM_CRL:
		of_crl(facts, in, item);
		break;
	case ITEM_P12:
		of_p12(facts, item);
		break;
	case ITEM_KINDS:
		break;
	}
}

void facts_done(struct facts *facts)
{
	for (size_t i = 0; i < facts->n; i++) {
		fact_values_free(facts->list[i].values, facts->list[i].n);
		free(facts->list[i].note);
	}
	free(facts->who);
	facts->n = 0;
}
