/*
 * config_local: what an issuer is told that signs here, of type "local" or "self"
 * (config_issuer.h). Each reads the setting of its name; `into` is the struct spec_issuer.
 */
#pragma once

#include "agent/config/config_reader.h"

struct spec_issuer;

void config_local_subject(struct config_reader *r, const config_setting_t *s,
			  void *into);
void config_local_lifetime(struct config_reader *r, const config_setting_t *s,
			   void *into);
void config_local_ca_lifetime(struct config_reader *r, const config_setting_t *s,
			      void *into);
void config_local_crl_url(struct config_reader *r, const config_setting_t *s,
			  void *into);
void config_local_intermediate(struct config_reader *r, const config_setting_t *s,
			       void *into);
void config_local_ca_key(struct config_reader *r, const config_setting_t *s,
			 void *into);
void config_local_path_length(struct config_reader *r, const config_setting_t *s,
			      void *into);
void config_local_permitted(struct config_reader *r, const config_setting_t *s,
			    void *into);
void config_local_excluded(struct config_reader *r, const config_setting_t *s,
			   void *into);

/* Once all have been read: report those that do not go together. `name` is that of the
 * issuer `s`. */
void config_local_check(struct config_reader *r, const config_setting_t *s,
			struct spec_issuer *i, const char *name);

/* A distinguished name as RFC 4514 has it, such as `expected` says. */
void config_dn(struct config_reader *r, const config_setting_t *s, const char *expected,
	       struct text *out);
