/*
 * config_cmp: what an issuer of type "cmp" is told (config_issuer.h) and no other, in the
 * words of openssl-cmp(1). Each reads the setting of its name; `into` is the struct
 * spec_issuer.
 */
#pragma once

#include "agent/config/config_reader.h"

struct spec_issuer;

void config_cmp_reference(struct config_reader *r, const config_setting_t *s,
			  void *into);
void config_cmp_secret_file(struct config_reader *r, const config_setting_t *s,
			    void *into);
void config_cmp_recipient(struct config_reader *r, const config_setting_t *s,
			  void *into);
void config_cmp_cmd(struct config_reader *r, const config_setting_t *s, void *into);
void config_cmp_implicit_confirm(struct config_reader *r, const config_setting_t *s,
				 void *into);

/* Report what the issuer `s` has to have. */
void config_cmp_check(struct config_reader *r, const config_setting_t *s,
		      const struct spec_issuer *i);
