/*
 * cmp: an enrolment, a revocation or the roots, with a server that answers whatever comes
 * (answers.h), behind an octet of wishes. An answer of octets is what a server protects by
 * its secret: header, body and what follows, of which a message is made here, its MAC over
 * whatever they are. Sixteen octets "T" are the transaction, sixteen "N" the nonce that is
 * answered.
 */
#include <stdlib.h>

#include <openssl/cmp.h>

#include "ca/answer.h"
#include "ca/cmp.h"
#include "ca/cmp_roots.h"
#include "ca/crl_der.h"
#include "tests/fuzz/answers.h"
#include "tests/fuzz/enrol.h"

#define URL    ANSWERS_CA "/cmp"
#define SECRET "secret"
#define REQUESTS \
	12 /* genm; by what is live, by who is first: request, confirmation, poll */
#define ID_LEN 16 /* octets, RFC 4210 5.1.1 */

enum wish {
	WISH_WHAT = 7, /* enum cmp_request; 5: an rr by its key alone; 6: the roots */
	WISH_RENEWS = 8,
	WISH_LIVE = 16,
	WISH_FIRST = 32,   /* a certificate asks at first, and no secret does */
	WISH_NOBODY = 64,  /* nor it */
	WISH_GOES_ON = 128 /* what has to wait is gone on with at once */
};

struct told {
	unsigned wish;
	char *handle; /* owned; NULL: nothing waits */
};

/* -- the server -- */

/* The parameters of its MAC, as each of its headers has them: a salt of sixteen "S", SHA-256
 * 500 times, HMAC-SHA1. */
static const uint8_t pbm_der[] = {
	0x30, 0x2f, 0x04, 0x10, 'S',  'S',  'S',  'S',  'S',  'S',  'S',  'S',  'S',
	'S',  'S',  'S',  'S',  'S',  'S',  'S',  0x30, 0x0b, 0x06, 0x09, 0x60, 0x86,
	0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x02, 0x02, 0x01, 0xf4, 0x30, 0x0a,
	0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x08, 0x01, 0x02,
};

/* Of the last request. */
static struct {
	uint8_t transaction[ID_LEN];
	uint8_t nonce[ID_LEN];
} asked;

/* RFC 4210 5.1.1: what follows sender and recipient has a tag of its own. */
static void look(const struct http_request *request)
{
	struct der d = { (const uint8_t *)request->body, request->body_len };
	struct der value, octets;
	uint8_t tag;

	assert(der_next(&d, &tag, &value)); /* the message */
	assert(der_next(&value, &tag, &d)); /* its header */
	for (int i = 0; i < 3; i++)
		assert(der_next(&d, &tag, &value));
	while (der_next(&d, &tag, &value)) {
		uint8_t *to = tag == 0xa4 ? asked.transaction : asked.nonce;

		if (tag != 0xa4 && tag != 0xa5)
			continue;
		assert(der_next(&value, &tag, &octets) && octets.len == ID_LEN);
		memcpy(to, octets.at, ID_LEN);
	}
}

static void fill(char *at, size_t len)
{
	static const char t[] = "TTTTTTTTTTTTTTTT", n[] = "NNNNNNNNNNNNNNNN";

	for (; len >= ID_LEN; at++, len--)
		if (memcmp(at, t, ID_LEN) == 0)
			memcpy(at, asked.transaction, ID_LEN);
		else if (memcmp(at, n, ID_LEN) == 0)
			memcpy(at, asked.nonce, ID_LEN);
}

/* As OpenSSL writes it again to verify the MAC. */
static void put_der(struct buf *out, int tag, int class, const struct buf *value)
{
	unsigned char head[8], *at = head;

	ASN1_put_object(&at, tag != V_ASN1_BIT_STRING, (int)value->len, tag, class);
	buf_add(out, head, (size_t)(at - head));
	buf_add(out, value->data, value->len);
}

static void add_mac(const struct buf *parts, struct buf *msg)
{
	static OSSL_CRMF_PBMPARAMETER *pbm;
	const unsigned char *at = pbm_der;
	AUTO_BUF struct buf whole = { 0 }, bits = { 0 }, field = { 0 };
	unsigned char *mac = NULL;
	size_t len;

	if (pbm == NULL)
		pbm = d2i_OSSL_CRMF_PBMPARAMETER(NULL, &at, sizeof(pbm_der));
	put_der(&whole, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL, parts);
	assert(OSSL_CRMF_pbm_new(NULL, NULL, pbm, (unsigned char *)whole.data,
				 whole.len, (const unsigned char *)SECRET,
				 strlen(SECRET), &mac, &len) == 1);
	buf_add(&bits, "", 1); /* no bits of it are unused */
	buf_add(&bits, mac, len);
	OPENSSL_free(mac);
	put_der(&field, V_ASN1_BIT_STRING, V_ASN1_UNIVERSAL, &bits);
	put_der(msg, 0, V_ASN1_CONTEXT_SPECIFIC, &field);
}

static void protect(const uint8_t *data, size_t len, struct buf *body)
{
	struct der d = { data, len }, value;
	AUTO_BUF struct buf parts = { 0 }, msg = { 0 };
	uint8_t tag;

	if (!der_next(&d, &tag, &value) || !der_next(&d, &tag, &value)) {
		buf_add(body, data, len);
		return;
	}
	buf_add(&parts, data, len - d.len);
	fill(parts.data, parts.len);
	buf_add(&msg, parts.data, parts.len);
	add_mac(&parts, &msg);
	buf_add(&msg, d.at, d.len);
	put_der(body, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL, &msg);
}

/* -- the host -- */

static enum cmp_request what_of(unsigned wish)
{
	const unsigned what = wish & WISH_WHAT;

	return what == 5 ? CMP_RR : (enum cmp_request)(what % CMP_REQUESTS);
}

/* As the keeper makes it: for the other key than that of what is live. */
static int make_template(unsigned char **der)
{
	AUTO_KEY EVP_PKEY *key = enrol_key_of(true);
	OSSL_CMP_CTX *ctx = OSSL_CMP_CTX_new(NULL, NULL);
	OSSL_CRMF_MSG *crm;
	int len;

	assert(EVP_PKEY_up_ref(key) == 1 &&
	       OSSL_CMP_CTX_set0_newPkey(ctx, 1, key) == 1);
	crm = OSSL_CMP_CTX_setup_CRM(ctx, false, 0);
	assert(OSSL_CRMF_MSG_create_popo(OSSL_CRMF_POPO_SIGNATURE, crm, key,
					 EVP_sha256(), NULL, NULL) == 1);
	len = i2d_OSSL_CRMF_MSG(crm, der);
	assert(len > 0);
	OSSL_CRMF_MSG_free(crm);
	OSSL_CMP_CTX_free(ctx);
	return len;
}

static void put_template(struct buf *der)
{
	static unsigned char *kept; /* for all inputs */
	static int len;

	if (kept == NULL)
		len = make_template(&kept);
	buf_add(der, kept, (size_t)len);
}

/* Of what is live, in DER. */
static void put_live(struct buf *der)
{
	AUTO_CHAIN STACK_OF(X509) *chain = NULL;
	unsigned char *data = NULL;
	struct err e;
	int len;

	assert(x509_chain_from_pem(enrol_leaf, strlen(enrol_leaf), &chain, &e) == 0);
	len = i2d_X509(sk_X509_value(chain, 0), &data);
	buf_add(der, data, (size_t)len);
	OPENSSL_free(data);
}

static int request(void *arg, bool by_live, struct cmp_ask *ask, struct err *e)
{
	const struct told *told = arg;
	AUTO_KEY EVP_PKEY *key = enrol_key_of(true);

	ask->what = what_of(told->wish);
	if (by_live && ask->what == CMP_IR)
		ask->what = CMP_KUR;
	ask->reason = 4;
	if (ask->what == CMP_RR)
		put_live(&ask->der);
	else if (ask->what == CMP_P10CR)
		enrol_csr(true, &(struct csr_asks){ .subject = NULL }, &ask->der);
	else
		put_template(&ask->der);
	return key_to_spki(key, &ask->spki, e);
}

static int first(void *arg, struct cmp_first *first, struct err *e)
{
	const struct told *told = arg;

	(void)e;
	if ((told->wish & WISH_NOBODY) != 0)
		return 0;
	buf_puts(&first->reference, "ref");
	buf_puts(&first->secret, SECRET);
	if ((told->wish & WISH_FIRST) != 0) {
		buf_puts(&first->chain, enrol_leaf);
		buf_puts(&first->key, enrol_key);
	}
	return 0;
}

static int live(void *arg, struct buf *chain, struct buf *key, struct err *e)
{
	const struct told *told = arg;

	(void)e;
	if ((told->wish & WISH_LIVE) != 0) {
		buf_puts(chain, enrol_leaf);
		buf_puts(key, enrol_key);
	}
	return 0;
}

static int waits(void *arg, const char *handle, struct err *e)
{
	struct told *told = arg;

	(void)e;
	assert(strlen(handle) <= LIMIT_CMP_HANDLE);
	assert(handle[0] == '\0' || strncmp(handle, URL " ", strlen(URL) + 1) == 0);
	free(told->handle);
	told->handle = handle[0] == '\0' ? NULL : xstrdup(handle);
	return 0;
}

/* -- what is done -- */

static const struct cmp_settings settings = { .url = URL, .recipient = "CN=Lab CA" };

static int enrol(struct told *told, const struct cmp_host *host, struct err *e)
{
	AUTO_FREE char *handle = told->handle == NULL ? NULL : xstrdup(told->handle);
	struct enrolled r = { .note = NULL };
	const int rc =
	    cmp_enrol(&settings, host, (told->wish & WISH_RENEWS) != 0, handle, &r, e);

	if (rc == 0)
		enrol_hold(&r, true);
	enrol_done(&r);
	return rc;
}

/* Without trust there is one at least, or the CA has told nothing. */
static int roots(const struct told *told, const struct cmp_host *host, struct err *e)
{
	AUTO_BUF struct buf pem = { 0 };
	const int rc =
	    cmp_roots(&settings, host, (told->wish & WISH_LIVE) != 0, &pem, e);

	assert(rc < 0 || pem.len > 0);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz f = { data, len };
	struct told told = { fuzz_byte(&f), NULL };
	const struct cmp_host host = { &told, request, first, live, waits };
	const bool revokes = what_of(told.wish) == CMP_RR;
	const bool asks_roots = (told.wish & WISH_WHAT) == 6;
	struct err e = { .text = "" };
	int rc;

	answers_begin(&f, &(struct answers_what){ .asked = look, .bytes = protect });
	if (revokes)
		rc = cmp_revoke(&settings, &host, (told.wish & WISH_WHAT) == 5, &e);
	else
		rc = asks_roots ? roots(&told, &host, &e) : enrol(&told, &host, &e);
	if (rc == ERR_LATER && told.handle != NULL && (told.wish & WISH_GOES_ON) != 0)
		rc = enrol(&told, &host, &e);
	assert(asks_roots || answers.n <= REQUESTS); /* each root is asked about */
	if (rc < 0)
		answers_failed(rc, &e, ANSWER_MOST_S);
	free(told.handle);
	return 0;
}
