#include "ca/crl.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/text.h"
#include "ca/crl_armor.h"
#include "ca/crl_der.h"
#include "ca/crl_entry.h"
#include "ca/crl_ext.h"
#include "ca/crl_sign.h"
#include "ca/crl_walk.h"

#define LEAD_MAX 1024 /* what is signed and stands before the algorithm is known */
#define PIECE    (16 * 1024) /* characters of PEM that are decoded at once */
#define V2       1

enum form {
	FORM_UNKNOWN,
	FORM_DER,
	FORM_PEM,
};

struct crl_scan {
	struct crl_want want;
	crl_put *put;
	void *arg;
	enum form form;
	struct crl_armor armor;
	struct crl_walk walk;
	uint8_t lead[LEAD_MAX];
	size_t n_lead;
	struct buf algorithm; /* as the first of the two says */
	struct buf signature;
	struct crl_sign sign;
	struct crl_own own;
	struct crl_facts facts;
};

int crl_number_cmp(const struct crl_number *a, const struct crl_number *b)
{
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return memcmp(a->octets, b->octets, a->len);
}

uint64_t crl_serial_key(const void *octets, size_t len)
{
	const uint8_t *at = octets;
	uint64_t key = 0;

	for (size_t i = len > sizeof(key) ? len - sizeof(key) : 0; i < len; i++)
		key = key << 8 | at[i];
	return key;
}

/* -- what each element says -- */

static int take_version(struct crl_scan *s, const struct der *all, struct err *e)
{
	(void)s;
	return all->len == 3 && all->at[2] == V2
		   ? 0
		   : err_set(e, ERR_PROTO, "it is of a version that nobody knows");
}

static int take_algorithm(struct crl_scan *s, const struct der *all, struct err *e)
{
	if (all->len > LEAD_MAX / 2)
		return err_set(e, ERR_PROTO, "its signature algorithm has %zu octets",
			       all->len);
	TRY(crl_sign_begin(&s->sign, all, e));
	crl_sign_add(&s->sign, s->lead, s->n_lead);
	buf_add(&s->algorithm, all->at, all->len);
	return 0;
}

static int take_issuer(struct crl_scan *s, const struct der *all, struct err *e)
{
	const unsigned char *name = NULL;
	size_t len = 0;

	if (X509_NAME_get0_der(X509_get_subject_name(s->want.ca), &name, &len) != 1)
		return key_openssl_err(e, ERR_SYS, "the CA's name");
	if (len == all->len && memcmp(name, all->at, len) == 0)
		return 0;
	return err_set(e, ERR_TRUST, "it is issued by another than the CA");
}

static int take_time(const struct der *all, int64_t *at, struct err *e)
{
	struct der d = *all, value;
	uint8_t tag;

	if (!der_next(&d, &tag, &value) || !der_time(tag, &value, at))
		return err_set(e, ERR_PROTO, "it has a date that is none");
	return 0;
}

static int take_this_update(struct crl_scan *s, const struct der *all, struct err *e)
{
	char text[TEXT_TIME_MAX];

	TRY(take_time(all, &s->facts.this_update, e));
	if (s->facts.this_update > s->want.now + CRL_SKEW_S)
		return err_set(e, ERR_TRUST,
			       "it is of the future: its thisUpdate is %s",
			       text_time(text, s->facts.this_update));
	return 0;
}

static int take_next_update(struct crl_scan *s, const struct der *all, struct err *e)
{
	char text[TEXT_TIME_MAX];

	TRY(take_time(all, &s->facts.next_update, e));
	if (s->facts.next_update <= s->want.now)
		return err_set(e, ERR_TRUST, "it has ended: its nextUpdate was %s",
			       text_time(text, s->facts.next_update));
	return 0;
}

static int take_extensions(struct crl_scan *s, const struct der *all, struct err *e)
{
	struct der d = *all, inner;

	if (!der_take(&d, DER_CONTEXT_0, &inner))
		return err_set(e, ERR_PROTO, "its extensions cannot be read");
	return crl_ext_read(&inner, &s->want, &s->facts, e);
}

static int take_again(struct crl_scan *s, const struct der *all, struct err *e)
{
	if (all->len == s->algorithm.len &&
	    memcmp(all->at, s->algorithm.data, all->len) == 0)
		return 0;
	return err_set(e, ERR_PROTO, "it names two signature algorithms");
}

static int take_signature(struct crl_scan *s, const struct der *all, struct err *e)
{
	struct der d = *all, bits;

	if (!der_take(&d, DER_BITS, &bits) || bits.len < 2 || bits.at[0] != 0)
		return err_set(e, ERR_PROTO, "its signature is none");
	buf_add(&s->signature, bits.at + 1, bits.len - 1);
	return 0;
}

static const struct taker {
	int (*take)(struct crl_scan *s, const struct der *all, struct err *e);
} takers[STEP_END] = {
	[STEP_VERSION] = { take_version },
	[STEP_ALGORITHM] = { take_algorithm },
	[STEP_ISSUER] = { take_issuer },
	[STEP_THIS_UPDATE] = { take_this_update },
	[STEP_NEXT_UPDATE] = { take_next_update },
	[STEP_EXTENSIONS] = { take_extensions },
	[STEP_AGAIN] = { take_again },
	[STEP_SIGNATURE] = { take_signature },
};

static int on_element(void *arg, enum crl_step step, const struct der *all,
		      struct err *e)
{
	return takers[step].take(arg, all, e);
}

static int on_entry(void *arg, const struct der *entry, struct err *e)
{
	struct crl_scan *s = arg;

	return crl_entry(&s->own, entry, e);
}

/* What comes before the algorithm waits for it. */
static int on_signed(void *arg, enum crl_step step, const uint8_t *at, size_t len,
		     struct err *e)
{
	struct crl_scan *s = arg;

	if (step >= STEP_ALGORITHM) {
		crl_sign_add(&s->sign, at, len);
		return 0;
	}
	if (len > sizeof(s->lead) - s->n_lead)
		return err_set(e, ERR_PROTO, "its version has %zu octets", len);
	memcpy(s->lead + s->n_lead, at, len);
	s->n_lead += len;
	return 0;
}

static const struct crl_visitor visitor = { on_element, on_entry, on_signed };

/* -- what it comes in -- */

static int feed_der(struct crl_scan *s, const uint8_t *at, size_t len, struct err *e)
{
	TRY(crl_walk_feed(&s->walk, at, len, e));
	return s->put == NULL ? 0 : s->put(s->arg, at, len, e);
}

static int feed_pem(struct crl_scan *s, const char *text, size_t len, struct err *e)
{
	AUTO_FREE uint8_t *der = xcalloc(1, CRL_ARMOR_OUT(PIECE));

	for (size_t done = 0; done < len;) {
		const size_t n = len - done < PIECE ? len - done : PIECE;
		size_t n_der = 0;

		struct err armor;
		int rc = crl_armor_feed(&s->armor, text + done, n, der, &n_der, &armor);

		/* What came before is wrong first, wherever a piece ends. */
		TRY(feed_der(s, der, n_der, e));
		if (rc < 0) {
			*e = armor;
			return rc;
		}
		done += n;
	}
	return 0;
}

int crl_scan_feed(struct crl_scan *s, const void *data, size_t len, struct err *e)
{
	if (len == 0)
		return 0;
	if (s->form == FORM_UNKNOWN)
		s->form = *(const uint8_t *)data == DER_SEQUENCE ? FORM_DER : FORM_PEM;
	return s->form == FORM_DER ? feed_der(s, data, len, e)
				   : feed_pem(s, data, len, e);
}

/* -- the whole -- */

int crl_scan_new(const struct crl_want *want, crl_put *put, void *arg,
		 struct crl_scan **out, struct err *e)
{
	struct crl_scan *s;

	assert(want->n_serials <= (want->indirect ? 0 : CRL_SERIALS_MAX));
	/* = RFC 5280 6.3.3 "If a key usage extension is present in the CRL issuer's
	 * certificate, verify that the cRLSign bit is set." [crlsign] */
	if ((X509_get_key_usage(want->ca) & KU_CRL_SIGN) == 0)
		return err_set(e, ERR_CONFIG,
			       "the CA's key usage does not let it sign CRLs");
	s = xcalloc(1, sizeof(*s));
	s->want = *want;
	s->put = put;
	s->arg = arg;
	crl_walk_init(&s->walk, &visitor, s);
	s->facts.covers = CRL_USERS | CRL_CAS;
	crl_own_init(&s->own, want);
	*out = s;
	return 0;
}

static int check_whole(struct crl_scan *s, struct err *e)
{
	if (s->form == FORM_UNKNOWN)
		return err_set(e, ERR_PROTO, "it is empty");
	if (s->form == FORM_PEM)
		TRY(crl_armor_end(&s->armor, e));
	return crl_walk_end(&s->walk, e);
}

int crl_scan_end(struct crl_scan *s, int der, struct crl_facts *facts, struct err *e)
{
	struct crl_signed of = { .der = der };

	TRY(check_whole(s, e));
	if (s->facts.next_update == 0)
		return err_set(e, ERR_TRUST,
			       "it does not say when the next one comes (nextUpdate)");
	TRY(crl_ext_floor(&s->want, &s->facts, e));
	of.signature = (const uint8_t *)s->signature.data;
	of.len = s->signature.len;
	of.at = s->walk.at_signed;
	of.size = s->walk.end_signed - s->walk.at_signed;
	TRY(crl_sign_end(&s->sign, s->want.ca, &of, e));
	s->facts.size = s->walk.at;
	s->facts.n_entries = s->walk.n_entries;
	crl_own_digest(&s->own, s->facts.digest);
	s->facts.more = s->own.more;
	snprintf(s->facts.unverified, sizeof(s->facts.unverified), "%s", s->sign.why);
	*facts = s->facts;
	return 0;
}

const struct crl_hit *crl_scan_hits(const struct crl_scan *s, size_t *n)
{
	*n = s->facts.unverified[0] == '\0' ? s->own.n_hits : 0;
	return s->own.hits;
}

void crl_scan_free(struct crl_scan *s)
{
	if (s == NULL)
		return;
	crl_sign_done(&s->sign);
	crl_own_done(&s->own);
	buf_done(&s->algorithm);
	buf_done(&s->signature);
	crl_walk_done(&s->walk);
	free(s);
}
