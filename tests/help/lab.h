/* lab: an embedded CA for tests, and what is asked of it. */
#pragma once

#include <stdint.h>

#include "base/x509.h"
#include "ca/local.h"

#define LAB_DAY  INT64_C(86400)
#define LAB_YEAR (365 * LAB_DAY)

extern const struct name lab_name[1];     /* example.org */
extern const struct name lab_wildcard[2]; /* and *.example.org */

/* "CN=Lab CA,O=Example": 20 years, an ECDSA key, no intermediate; leaves of 30 days. */
struct local_profile lab_profile(void);

/* A server's certificate for lab_name, 30 days. */
struct local_request lab_ask(EVP_PKEY *key);

/* As local_make() and local_issue(); what they refuse fails the test. The leaf is the
 * caller's. */
void lab_make(const struct local_profile *p, int64_t now, struct local_ca *ca);
X509 *lab_issue(const struct local_profile *p, const struct local_ca *ca,
		const struct local_request *r, int64_t now);
