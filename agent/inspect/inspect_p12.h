/*
 * inspect_p12: PKCS#12 (RFC 7292): how it is protected, and with its password what is in
 * it. Without one: what stands in it in the clear.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct inspect;

/* False: it is none. */
bool inspect_p12(struct inspect *in, uint32_t input, const unsigned char *der,
		 long len);
