#include "agent/keeper/keeper_twice.h"

#include <string.h>

#include "agent/keeper/keeper.h"
#include "agent/keeper/keeper_sign.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/key.h"
#include "base/spki.h"
#include "base/x509.h"
#include "store/generation.h"

static bool is(const EVP_PKEY *key, const EVP_PKEY *of)
{
	return of != NULL && key_same_public(key, of);
}

/* An account that cannot be read is of no use to a CA either. */
int keeper_not_of_account(const struct keeper *k, const EVP_PKEY *key, struct err *e)
{
	for (uint32_t i = 0; i < k->start.spec.n[SPEC_ISSUERS]; i++) {
		const struct spec_issuer *issuer = &k->start.spec.issuers[i];
		struct account *a;
		struct err why;

		if (issuer->type == ISSUER_ACME &&
		    keeper_account_of(k, i, &a, &why) == 0 &&
		    (is(key, a->key) || is(key, a->next)))
			return err_set(e, ERR_CONFIG,
				       "it is the key of the account at \"%s\", and "
				       "cannot be a certificate's too: another one is "
				       "needed",
				       keeper_text(k, issuer->name));
	}
	return 0;
}

/* The public key of what is live, or that a request is for; left empty: there is none. */
static void spki_of(const struct keeper *k, const struct spec_cert *c, struct buf *spki)
{
	const char *name = keeper_text(k, c->name), *csr = keeper_text(k, c->request);
	AUTO_BUF struct buf pem = { 0 };
	AUTO_FD int dir = -1;
	uint64_t number = 0;
	struct err e;

	if (csr != NULL)
		(void)spki_of_csr(csr, strlen(csr), &pem, spki, &e);
	else if (generation_current(k->root, name, &number, &e) == 0 && number != 0 &&
		 generation_open(k->root, name, number, &dir, &e) == 0 &&
		 file_read(dir, "cert.pem", LIMIT_CHAIN_BYTES, &pem, &e) == 0)
		(void)spki_of_pem(pem.data, pem.len, spki, &e);
}

int keeper_not_of_cert(const struct keeper *k, const EVP_PKEY *key, struct err *e)
{
	AUTO_BUF struct buf own = { 0 };

	TRY(key_to_spki(key, &own, e));
	for (uint32_t i = 0; i < k->start.spec.n[SPEC_CERTS]; i++) {
		const struct spec_cert *c = &k->start.spec.certs[i];
		AUTO_BUF struct buf spki = { 0 };

		spki_of(k, c, &spki);
		if (spki.len > 0 && spki.len == own.len &&
		    memcmp(spki.data, own.data, own.len) == 0)
			return err_set(e, ERR_CONFIG,
				       "the key of the account is that of the "
				       "certificate %s, and cannot be both: remove "
				       "account.key, and a new one is made",
				       keeper_text(k, c->name));
	}
	return 0;
}
