#include "agent/config_est.h"

#include "agent/config_host.h"
#include "agent/config_value.h"
#include "agent/spec_issuer.h"

void config_est_user(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_text(r, s, "the name of a user", &((struct spec_issuer *)into)->login);
}

void config_est_password_file(struct config_reader *r, const config_setting_t *s,
			      void *into)
{
	config_secret(r, s, &((struct spec_issuer *)into)->password_file);
}
