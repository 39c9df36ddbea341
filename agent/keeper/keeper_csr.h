/*
 * keeper_csr: the signing request for the key that waits, for CAs that take one, whatever
 * their protocol. It asks for the names of the configuration, or is the user's own (`csr`);
 * the agent chooses no more than which of them are left out.
 */
#pragma once

#include <openssl/x509.h>

#include "agent/keeper/keeper.h"
#include "base/csr.h"

struct name_set;

/* Those names of `c` that are asked for, all but `out`: *n of them, owned, the strings
 * borrowed. */
struct name *keeper_asked_names(const struct keeper *k, const struct spec_cert *c,
				const struct name_set *out, size_t *n);

/* Add it in DER to `der`, with what `asks` says. ERR_PROTO: no key waits; ERR_CONFIG:
 * an account of ours has that key. */
int keeper_csr(struct keeper *k, const struct spec_cert *c, const struct name_set *out,
	       const struct csr_asks *asks, struct buf *der, struct err *e);

/* ... and one of its names for a subject, if any can be (csr.h). */
int keeper_csr_named(struct keeper *k, const struct spec_cert *c,
		     const struct name_set *out, const struct csr_asks *asks,
		     struct buf *der, struct err *e);

/* KEEPER_CSR. */
int keeper_csr_asked(void *role, struct msg *m, struct err *e);
