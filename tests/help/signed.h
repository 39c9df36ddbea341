/*
 * signed: whether what a keeper has signed is what the configuration lets it sign, whoever
 * asked: read as others would, and compared with the snapshot. What is not fails the test.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/role/lend.h"
#include "agent/role/spec.h"

struct jose;

/* The first certificate in `pem` has the names of certificate `cert`, those of `out` left out
 * or not, is none of a CA, and its key is `spki`, where that is known (len 0: not). */
void signed_leaf(const struct spec *s, uint32_t cert, const char *pem, const void *spki,
		 size_t len);

/* ... names that all end with `domain`, and is none of a CA. */
void signed_within(const char *domain, const char *pem);

/* The request is signed by its own key and has no name that `cert` has not. */
void signed_request(const struct spec *s, uint32_t cert, const void *der, size_t len);

/* The JWS is for the CA of the ticket, its payload what the ticket is for, and its signature
 * that of the account below `root`, or of the live key where it revokes. */
void signed_jws(const struct spec *s, int root, const struct lend_ticket *t,
		const char *text);
