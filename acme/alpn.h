/*
 * alpn: what tls-alpn-01 asks and what it is shown (RFC 8737 3; addresses: RFC 8738 6).
 *
 * A CA that validates says in its ClientHello that it speaks ALPN_PROTOCOL and nothing
 * else, and whom it wants: a name, or an address spelled as the DNS name of its reverse.
 * It gets a certificate that is made for it: of that name alone, with the digest of the
 * key authorization, signed by itself.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "base/dns.h"

struct err;

#define ALPN_PROTOCOL "acme-tls/1"

/* Whether the ALPN extension `ext` of a ClientHello has our protocol and no other. */
bool alpn_is_asked(const uint8_t *ext, size_t len);

/* The one host name of the SNI extension `ext` (RFC 6066 3), in lower case. */
bool alpn_read_sni(const uint8_t *ext, size_t len, char sni[DNS_NAME_SIZE]);

/* What a CA says in SNI for `name`, canonical as names.h has it; "" if it has none. */
void alpn_sni_of(const char *name, char sni[DNS_NAME_SIZE]);

/* The certificate for `name` with the digest of `authorization`, of and by `key`, which
 * must be for nothing else. The caller owns *cert. ERR_PROTO: it is no such name. */
int alpn_certificate(EVP_PKEY *key, const char *name, const char *authorization,
		     X509 **cert, struct err *e);
