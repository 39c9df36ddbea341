/*
 * local_dn: a distinguished name as the configuration writes it.
 *
 * A strict part of RFC 4514: "CN=Lab CA,O=Example", most specific first, one attribute
 * in each RDN, of CN O OU C ST L STREET DC UID; escapes \, and \C3\A4; spaces after a
 * comma are passed over. What it leaves out ("+", "#hex", numbers) is an error.
 */
#pragma once

#include <openssl/x509.h>

struct err;

#define LIMIT_DN_ATTRIBUTES 16

/* The caller owns *dn. ERR_CONFIG. */
int local_dn_parse(const char *text, X509_NAME **dn, struct err *e);
