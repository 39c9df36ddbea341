/*
 * config_csr: `csr` of a certificate, a signing request of the user's own instead of names
 * and key.
 *
 * It is read with the configuration, as part of it: the certificate has its names and the
 * type of its key, and the snapshot the request itself, which is what a CA is sent each
 * time. Its key is elsewhere: nothing with a private key in it can be written.
 */
#pragma once

#include "agent/config/config_reader.h"

/* Read the request that `s` names into `c`. What is wrong with it is reported. */
void config_csr(struct config_reader *r, const config_setting_t *s,
		struct spec_cert *c);
