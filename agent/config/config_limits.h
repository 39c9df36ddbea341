/* config_limits: how much an issuer gives in how long: `limits` of an ACME issuer. */
#pragma once

#include "agent/config/config_reader.h"
#include "agent/role/spec_issuer.h"

/* A group of "300/3h" or "none"; `into` is the struct spec_issuer. What is not named is
 * marked, for config_limits_default(). */
void config_limits(struct config_reader *r, const config_setting_t *s, void *into);

/* To be called before and after config_limits(): what the configuration does not say is
 * what Let's Encrypt documents, for an issuer that everybody trusts, else no limit. */
void config_limits_begin(struct spec_issuer *i);
void config_limits_end(struct spec_issuer *i);
