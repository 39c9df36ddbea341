/* config_names: `names` and `optional` of a certificate. */
#pragma once

#include "agent/config_reader.h"

/* Read both, members of the group `s`, into c->names and c->names_hash. */
void config_names(struct config_reader *r, const config_setting_t *s,
		  struct spec_cert *c);

/* What a certificate is called that has no `name`: its first name, without "*.". */
const char *config_names_default(struct config_reader *r, const config_setting_t *s);
