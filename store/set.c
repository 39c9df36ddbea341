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

/* What servers are given: not of the set, as it follows from it, but it has to be there. */
static int check_served(int root, uint64_t number, const struct set *set, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *leaf = NULL, *served = NULL;
	AUTO_BUF struct buf pem = { 0 };
	AUTO_FD int dir = -1;
	struct err why;

	TRY(generation_open(root, set->name, number, &dir, e));
	if (file_read(dir, "fullchain.pem", 2 * LIMIT_CHAIN_BYTES, &pem, &why) < 0 ||
	    x509_chain_from_pem(pem.data, pem.len, &served, &why) < 0)
		return err_set(e, ERR_TRUST, "fullchain.pem: %s", why.text);
	TRY(x509_chain_from_pem(set->cert.data, set->cert.len, &leaf, e));
	if (X509_cmp(sk_X509_value(served, 0), sk_X509_value(leaf, 0)) != 0)
		return err_set(e, ERR_TRUST,
			       "fullchain.pem does not begin with cert.pem");
	return 0;
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
