#include "agent/config/config_cfssl.h"

#include "agent/config/config_host.h"
#include "agent/role/spec_issuer.h"

void config_cfssl_auth_key_file(struct config_reader *r, const config_setting_t *s,
				void *into)
{
	config_secret(r, s, &((struct spec_issuer *)into)->auth_key_file);
}
