/*
 * config_cert: the `certificates` list and `defaults`, what each starts from. Settings
 * that belong to one certificate (name, names, optional, csr, files) have no default.
 */
#pragma once

#include "agent/config/config_reader.h"

/* Before `defaults`: what holds where nothing is said. */
void config_cert_defaults(struct config_reader *r);

/* The group `defaults`, the list `certificates`; `into` is not used. */
void config_defaults(struct config_reader *r, const config_setting_t *s, void *into);
void config_certs(struct config_reader *r, const config_setting_t *s, void *into);
