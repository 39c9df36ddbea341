/* config_names: names of all kinds, and `names` and `optional` of a certificate. */
#pragma once

#include "agent/config/config_reader.h"
#include "base/names.h"

/* As names_parse(), of a word that may be in any script. */
int config_name_parse(const struct config_reader *r, const char *word,
		      enum name_kind *kind, char **canonical, struct err *e);

/* A DNS name that is no wildcard. What is none is reported, *out then as before. */
void config_dns_name(struct config_reader *r, const config_setting_t *s,
		     struct text *out);

/* Read both, members of the group `s`, into c->names and c->names_hash. */
void config_names(struct config_reader *r, const config_setting_t *s,
		  struct spec_cert *c);

/* ... from a request of the user's own, `csr` at `s`. */
void config_names_of_csr(struct config_reader *r, const config_setting_t *s,
			 const struct name *names, size_t n, struct spec_cert *c);

/* What a certificate is called that has no `name`: its first name, without "*.". */
const char *config_names_default(struct config_reader *r, const config_setting_t *s);
