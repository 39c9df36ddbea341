/*
 * local_roll: the next key of an embedded CA, and how it takes over from the one before.
 * Pure, as local.h.
 *
 *     made        root (and intermediate) of a new key, with newWithOld, the new root signed
 *                 by the old one, and oldWithNew (RFC 4210 4.4)
 *     announced   for local_ahead_s(): the old key goes on, with oldWithNew behind what it
 *                 issues, while files and other hosts take in both roots
 *     it signs    with newWithOld behind what it issues, as long as the old root holds: who
 *                 knows the old one alone believes it, too
 *     over        when the CRL of the old key ends, or its root. It is signed anew when something is
 *                 revoked, and never for longer than was promised with the last leaf
 *                 (local_crl.h), so nothing of that key is valid then
 *
 * Nothing has to be remembered for it: the dates of certificates and lists say all of it.
 *
 * It begins by itself when less is left of the root or the intermediate than twice the
 * lifetime of what it signs, or than half of its own if that is shorter: a leaf is renewed
 * before two thirds of its lifetime, so each is signed by the new key before the end of the
 * old root cuts any short.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

struct err;
struct local_ca;
struct local_profile;
struct buf;

/* Keys of one CA that are not over. More are not made. */
#define LOCAL_KEYS_MAX 4

/* For how long a new key is known before it signs: a day, or a quarter of a shorter
 * lifetime of leaves. */
int64_t local_ahead_s(const struct local_profile *p);

/* Whether it is time to make the next key. */
bool local_is_ending(const struct local_profile *p, const struct local_ca *ca,
		     int64_t now);

/* Make the key after `old`; `at_once`: it is not announced before it signs. Errors as
 * local_make() and local_cross(). */
int local_roll(const struct local_profile *p, const struct local_ca *old, bool at_once,
	       int64_t now, struct local_ca *next, struct err *e);

/* When the key of `ca`, which is not the first, begins to sign (Unix seconds). */
int64_t local_signs_at(const struct local_profile *p, const struct local_ca *ca);

/* Which of `n` keys signs now, oldest first: the last that has begun to, or
 * follows one that has ended. */
size_t local_signing(const struct local_profile *p, const struct local_ca *cas,
		     size_t n, int64_t now);

/* Whether nothing that key has signed is valid any more; it is not the one that signs. */
bool local_is_over(const struct local_ca *ca, int64_t now);

/* What stands behind what `cas[i]` issues: borrowed; NULL: nothing. */
X509 *local_bridge(const struct local_ca *cas, size_t n, size_t i, int64_t now);

/* The distribution point of key `number`: of the first it is `url` itself, of others
 * "http://ca.example/2/lab.crl". Appended to `out`. */
void local_crl_url(const char *url, unsigned number, struct buf *out);
