#include "agent/config/config_cmp.h"

#include "agent/config/config_host.h"
#include "agent/config/config_local.h"
#include "agent/config/config_report.h"
#include "agent/config/config_value.h"
#include "agent/role/spec_issuer.h"
#include "ca/cmp.h"

void config_cmp_reference(struct config_reader *r, const config_setting_t *s,
			  void *into)
{
	config_text(r, s, "what the CA calls the secret",
		    &((struct spec_issuer *)into)->login);
}

void config_cmp_secret_file(struct config_reader *r, const config_setting_t *s,
			    void *into)
{
	config_secret(r, s, &((struct spec_issuer *)into)->password_file);
}

void config_cmp_recipient(struct config_reader *r, const config_setting_t *s,
			  void *into)
{
	config_dn(r, s, "the CA's name, such as CN=Lab CA,O=Example",
		  &((struct spec_issuer *)into)->recipient);
}

/* A renewal is a kur, and a user's own request a p10cr, whatever the first one is. */
void config_cmp_cmd(struct config_reader *r, const config_setting_t *s, void *into)
{
	static const char *const words[] = {
		[CMP_IR] = "ir", [CMP_CR] = "cr", [CMP_P10CR] = "p10cr", NULL
	};

	config_choice(r, s, words, &((struct spec_issuer *)into)->cmd);
}

void config_cmp_implicit_confirm(struct config_reader *r, const config_setting_t *s,
				 void *into)
{
	config_bool(r, s, &((struct spec_issuer *)into)->implicit_confirm);
}

void config_cmp_check(struct config_reader *r, const config_setting_t *s,
		      const struct spec_issuer *i)
{
	const bool reference =
	    config_pair(r, s, "reference", "secret_file", "the secret of reference");
	const bool secret = config_pair(r, s, "secret_file", "reference",
					"what the CA calls the secret");
	const bool cert = config_pair(r, s, "certificate_file", "key_file",
				      "the key of certificate_file");
	const bool key = config_pair(r, s, "key_file", "certificate_file",
				     "the certificate of key_file");

	if (!reference && !secret && !cert && !key)
		config_missing(r, s, "reference",
			       "who enrols first: reference and secret_file, or "
			       "certificate_file and key_file");
	if (!secret && i->trust.at == 0)
		config_missing(r, s, "trust",
			       "the CA's roots: without a secret it cannot prove them");
	if (!secret && i->trust_by != TRUST_FILE)
		config_expected(r, config_member(s, "trust"),
				"a file with its roots: what the CA says of them is "
				"believed under reference and secret_file alone");
}
