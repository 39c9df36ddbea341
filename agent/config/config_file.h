/* config_file: the `files` of a certificate or a CRL, and who gets a key. */
#pragma once

#include "agent/config/config_reader.h"

#define CONFIG_FOR_CERT (1u << 0)
#define CONFIG_FOR_CRL  (1u << 1)

/* Read the list `s`. Reports what is wrong; *out then lacks that. */
void config_files(struct config_reader *r, const config_setting_t *s, uint32_t what,
		  struct list *out);

/* What becomes of a CRL that has ended: enum crl_stale. */
void config_stale(struct config_reader *r, const config_setting_t *s, uint32_t *out);

/* `mode` at `s`, of a file with a private key in it: not for everyone to read. */
void config_key_mode(struct config_reader *r, const config_setting_t *s, uint32_t mode);

/* Whether the files at `s` can hold a key of the type that `c` has. */
void config_files_fit(struct config_reader *r, const config_setting_t *s,
		      const struct spec_cert *c);
