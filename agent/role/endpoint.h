/*
 * endpoint: where a service is and how TLS begins there, as people write it:
 *
 *     host:port   [v6]:port   smtp://host   https://host:8443/path   unix:/path
 *
 * A scheme that ends in "s" is TLS from the first byte, one that does not asks for it in
 * its protocol's words (STARTTLS).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct endpoint {
	uint32_t proto; /* enum probe_proto */
	char *host;     /* owned: a name, an address, or the path of a socket */
	char *port;     /* owned: decimal; NULL for a socket */
};

#define AUTO_ENDPOINT __attribute__((cleanup(endpoint_done)))

/* False: it is none, `out` is empty. The host is not looked at. */
bool endpoint_parse(const char *word, struct endpoint *out);
void endpoint_done(struct endpoint *e);

/* What is usually spoken on that port before TLS: smtp on 25; PROBE_TLS where nothing
 * is known. */
uint32_t endpoint_usual(const char *port);
