/*
 * config_cfssl: what an issuer of type "cfssl" is told (config_issuer.h) and no other. It
 * reads the setting of its name; `into` is the struct spec_issuer.
 */
#pragma once

#include "agent/config/config_reader.h"

void config_cfssl_auth_key_file(struct config_reader *r, const config_setting_t *s,
				void *into);
