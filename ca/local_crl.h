/*
 * local_crl: the list of what the embedded CA has revoked (RFC 5280 5). The last CRL is
 * the only record of it: each new one carries over what was on it.
 *
 * nextUpdate is one leaf lifetime away, and never earlier than it was promised before.
 * Since a CRL is signed with each issue, it cannot go stale while a certificate of this
 * CA is valid: a server that checks it (nginx refuses every client once its CRL is
 * stale) stays up without a timer of ours.
 *
 * Entries of certificates that have ended stay on it: the CRL does not say when that
 * is, and an internal CA revokes few.
 */
#pragma once

#include <stdint.h>

struct buf;
struct err;
struct local_ca;
struct local_profile;

/*
 * Put `serial` (hex) on the CRL with `reason` (CRLReason, RFC 5280 5.3.1; 0: none) and
 * sign the CRL anew with the next number; NULL only signs anew. ca->crl is replaced. A
 * serial revoked twice keeps its first date and reason. ERR_REFUSED: that is no serial,
 * or no reason for which a CA of ours revokes.
 */
int local_crl(const struct local_profile *p, struct local_ca *ca, const char *serial,
	      int reason, int64_t now, struct err *e);

/*
 * The CRL as a file that servers read: with an intermediate, the root's stands behind
 * it, always empty, since nginx and others want one for every CA in the chain.
 * crl_from_pem() reads back the first, which is the one to carry on from.
 */
int local_crl_to_pem(const struct local_ca *ca, struct buf *pem, struct err *e);
