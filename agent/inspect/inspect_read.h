/*
 * inspect_read: the bytes of one input, as items.
 *
 * PEM blocks in any order with anything between them, or one thing in DER: a certificate,
 * private or public key (PKCS#8, encrypted or not, and the older forms), CSR, CRL,
 * PKCS#7 or PKCS#12. What is none of these is named if it is something that people take
 * for one. Nothing read makes it fail; what is wrong becomes a finding.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct inspect;

void inspect_read(struct inspect *in, uint32_t input, const void *data, size_t len);
