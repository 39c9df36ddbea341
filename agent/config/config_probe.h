/*
 * config_probe: the endpoints that must show a new certificate.
 *
 *     "host:port"  "[v6]:port"  "smtp://host:25"  "unix:/path"
 *     { connect = "127.0.0.1:8443"; name = "www.example.org"; }
 *
 * Schemes: tls, smtp, imap, pop3, ldap, postgres (STARTTLS); a scheme has a default
 * port. The name for SNI is the host if that is a DNS name; an address or a socket
 * sends none unless `name` says which.
 */
#pragma once

#include "agent/config/config_reader.h"

void config_probes(struct config_reader *r, const config_setting_t *s,
		   struct list *out);
