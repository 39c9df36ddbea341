#include "ca/est_attrs.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "ca/base64.h"

#define WORDS 80 /* bytes of one name */

/* -- reading -- */

int est_attrs_read(struct est_attrs *a, const struct buf *body, struct err *e)
{
	AUTO_BUF struct buf der = { 0 };
	const unsigned char *at;
	size_t len = body->len;

	while (len > 0 && body->data[len - 1] == '\0')
		len--; /* Cisco's server sends the end of its string, too */
	if (len == 0)
		return 0;
	if (!base64_read(body->data, len, &der) || der.len == 0)
		return err_set(e, ERR_PROTO, "it is not in base64");
	at = (const unsigned char *)der.data;
	a->all = d2i_ASN1_SEQUENCE_ANY(NULL, &at, (long)der.len);
	if (a->all != NULL && at == (const unsigned char *)der.data + der.len &&
	    sk_ASN1_TYPE_num(a->all) <= LIMIT_EST_ATTRS)
		return 0;
	est_attrs_done(a);
	ERR_clear_error();
	return err_set(e, ERR_PROTO, "it is no list of attributes");
}

void est_attrs_done(struct est_attrs *a)
{
	sk_ASN1_TYPE_pop_free(a->all, ASN1_TYPE_free);
	a->all = NULL;
}

/* One of the list: its identifier, and its first value, if it has one. */
struct attr {
	X509_ATTRIBUTE *owned; /* NULL: it is an identifier alone */
	const ASN1_OBJECT *object;
	const ASN1_TYPE *value;
	int nid;
};

/* False: there is no attribute in that place. */
static bool attr_at(const struct est_attrs *a, int i, struct attr *out)
{
	const ASN1_TYPE *type = sk_ASN1_TYPE_value(a->all, i);
	const unsigned char *at;

	*out = (struct attr){ .nid = NID_undef };
	if (type->type == V_ASN1_OBJECT) {
		out->object = type->value.object;
	} else if (type->type == V_ASN1_SEQUENCE) {
		at = type->value.sequence->data;
		out->owned =
		    d2i_X509_ATTRIBUTE(NULL, &at, type->value.sequence->length);
		if (out->owned != NULL) {
			out->object = X509_ATTRIBUTE_get0_object(out->owned);
			out->value = X509_ATTRIBUTE_get0_type(out->owned, 0);
		}
	}
	ERR_clear_error();
	if (out->object != NULL)
		out->nid = OBJ_obj2nid(out->object);
	return out->object != NULL;
}

static int count(const struct est_attrs *a)
{
	return a->all == NULL ? 0 : sk_ASN1_TYPE_num(a->all);
}

/* Those of an extensionRequest, the caller's; NULL: it is none, or empty. */
static X509_EXTENSIONS *extensions_of(const struct attr *x)
{
	const unsigned char *at;
	X509_EXTENSIONS *all;

	if (x->nid != NID_ext_req || x->value == NULL ||
	    x->value->type != V_ASN1_SEQUENCE)
		return NULL;
	at = x->value->value.sequence->data;
	all = d2i_X509_EXTENSIONS(NULL, &at, x->value->value.sequence->length);
	ERR_clear_error();
	return all;
}

/* -- what the request is made with -- */

bool est_attrs_bind(const struct est_attrs *a)
{
	bool wanted = false;

	for (int i = 0; i < count(a) && !wanted; i++) {
		struct attr x;

		wanted = attr_at(a, i, &x) && x.nid == NID_pkcs9_challengePassword;
		X509_ATTRIBUTE_free(x.owned);
	}
	return wanted;
}

static void add_usages(const X509_EXTENSION *wanted, uint32_t *usages)
{
	ASN1_BIT_STRING *bits = X509V3_EXT_d2i((X509_EXTENSION *)(uintptr_t)wanted);

	for (int i = 0; bits != NULL && i < 8; i++)
		if (ASN1_BIT_STRING_get_bit(bits, i) == 1)
			*usages |= 0x80u >> i & CSR_USAGES;
	ASN1_BIT_STRING_free(bits);
}

static void add_purposes(const X509_EXTENSION *wanted, uint32_t *purposes)
{
	EXTENDED_KEY_USAGE *all = X509V3_EXT_d2i((X509_EXTENSION *)(uintptr_t)wanted);

	for (int i = 0; all != NULL && i < sk_ASN1_OBJECT_num(all); i++)
		*purposes |= csr_purpose(OBJ_obj2nid(sk_ASN1_OBJECT_value(all, i)));
	EXTENDED_KEY_USAGE_free(all);
}

void est_attrs_asks(const struct est_attrs *a, struct csr_asks *asks)
{
	for (int i = 0; i < count(a); i++) {
		X509_EXTENSIONS *all;
		struct attr x;

		(void)attr_at(a, i, &x);
		all = extensions_of(&x);
		for (int k = 0; all != NULL && k < sk_X509_EXTENSION_num(all); k++) {
			const X509_EXTENSION *one = sk_X509_EXTENSION_value(all, k);
			const int nid = OBJ_obj2nid(X509_EXTENSION_get_object(
			    (X509_EXTENSION *)(uintptr_t)one));

			if (nid == NID_key_usage)
				add_usages(one, &asks->usages);
			else if (nid == NID_ext_key_usage)
				add_purposes(one, &asks->purposes);
		}
		sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
		X509_ATTRIBUTE_free(x.owned);
	}
	ERR_clear_error();
}

/* -- what it has not -- */

static void add_word(struct buf *words, const ASN1_OBJECT *object)
{
	const int nid = OBJ_obj2nid(object);
	char text[WORDS] = "";

	if (nid == NID_undef)
		OBJ_obj2txt(text, sizeof(text), object, 1);
	buf_printf(words, "%s%s", words->len == 0 ? "" : ", ",
		   nid == NID_undef ? text : OBJ_nid2sn(nid));
}

/* A key of that type; of that curve or size where it says one (RFC 7030 4.5.2). */
static bool is_key(const struct attr *x, EVP_PKEY *key)
{
	char group[WORDS];
	size_t len;

	if (key == NULL || EVP_PKEY_get_base_id(key) != x->nid)
		return false;
	if (x->value != NULL && x->value->type == V_ASN1_INTEGER)
		return ASN1_INTEGER_get(x->value->value.integer) ==
		       EVP_PKEY_get_bits(key);
	if (x->value == NULL || x->value->type != V_ASN1_OBJECT)
		return true;
	return EVP_PKEY_get_group_name(key, group, sizeof(group), &len) == 1 &&
	       OBJ_txt2nid(group) == OBJ_obj2nid(x->value->value.object);
}

/* That digest, or an algorithm of signatures with it. */
static bool is_digest(int nid, const X509_REQ *csr)
{
	int ours = NID_undef, wanted = nid, none;

	if (OBJ_find_sigid_algs(X509_REQ_get_signature_nid(csr), &ours, &none) != 1)
		return false;
	(void)OBJ_find_sigid_algs(nid, &wanted, &none);
	return wanted == ours;
}

static bool has_extension(X509_REQ *csr, const ASN1_OBJECT *object)
{
	X509_EXTENSIONS *ours = X509_REQ_get_extensions(csr);
	const bool has = ours != NULL && X509v3_get_ext_by_OBJ(ours, object, -1) >= 0;

	sk_X509_EXTENSION_pop_free(ours, X509_EXTENSION_free);
	return has;
}

static bool is_met(const struct attr *x, X509_REQ *csr)
{
	switch (x->nid) {
	case NID_ext_req:
		return true; /* each of its extensions is looked at */
	case NID_X9_62_id_ecPublicKey:
	case NID_rsaEncryption:
	case NID_ED25519:
		return is_key(x, X509_REQ_get0_pubkey(csr));
	default:
		return X509_REQ_get_attr_by_OBJ(csr, x->object, -1) >= 0 ||
		       X509_NAME_get_index_by_OBJ(X509_REQ_get_subject_name(csr),
						  x->object, -1) >= 0 ||
		       has_extension(csr, x->object) || is_digest(x->nid, csr);
	}
}

void est_attrs_unmet(const struct est_attrs *a, X509_REQ *csr, struct buf *words)
{
	for (int i = 0; i < count(a); i++) {
		X509_EXTENSIONS *all;
		struct attr x;

		if (!attr_at(a, i, &x))
			continue;
		if (!is_met(&x, csr))
			add_word(words, x.object);
		all = extensions_of(&x);
		for (int k = 0; all != NULL && k < sk_X509_EXTENSION_num(all); k++) {
			const ASN1_OBJECT *object =
			    X509_EXTENSION_get_object(sk_X509_EXTENSION_value(all, k));

			if (!has_extension(csr, object))
				add_word(words, object);
		}
		sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
		X509_ATTRIBUTE_free(x.owned);
	}
	ERR_clear_error();
}
