/*
 * print_tlsa: the TLSA records (RFC 6698) of certificates whose next key is made beforehand
 * (nextkey.h): "3 1 1", as DANE is used (RFC 7671 5.1), which say no more than which key it
 * is, so that neither issuer nor end matter.
 *
 * There is one for each name and port: the ports of its probes, or 443. What is no name of
 * a host has none: an address; and below a wildcard no service can stand.
 */
#pragma once

#include <stdint.h>

struct agent;
struct json;
struct memory;

/* Of certificate `i`, as lines of a zone. `m` is what is remembered of it. */
void tlsa_show(const struct agent *a, uint32_t i, const struct memory *m);

/* "tlsa" of it: null without next_key; else what is `live`, what is `next` (null: not yet
 * made), and the owners, `at`. */
void tlsa_json(const struct agent *a, uint32_t i, const struct memory *m,
	       struct json *j);
