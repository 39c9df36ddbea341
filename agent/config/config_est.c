#include "agent/config/config_est.h"

#include "agent/config/config_host.h"
#include "agent/config/config_report.h"
#include "agent/config/config_value.h"
#include "agent/role/spec_issuer.h"

void config_est_user(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_text(r, s, "the name of a user", &((struct spec_issuer *)into)->login);
}

void config_est_password_file(struct config_reader *r, const config_setting_t *s,
			      void *into)
{
	config_secret(r, s, &((struct spec_issuer *)into)->password_file);
}

void config_est_certificate_file(struct config_reader *r, const config_setting_t *s,
				 void *into)
{
	config_keepers(r, s, &((struct spec_issuer *)into)->certificate_file);
}

void config_est_key_file(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_secret(r, s, &((struct spec_issuer *)into)->key_file);
}

void config_est_check(struct config_reader *r, const config_setting_t *s)
{
	config_pair(r, s, "user", "password_file", "the password of user");
	config_pair(r, s, "password_file", "user", "whose password it is");
	config_pair(r, s, "certificate_file", "key_file",
		    "the key of certificate_file");
	config_pair(r, s, "key_file", "certificate_file",
		    "the certificate of key_file");
}
