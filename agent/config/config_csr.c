#include "agent/config/config_csr.h"

#include "agent/config/config_host.h"
#include "agent/config/config_issuer.h"
#include "agent/config/config_names.h"
#include "agent/config/config_report.h"
#include "agent/config/config_value.h"
#include "base/csr.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/text.h"
#include "base/x509.h"

/* Its signature too is checked here: who holds a request need not hold its key. */
static int read_request(struct config_reader *r, const char *path, X509_REQ **csr,
			struct err *e)
{
	AUTO_BUF struct buf pem = { 0 };

	TRY(r->host->csr(r->host->arg, path, &pem, e));
	return csr_from_pem(pem.data, pem.len, csr, e);
}

static int put_request(struct config_reader *r, X509_REQ *csr, struct spec_cert *c,
		       struct err *e)
{
	AUTO_BUF struct buf pem = { 0 };
	AUTO_BUF struct buf spki = { 0 };
	char hex[2 * HASH_LEN + 1];
	uint8_t sum[HASH_LEN];

	TRY(csr_to_pem(csr, &pem, e));
	TRY(key_to_spki(X509_REQ_get0_pubkey(csr), &spki, e));
	hash_all(spki.data, spki.len, sum);
	c->request = snapshot_text(r->b, pem.data);
	text_hex(hex, sum, sizeof(sum));
	c->csr_key = snapshot_text(r->b, hex);
	return 0;
}

static int take(struct config_reader *r, const config_setting_t *s, X509_REQ *csr,
		struct spec_cert *c, struct err *e)
{
	struct name *names;
	size_t n;

	c->key = key_type_of(X509_REQ_get0_pubkey(csr));
	if (c->key == KEY_NONE)
		return err_set(e, ERR_CONFIG,
			       "its key is not of a type that certificates have here");
	TRY(put_request(r, csr, c, e));
	TRY(csr_names(csr, &names, &n, e));
	config_names_of_csr(r, s, names, n, c);
	x509_names_free(names, n);
	return 0;
}

/* What signs itself needs its key here. */
static void check_issuers(struct config_reader *r, const config_setting_t *s,
			  const struct spec_cert *c)
{
	for (uint32_t i = 0; i < c->issuers.n; i++) {
		const uint32_t *numbers = snapshot_records(r->b, SPEC_NUMBERS);
		const struct spec_issuer *by =
		    config_issuer_at(r, numbers[c->issuers.first + i]);

		if (by->type == ISSUER_SELF)
			config_expected(r, s,
					"none with issuer \"%s\": the key that is to "
					"sign is elsewhere",
					snapshot_string(r->b, by->name));
	}
}

void config_csr(struct config_reader *r, const config_setting_t *s, struct spec_cert *c)
{
	AUTO_CSR X509_REQ *csr = NULL;
	struct err e;

	c->reuse_key = 0;
	c->next_key = 0;
	check_issuers(r, s, c);
	if (!config_present(r, s, &c->csr))
		return;
	if (read_request(r, snapshot_string(r->b, c->csr), &csr, &e) < 0 ||
	    take(r, s, csr, c, &e) < 0)
		config_expected(r, s, "a signing request: %s", e.text);
}
