/*
 * crl: is this revocation list (RFC 5280 5) good, and whom does it revoke?
 *
 * A CRL is read while it arrives, in pieces of any size, as DER or PEM, and never kept:
 * what is held of it is the element that is being read, at most CRL_ELEMENT_MAX octets
 * of it, and one hash. So 5,000,000 entries take as much memory as none.
 *
 *     crl_scan_new(&want, put, arg, &s, e);
 *     while (there is more) TRY(crl_scan_feed(s, data, len, e));
 *     TRY(crl_scan_end(s, fd, &facts, e));
 *     ... crl_scan_hits(s, &n) ...
 *     crl_scan_free(s);
 *
 * What is wrong ends it as soon as it is seen: a CRL of somebody else, or one that has
 * ended, after its first kilobyte. What it says is not told before its signature has
 * been verified. A list that is good here
 *
 *   - is one DER CertificateList and nothing else: ERR_PROTO
 *   - is issued by the CA, byte for byte, and signed by its key, which may sign CRLs,
 *     with an algorithm that is not broken: ERR_TRUST
 *   - has begun (CRL_SKEW_S apart) and not ended: ERR_TRUST
 *   - is not older, by its number, than the one that we have of the same scope: ERR_TRUST
 *   - has no critical extension, of its own or of an entry, that servers do not know
 *   - is complete: no delta, no removeFromCRL, not for some reasons only
 *   - is not indirect, unless such a one is wanted: who is on it was issued by who signed it
 *   - speaks for the certificates that it is wanted for: not for other kinds, and not
 *     for a distribution point that is not theirs
 *
 * An algorithm that this OpenSSL does not have is neither good nor bad: the facts say
 * that it could not be verified here, and why.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

struct err;
struct crl_scan; /* opaque */

#define CRL_ELEMENT_MAX (64 * 1024) /* a signature of SLH-DSA has 49,856 octets */
#define CRL_NUMBER_MAX  20          /* octets, RFC 5280 5.2.3; of a serial, 4.1.2.2 */
#define CRL_SKEW_S      300         /* by so much may the CA's clock be ahead of ours */
#define CRL_HITS_MAX    1024        /* told at once; ask again without those */
#define CRL_SERIALS_MAX 10000
#define CRL_HASH_LEN    32
#define CRL_WHY_MAX     160

/* What it speaks for. */
#define CRL_USERS 1u /* certificates that are not a CA's */
#define CRL_CAS   2u

struct crl_number {
	uint8_t len;                    /* 0: none */
	uint8_t octets[CRL_NUMBER_MAX]; /* the value, the highest first and not 0 */
};

/* <0, 0, >0; no number is below all. */
int crl_number_cmp(const struct crl_number *a, const struct crl_number *b);

/* What stands for a serial number of our own while it is looked for: the last eight
 * octets of its value. A hit says the whole serial: compare it. */
uint64_t crl_serial_key(const void *octets, size_t len);

/* What the list must be. All is borrowed until the scan is freed. */
struct crl_want {
	X509 *ca; /* who issues it */
	int64_t now;
	unsigned covers;           /* CRL_USERS, CRL_CAS: must speak for these */
	bool indirect;             /* may be of what others have issued, too (RFC 5280
				      5.3.3); then no serials are looked for */
	const char *const *points; /* one that is for some distribution points only
				      must be for one of these */
	size_t n_points;
	struct crl_number floor; /* of the one that we have, if that still holds ... */
	uint8_t scope[CRL_HASH_LEN]; /* ... and its scope */
	const uint64_t *serials;     /* crl_serial_key() of our own, in any order */
	size_t n_serials;            /* at most CRL_SERIALS_MAX */
};

struct crl_facts {
	int64_t this_update;
	int64_t next_update;
	struct crl_number number;
	uint64_t n_entries;
	uint64_t size;                /* octets, as DER */
	uint8_t digest[CRL_HASH_LEN]; /* of whom it revokes, in whatever order, never
					 all 0; it knows lists of one CA apart, it
					 proves nothing */
	uint8_t scope[CRL_HASH_LEN];  /* of its issuingDistributionPoint; zeros: none */
	unsigned covers;              /* CRL_* */
	bool more;                    /* there were more hits than CRL_HITS_MAX */
	char
	    unverified[CRL_WHY_MAX]; /* why it could not be verified here; "": it was */
};

/* One of our own serials stands on it. */
struct crl_hit {
	uint32_t index; /* in want->serials */
	uint8_t reason; /* CRLReason, RFC 5280 5.3.1; 0: not said */
	int64_t revoked_at;
	int64_t invalid_at; /* since when the CA doubts it; 0: not said */
	struct crl_number serial;
};

/* Takes the list on, as DER, while it is read. */
typedef int crl_put(void *arg, const void *der, size_t len, struct err *e);

/* `put` may be NULL. The caller owns *s. ERR_CONFIG: want->ca may not sign CRLs. */
int crl_scan_new(const struct crl_want *want, crl_put *put, void *arg,
		 struct crl_scan **s, struct err *e);

/* The next octets. After a failure only crl_scan_free() may follow. */
int crl_scan_feed(struct crl_scan *s, const void *data, size_t len, struct err *e);

/* That was all. `der` (-1: none) is the file that `put` has written to from its begin: for
 * Ed25519, Ed448 and ML-DSA, which sign no hash, it is mapped and read again. Without it
 * such a list is one that cannot be verified here. */
int crl_scan_end(struct crl_scan *s, int der, struct crl_facts *facts, struct err *e);

/* Our own that stand on it, as they follow there; after crl_scan_end(). Borrowed. */
const struct crl_hit *crl_scan_hits(const struct crl_scan *s, size_t *n);

void crl_scan_free(struct crl_scan *s);
