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

/* Tell of `generation` of certificate `i` that it is revoked: `text`. */
void revoked_tell(struct agent *a, uint32_t i, uint64_t generation, const char *text);
