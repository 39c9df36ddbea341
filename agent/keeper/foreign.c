#include "agent/keeper/foreign.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/spki.h"
#include "base/x509.h"
#include "store/set.h"

#define SKEW_S 300 /* of another's clock */

/* What was found in one file. */
struct content_of {
	X509 *leaf;    /* owned; NULL: none */
	EVP_PKEY *key; /* owned; NULL: none */
};

static int give_password(char *to, int size, int writing, void *password)
{
	const struct buf *p = password;

	(void)writing;
	if (p->len == 0 || p->len > (size_t)size)
		return -1;
	memcpy(to, p->data, p->len);
	return (int)p->len;
}

static BIO *bio_of(const struct foreign_part *p)
{
	return BIO_new_mem_buf(p->bytes.data, (int)p->bytes.len);
}

static void take_pem(const struct foreign_part *p, struct content_of *c)
{
	void *password = (void *)(uintptr_t)&p->password;
	BIO *bio = bio_of(p);

	c->leaf = PEM_read_bio_X509(bio, NULL, give_password, password);
	BIO_free(bio);
	bio = bio_of(p);
	c->key = PEM_read_bio_PrivateKey(bio, NULL, give_password, password);
	BIO_free(bio);
}

static void take_der(const struct foreign_part *p, struct content_of *c)
{
	void *password = (void *)(uintptr_t)&p->password;
	BIO *bio = bio_of(p);

	c->leaf = d2i_X509_bio(bio, NULL);
	BIO_free(bio);
	bio = bio_of(p);
	c->key = d2i_PrivateKey_bio(bio, NULL);
	BIO_free(bio);
	if (c->key != NULL)
		return;
	bio = bio_of(p);
	c->key = d2i_PKCS8PrivateKey_bio(bio, NULL, give_password, password);
	BIO_free(bio);
}

static void take_pkcs12(const struct foreign_part *p, struct content_of *c)
{
	BIO *bio = bio_of(p);
	PKCS12 *p12 = d2i_PKCS12_bio(bio, NULL);

	if (p12 != NULL)
		PKCS12_parse(p12, p->password.data, &c->key, &c->leaf, NULL);
	PKCS12_free(p12);
	BIO_free(bio);
}

static void take(const struct foreign_part *p, struct content_of *c)
{
	*c = (struct content_of){ NULL, NULL };
	if (p->bytes.len == 0)
		return;
	take_pem(p, c);
	if (c->leaf == NULL && c->key == NULL)
		take_der(p, c);
	if (c->leaf == NULL && c->key == NULL)
		take_pkcs12(p, c);
	ERR_clear_error();
}

static bool has_name(X509 *leaf, const struct name *n)
{
	switch (n->kind) {
	case NAME_DNS:
		return X509_check_host(leaf, n->value, 0,
				       X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;
	case NAME_IP:
		return X509_check_ip_asc(leaf, n->value, 0) == 1;
	case NAME_EMAIL:
		return X509_check_email(leaf, n->value, 0,
					X509_CHECK_FLAG_NEVER_CHECK_SUBJECT) == 1;
	case NAME_URI:
	case NAME_KINDS:
		break;
	}
	return true; /* no server is asked for one */
}

static bool has_names(X509 *leaf, const struct foreign_look *l)
{
	for (size_t i = 0; i < l->n_names; i++)
		if (!has_name(leaf, &l->names[i]))
			return false;
	return true;
}

static bool is_newer(const struct x509_facts *f, const struct x509_facts *ours,
		     int64_t now)
{
	return f->not_before <= now + SKEW_S && f->not_after > now &&
	       memcmp(f->fingerprint, ours->fingerprint, sizeof(f->fingerprint)) != 0 &&
	       (f->not_before > ours->not_before || f->not_after > ours->not_after);
}

static bool has_key(X509 *leaf, const struct content_of *all, size_t n,
		    const EVP_PKEY *own)
{
	const EVP_PKEY *public = X509_get0_pubkey(leaf);

	for (size_t i = 0; i < n && public != NULL; i++)
		if (all[i].key != NULL && key_same_public(all[i].key, public))
			return true;
	return public != NULL && own != NULL && key_same_public(own, public);
}

/* Ours, which we have written. */
static int our_facts(const struct set *set, struct x509_facts *facts, EVP_PKEY **key,
		     struct err *e)
{
	AUTO_BUF struct buf spki = { 0 };

	TRY(x509_facts_from_pem(set->cert.data, set->cert.len, facts, e));
	if (set->key.len > 0)
		return key_from_pem(set->key.data, set->key.len, key, e);
	TRY(spki_of_pem(set->cert.data, set->cert.len, &spki, e));
	return key_from_spki(spki.data, spki.len, key, e);
}

static void judge(const struct foreign_look *l, const struct content_of *all,
		  struct foreign *f)
{
	AUTO_KEY EVP_PKEY *own = NULL;
	struct x509_facts ours, facts;
	struct err e;

	if (our_facts(l->ours, &ours, &own, &e) < 0)
		return;
	for (size_t i = 0; i < l->n_parts && !f->newer; i++) {
		if (!l->parts[i].differs || all[i].leaf == NULL ||
		    x509_facts(all[i].leaf, &facts, &e) < 0 ||
		    !is_newer(&facts, &ours, l->now) || !has_names(all[i].leaf, l) ||
		    !has_key(all[i].leaf, all, l->n_parts, own))
			continue;
		f->newer = true;
		f->number = l->parts[i].number;
		f->not_after = facts.not_after;
		memcpy(f->fingerprint, facts.fingerprint, sizeof(f->fingerprint));
	}
}

void foreign_judge(const struct foreign_look *l, struct foreign *f)
{
	AUTO_FREE struct content_of *all = xcalloc(l->n_parts, sizeof(*all));

	*f = (struct foreign){ .newer = false };
	for (size_t i = 0; i < l->n_parts; i++)
		take(&l->parts[i], &all[i]);
	judge(l, all, f);
	for (size_t i = 0; i < l->n_parts; i++) {
		X509_free(all[i].leaf);
		EVP_PKEY_free(all[i].key);
	}
}
