/*
 * config_step: what an issuer of type "step" is told (config_issuer.h) and no other: whose
 * key signs for the first certificate, and where that is. Each reads the setting of its
 * name; `into` is the struct spec_issuer.
 */
#pragma once

#include "agent/config/config_reader.h"

struct spec_issuer;

void config_step_provisioner(struct config_reader *r, const config_setting_t *s,
			     void *into);

/* What is missing in the group `s`. */
void config_step_check(struct config_reader *r, const config_setting_t *s);
