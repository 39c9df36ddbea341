/*
 * revoked: a live certificate that is revoked, whoever has said so. It is due to be
 * replaced at once; history and hooks are told.
 *
 *     CERT_REVOKED      itself: why "revoked"
 *     CERT_CA_REVOKED   a CA of its chain: why "untrusted", and the next issuer of its list
 *                       is asked, if there is one; else the same, which may have another CA
 */
#pragma once

#include <stdint.h>

struct agent;
struct err;

/* Remember `flag` of certificate `i` as it is live now. An attempt that failed before was
 * for a lesser reason, and is not waited for; what a CA has said is kept to. */
int revoked_remember(struct agent *a, uint32_t i, uint32_t flag, struct err *e);

/* Tell of `generation` of certificate `i` that it is revoked: `text`. What hooks are to be
 * told of is owed from the commit on that the revocation is remembered by, and until they
 * were: nothing else would find it again. */
void revoked_tell(struct agent *a, uint32_t i, uint64_t generation, const char *text);

/* They were told of `generation` of `name`. */
void revoked_told(struct agent *a, const char *name, uint64_t generation);

/* Tell what an earlier run still owed. */
void revoked_again(struct agent *a);
