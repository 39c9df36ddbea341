/*
 * chain: what a CA hands out, and the gate before it is written. Behind an octet of
 * wishes the input is PEM, or certificates in DER.
 */
#include <stdlib.h>

#include <openssl/evp.h>

#include "agent/role/spec.h"
#include "agent/verify.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/spki.h"
#include "ca/crl_der.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/lab.h"

#define WISH_PEM     1u
#define WISH_ANCHOR  2u
#define WISH_CLIENT  4u
#define WISH_LIVE    8u
#define WISH_ADDRESS 16u

static void add_pem(struct buf *pem, const uint8_t *der, size_t len)
{
	AUTO_FREE unsigned char *text = xcalloc(1, (len + 2) / 3 * 4 + 1);

	EVP_EncodeBlock(text, der, (int)len);
	buf_puts(pem, "-----BEGIN CERTIFICATE-----\n");
	for (const char *at = (const char *)text; *at != '\0'; at += strnlen(at, 64))
		buf_printf(pem, "%.64s\n", at);
	buf_puts(pem, "-----END CERTIFICATE-----\n");
}

static void to_pem(struct fuzz *f, struct buf *pem)
{
	while (f->len > 0) {
		struct der d = { f->at, f->len }, value;
		uint8_t tag;
		const size_t n = der_next(&d, &tag, &value) ? f->len - d.len : f->len;

		add_pem(pem, f->at, n);
		f->at += n;
		f->len -= n;
	}
}

/* What verify has let through is for the names that were asked for, and for now. */
static void gate(const struct verify_want *want, STACK_OF(X509) * chain,
		 uint64_t names_hash)
{
	struct x509_facts facts;
	struct err e = { .text = "" };
	const int rc = verify_chain(want, chain, &e);

	assert(rc == 0 || (rc == ERR_TRUST && e.text[0] != '\0'));
	if (rc < 0)
		return;
	assert(x509_facts(sk_X509_value(chain, 0), &facts, &e) == 0);
	assert(facts.names_hash == names_hash && !facts.is_ca);
	assert(facts.not_after > want->now && facts.not_after >= want->live_not_after);
	assert((facts.usage & want->cert->usage) == want->cert->usage);
}

static void look(unsigned wish, STACK_OF(X509) * chain, const struct buf *spki,
		 X509 *ca)
{
	static const char text[] = "\0www\0example.org\0"
				   "192.0.2.7";
	const bool address = (wish & WISH_ADDRESS) != 0;
	const struct spec_name name = { .kind = address ? NAME_IP : NAME_DNS,
					.value = { address ? 17 : 5 } };
	const struct spec_cert cert = {
		.name = { 1 },
		.key = KEY_ECDSA_P256,
		.usage = USAGE_SERVER | ((wish & WISH_CLIENT) != 0 ? USAGE_CLIENT : 0),
		.names = { 0, 1 },
	};
	const struct spec spec = { .text = text, .names = &name };
	STACK_OF(X509) *anchors = sk_X509_new_null();
	struct verify_want want = { .spec = &spec,
				    .cert = &cert,
				    .spki = spki->data,
				    .spki_len = spki->len,
				    .now = LAB_NOW };

	sk_X509_push(anchors, ca);
	if ((wish & WISH_ANCHOR) != 0)
		want.anchors = anchors;
	if ((wish & WISH_LIVE) != 0)
		want.live_not_after = LAB_NOW + INT64_C(86400);
	gate(&want, chain,
	     address ? names_hash(NAME_IP, "192.0.2.7")
		     : names_hash(NAME_DNS, "example.org"));
	sk_X509_free(anchors);
}

static size_t write_key(const X509_PUBKEY *key, unsigned char **der)
{
	const int n = i2d_X509_PUBKEY(key, der);

	assert(n > 0);
	return (size_t)n;
}

/* Two readers of one certificate see one key in it, however that is written. */
static void same_key(X509 *leaf, const struct buf *spki)
{
	const unsigned char *at = (const unsigned char *)spki->data;
	unsigned char *theirs = NULL, *ours = NULL;
	X509_PUBKEY *key = d2i_X509_PUBKEY(NULL, &at, (long)spki->len);
	size_t n;

	assert(key != NULL && at == (const unsigned char *)spki->data + spki->len);
	n = write_key(X509_get_X509_PUBKEY(leaf), &theirs);
	assert(n == write_key(key, &ours) && memcmp(theirs, ours, n) == 0);
	OPENSSL_free(theirs);
	OPENSSL_free(ours);
	X509_PUBKEY_free(key);
}

/* Read again, it is the same. */
static void again(STACK_OF(X509) * chain, const struct buf *pem)
{
	struct x509_memo memo = { .chain = NULL };
	struct x509_facts facts, first;
	struct err e;

	for (int i = 0; i < 2; i++) {
		AUTO_CHAIN STACK_OF(X509) *other = NULL;

		assert(x509_chain_again(&memo, pem->data, pem->len, &other, &e) == 0);
		assert(sk_X509_num(other) == sk_X509_num(chain));
	}
	if (x509_facts_from_pem(pem->data, pem->len, &facts, &e) == 0) {
		assert(x509_facts(sk_X509_value(chain, 0), &first, &e) == 0);
		assert(strcmp(facts.serial, first.serial) == 0);
	}
	x509_memo_done(&memo);
}

static void facts_of(STACK_OF(X509) * chain)
{
	for (int i = 0; i < sk_X509_num(chain); i++) {
		X509 *cert = sk_X509_value(chain, i);
		struct x509_facts facts;
		struct name *names = NULL;
		char *decimal = NULL;
		struct err e;
		size_t n = 0;

		free(x509_subject(cert));
		free(x509_issuer(cert));
		if (x509_serial_decimal(cert, &decimal, &e) == 0)
			assert(strspn(decimal, "-0123456789") == strlen(decimal));
		free(decimal);
		if (x509_facts(cert, &facts, &e) == 0)
			assert(strlen(facts.serial) % 2 == (facts.serial[0] == '-'));
		if (x509_names(cert, &names, &n, &e) == 0)
			x509_names_free(names, n);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static X509 *ca;
	struct fuzz f = { data, len };
	const unsigned wish = fuzz_byte(&f);
	AUTO_CHAIN STACK_OF(X509) *chain = NULL;
	AUTO_BUF struct buf pem = { 0 }, spki = { 0 };
	struct err e;

	if (ca == NULL)
		ca = lab_ca();
	if ((wish & WISH_PEM) != 0)
		buf_add(&pem, f.at, f.len);
	else
		to_pem(&f, &pem);
	if (x509_chain_from_pem(pem.data, pem.len, &chain, &e) < 0)
		return 0;
	facts_of(chain);
	again(chain, &pem);
	if (spki_of_pem(pem.data, pem.len, &spki, &e) < 0)
		return 0;
	same_key(sk_X509_value(chain, 0), &spki);
	look(wish, chain, &spki, ca);
	return 0;
}
