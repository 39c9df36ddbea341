#include "store/content.h"

#include "base/err.h"
#include "base/x509.h"
#include "store/keyfile.h"
#include "store/pkcs12.h"
#include "store/sds.h"
#include "store/set.h"

/* Blocks follow each other on lines of their own. */
static void add_pem(struct buf *out, const struct buf *pem)
{
	buf_add(out, pem->data, pem->len);
	if (pem->len > 0 && pem->data[pem->len - 1] != '\n')
		buf_puts(out, "\n");
}

static int add_der(struct buf *out, const struct buf *pem, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *leaf = NULL;

	TRY(x509_chain_from_pem(pem->data, pem->len, &leaf, e));
	return x509_to_der(sk_X509_value(leaf, 0), out, e);
}

static int check_ca(const struct set *set, struct err *e)
{
	return set->ca.len > 0
		   ? 0
		   : err_set(e, ERR_CONFIG,
			     "there is no CA certificate to write: the CA gave "
			     "none with this certificate");
}

static int add_ca(struct buf *out, const struct set *set, struct err *e)
{
	TRY(check_ca(set, e));
	add_pem(out, &set->ca);
	return 0;
}

static int add_truststore(struct buf *out, const struct set *set,
			  const struct content *c, struct err *e)
{
	TRY(check_ca(set, e));
	return pkcs12_render_trust(set, c, out, e);
}

static void add_fullchain(struct buf *out, const struct set *set)
{
	add_pem(out, &set->cert);
	add_pem(out, &set->chain);
}

static int add_combined(struct buf *out, const struct set *set, const struct content *c,
			struct err *e)
{
	AUTO_BUF struct buf key = { 0 };

	TRY(keyfile_render(set, c, &key, e));
	if (!c->cert_first)
		add_pem(out, &key);
	add_fullchain(out, set);
	if (c->cert_first)
		add_pem(out, &key);
	return 0;
}

static int render(const struct set *set, const struct content *c, struct buf *out,
		  struct err *e)
{
	switch (c->kind) {
	case CONTENT_FULLCHAIN:
		add_fullchain(out, set);
		return 0;
	case CONTENT_CERT:
		add_pem(out, &set->cert);
		return 0;
	case CONTENT_CHAIN:
		add_pem(out, &set->chain);
		return 0;
	case CONTENT_KEY:
		return keyfile_render(set, c, out, e);
	case CONTENT_COMBINED:
		return add_combined(out, set, c, e);
	case CONTENT_PKCS12:
		return pkcs12_render(set, c, out, e);
	case CONTENT_DER:
		return add_der(out, &set->cert, e);
	case CONTENT_CA:
		return add_ca(out, set, e);
	case CONTENT_TRUSTSTORE:
		return add_truststore(out, set, c, e);
	case CONTENT_SDS:
		return sds_render(set, out, e);
	case CONTENT_HASHED:
	case CONTENT_CRL:
	case CONTENT_KINDS:
		break;
	}
	return err_set(e, ERR_CONFIG, "this is not one file");
}

int content_render(const struct set *set, const struct content *content,
		   struct buf *out, struct err *e)
{
	AUTO_BUF struct buf got = { 0 };

	TRY(render(set, content, &got, e));
	buf_done(out);
	*out = got;
	got = (struct buf){ 0 };
	return 0;
}
