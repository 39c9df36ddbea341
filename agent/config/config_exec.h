/*
 * config_exec: what an issuer of type "exec" is told (config_issuer.h). Each reads the
 * setting of its name; `into` is the struct spec_issuer.
 */
#pragma once

#include "agent/config/config_reader.h"

struct spec_issuer;

#define CONFIG_EXEC_TIMEOUT_S 300 /* of a run that says nothing else */

void config_exec_program(struct config_reader *r, const config_setting_t *s,
			 void *into);
void config_exec_dialect(struct config_reader *r, const config_setting_t *s,
			 void *into);
void config_exec_user(struct config_reader *r, const config_setting_t *s, void *into);
void config_exec_timeout(struct config_reader *r, const config_setting_t *s,
			 void *into);

/* Report what the issuer `s` has to have. */
void config_exec_check(struct config_reader *r, const config_setting_t *s,
		       const struct spec_issuer *i);
