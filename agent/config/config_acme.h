/*
 * config_acme: what an issuer of type "acme" is told (config_issuer.h), but for its limits
 * (config_limits.h). Each reads the setting of its name; `into` is the struct spec_issuer.
 */
#pragma once

#include "agent/config/config_reader.h"

void config_acme_contact(struct config_reader *r, const config_setting_t *s,
			 void *into);
void config_acme_agree_terms(struct config_reader *r, const config_setting_t *s,
			     void *into);
void config_acme_eab(struct config_reader *r, const config_setting_t *s, void *into);
void config_acme_need_profile(struct config_reader *r, const config_setting_t *s,
			      void *into);
void config_acme_chain(struct config_reader *r, const config_setting_t *s, void *into);
void config_acme_account_key(struct config_reader *r, const config_setting_t *s,
			     void *into);
void config_acme_ari(struct config_reader *r, const config_setting_t *s, void *into);
void config_acme_challenge(struct config_reader *r, const config_setting_t *s,
			   void *into);
