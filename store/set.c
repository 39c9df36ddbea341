#include "store/set.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/file.h"
#include "base/key.h"
#include "base/spki.h"
#include "base/x509.h"
#include "store/generation.h"

static int read_part(int dir, const char *file, bool needed, struct buf *out,
		     struct err *e)
{
	if (file_read(dir, file, LIMIT_CHAIN_BYTES, out, e) == 0)
		return 0;
	return !needed && e->sysno == ENOENT ? 0 : e->code;
}

static int check_request(const struct set *set, struct err *e)
{
	AUTO_BUF struct buf der = { 0 };
	AUTO_BUF struct buf asked = { 0 };
	AUTO_BUF struct buf got = { 0 };
	struct err why;

	if (spki_of_csr(set->csr.data, set->csr.len, &der, &asked, &why) < 0)
		return err_set(e, ERR_TRUST, "csr.pem: %s", why.text);
	if (spki_of_pem(set->cert.data, set->cert.len, &got, &why) < 0)
		return err_set(e, ERR_TRUST, "cert.pem: %s", why.text);
	if (asked.len != got.len || memcmp(asked.data, got.data, got.len) != 0)
		return err_set(e, ERR_TRUST, "csr.pem is not for the key of cert.pem");
	return 0;
}

static int check_pair(const struct set *set, struct err *e)
{
	AUTO_KEY EVP_PKEY *key = NULL;
	AUTO_CHAIN STACK_OF(X509) *leaf = NULL;
	struct err why;

	if (set->key.len == 0 && set->csr.len > 0)
		return check_request(set, e);
	if (key_from_pem(set->key.data, set->key.len, &key, &why) < 0)
		return err_set(e, ERR_TRUST, "privkey.pem: %s", why.text);
	if (x509_chain_from_pem(set->cert.data, set->cert.len, &leaf, &why) < 0)
		return err_set(e, ERR_TRUST, "cert.pem: %s", why.text);
	if (!key_same_public(key, X509_get0_pubkey(sk_X509_value(leaf, 0))))
		return err_set(e, ERR_TRUST, "privkey.pem is not the key of cert.pem");
	return 0;
}

static int read_parts(int dir, struct set *set, struct err *e)
{
	TRY(read_part(dir, "csr.pem", false, &set->csr, e));
	TRY(read_part(dir, "privkey.pem", set->csr.len == 0, &set->key, e));
	TRY(read_part(dir, "cert.pem", true, &set->cert, e));
	TRY(read_part(dir, "chain.pem", false, &set->chain, e));
	return read_part(dir, "ca.pem", false, &set->ca, e);
}

int set_read(int root, const char *name, uint64_t number, struct set *set,
	     struct err *e)
{
	AUTO_SET struct set got = { .name = name };
	AUTO_FD int dir = -1;

	TRY(generation_open(root, name, number, &dir, e));
	if (read_parts(dir, &got, e) < 0)
		return err_wrap(e, "generation %" PRIu64 " of %s", number, name);
	*set = got;
	got = (struct set){ .name = NULL };
	return 0;
}

static int parse(const char *file, const struct buf *pem, STACK_OF(X509) * *certs,
		 struct err *e)
{
	struct err why;

	if (x509_chain_from_pem(pem->data, pem->len, certs, &why) < 0)
		return err_set(e, ERR_TRUST, "%s: %s", file, why.text);
	return 0;
}

/* What stands behind the leaf in fullchain.pem: there are servers that read the one, and
 * servers that read the other. */
static int check_chain(const struct set *set, const STACK_OF(X509) * served,
		       struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *chain = NULL;
	bool same;

	if (set->chain.len == 0 && sk_X509_num(served) == 1)
		return 0;
	if (set->chain.len == 0)
		return err_set(e, ERR_TRUST,
			       "chain.pem is missing or empty, and fullchain.pem has "
			       "more in it than cert.pem");
	TRY(parse("chain.pem", &set->chain, &chain, e));
	same = sk_X509_num(chain) == sk_X509_num(served) - 1;
	for (int i = 0; same && i < sk_X509_num(chain); i++)
		same = X509_cmp(sk_X509_value(chain, i),
				sk_X509_value(served, i + 1)) == 0;
	return same
		   ? 0
		   : err_set(e, ERR_TRUST,
			     "chain.pem is not what fullchain.pem has behind cert.pem");
}

/* What servers are given: not of the set, as it follows from it, but it has to be there. */
static int check_served(int root, uint64_t number, const struct set *set, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *leaf = NULL, *served = NULL;
	AUTO_BUF struct buf pem = { 0 };
	AUTO_FD int dir = -1;

	TRY(generation_open(root, set->name, number, &dir, e));
	if (file_read(dir, "fullchain.pem", 2 * LIMIT_CHAIN_BYTES, &pem, e) < 0) {
		e->code = err_is_short(e) ? e->code : ERR_TRUST;
		return e->code;
	}
	TRY(parse("fullchain.pem", &pem, &served, e));
	TRY(parse("cert.pem", &set->cert, &leaf, e));
	if (X509_cmp(sk_X509_value(served, 0), sk_X509_value(leaf, 0)) != 0)
		return err_set(e, ERR_TRUST,
			       "fullchain.pem does not begin with cert.pem");
	return check_chain(set, served, e);
}

int set_load(int root, const char *name, uint64_t number, struct set *set,
	     struct err *e)
{
	AUTO_SET struct set got = { .name = NULL };

	TRY(set_read(root, name, number, &got, e));
	if (check_pair(&got, e) < 0 || check_served(root, number, &got, e) < 0)
		return err_wrap(e, "generation %" PRIu64 " of %s", number, name);
	*set = got;
	got = (struct set){ .name = NULL };
	return 0;
}

void set_done(struct set *set)
{
	buf_done(&set->key);
	buf_done(&set->csr);
	buf_done(&set->cert);
	buf_done(&set->chain);
	buf_done(&set->ca);
}
