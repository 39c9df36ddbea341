/*
 * config_challenge: how a CA is shown that a name is ours.
 *
 *     { type = "http-01"; webroot = "/var/www/html"; }      or listen = "[::]:80"
 *     { type = "tls-alpn-01"; listen = "[::]:443"; }
 *     { type = "dns-01"; rfc2136 = { server; zone; key_name; key_algorithm; key_file;
 *                                    resolvers; wait; }; }
 *     { type = "dns-01"; hook = [ "/path/program" ]; dialect = "everleaf"; }
 */
#pragma once

#include "agent/config/config_reader.h"

void config_challenges(struct config_reader *r, const config_setting_t *s,
		       struct list *out);
