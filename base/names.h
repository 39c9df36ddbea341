/*
 * names: the subject alternative names of RFC 5280 4.2.1.6, in one canonical spelling.
 *
 * DNS names are lower-case A-labels without a final dot (see idn.h for how people may
 * write them), a wildcard is
 * "*." and one such name; IPv4 and IPv6 addresses are as inet_ntop() writes them; mail
 * addresses keep their local part and lower the domain; URIs keep everything but the
 * case of scheme and host. Two names are the same if and only if kind and text are.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct err;

#define NAME_MAX_LEN 2048 /* of a URI; DNS names stop at 253, addresses at 254 */

enum name_kind {
	NAME_DNS, /* also a wildcard */
	NAME_IP,
	NAME_EMAIL,
	NAME_URI,
	NAME_KINDS,
};

struct name {
	enum name_kind kind;
	const char *value; /* canonical; owner as said where it is used */
};

/*
 * Read `word` as the configuration writes it ("example.org", "192.0.2.7", "email:a@b",
 * "uri:spiffe://x/y"), in ASCII, into *kind and a canonical text that the caller owns. ERR_CONFIG
 * says what is wrong with it.
 */
int names_parse(const char *word, enum name_kind *kind, char **canonical,
		struct err *e);

/* The hash of a set is the sum (mod 2^64) of its members': order does not matter. */
uint64_t names_hash(enum name_kind kind, const char *canonical);
