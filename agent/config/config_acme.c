#include "agent/config/config_acme.h"

#include "agent/config/config_challenge.h"
#include "agent/config/config_host.h"
#include "agent/config/config_report.h"
#include "agent/config/config_value.h"
#include "agent/role/spec_issuer.h"

void config_acme_contact(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_contact(r, s, &((struct spec_issuer *)into)->contact);
}

void config_acme_agree_terms(struct config_reader *r, const config_setting_t *s,
			     void *into)
{
	config_bool(r, s, &((struct spec_issuer *)into)->agree_terms);
}

void config_acme_need_profile(struct config_reader *r, const config_setting_t *s,
			      void *into)
{
	config_bool(r, s, &((struct spec_issuer *)into)->need_profile);
}

void config_acme_chain(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_text(r, s, "the name or SHA-256 of a root",
		    &((struct spec_issuer *)into)->chain);
}

void config_acme_account_key(struct config_reader *r, const config_setting_t *s,
			     void *into)
{
	config_key_type(r, s, &((struct spec_issuer *)into)->account_key);
}

void config_acme_ari(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_bool(r, s, &((struct spec_issuer *)into)->ari);
}

void config_acme_challenge(struct config_reader *r, const config_setting_t *s,
			   void *into)
{
	config_challenges(r, s, &((struct spec_issuer *)into)->challenges);
}

static void read_eab_kid(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_text(r, s, "the key identifier that the CA gave",
		    &((struct spec_issuer *)into)->eab_kid);
}

static void read_eab_key_file(struct config_reader *r, const config_setting_t *s,
			      void *into)
{
	config_secret(r, s, &((struct spec_issuer *)into)->eab_key_file);
}

static void read_eab_algorithm(struct config_reader *r, const config_setting_t *s,
			       void *into)
{
	static const char *const words[] = { "HS256", "HS384", "HS512", NULL };

	config_choice(r, s, words, &((struct spec_issuer *)into)->eab_mac);
}

static const struct config_rule eab_rules[] = {
	{ "kid", read_eab_kid, 0 },
	{ "key_file", read_eab_key_file, 0 },
	{ "algorithm", read_eab_algorithm, 0 },
	{ NULL, NULL, 0 },
};

void config_acme_eab(struct config_reader *r, const config_setting_t *s, void *into)
{
	if (!config_group(r, s, eab_rules, CONFIG_ALL, into))
		return;
	if (config_member(s, "kid") == NULL)
		config_missing(r, s, "kid", "the key identifier that the CA gave");
	if (config_member(s, "key_file") == NULL)
		config_missing(r, s, "key_file",
			       "the path of the key that the CA gave");
}
