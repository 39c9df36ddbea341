/*
 * config_est: what an issuer of type "est" is told (config_issuer.h) and no other: who
 * enrols for the first time. Each reads the setting of its name; `into` is the struct
 * spec_issuer.
 */
#pragma once

#include "agent/config/config_reader.h"

void config_est_user(struct config_reader *r, const config_setting_t *s, void *into);
void config_est_password_file(struct config_reader *r, const config_setting_t *s,
			      void *into);
void config_est_certificate_file(struct config_reader *r, const config_setting_t *s,
				 void *into);
void config_est_key_file(struct config_reader *r, const config_setting_t *s,
			 void *into);

/* Report what of the issuer `s` goes together. */
void config_est_check(struct config_reader *r, const config_setting_t *s);
