/*
 * config_way: whether the ACME issuers of a certificate can be shown that all its names
 * are ours, by the challenges of the certificate or, where it has none, of the issuer.
 *
 * A certificate that none of its issuers could ever issue is an error now, and not one of
 * some night; where another one can, that is a warning.
 */
#pragma once

#include "agent/config/config_reader.h"

/* `s` is the group that `c` was read from. */
void config_ways(struct config_reader *r, const config_setting_t *s,
		 const struct spec_cert *c);
