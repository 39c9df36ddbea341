/*
 * cmp_roots: the CA certificates that a CMP server names: those of caCerts, and for each
 * root that is trusted so far its successor, with what the old key has signed of it (RFC
 * 9483 4.3.1, 4.3.2). Which of them become trusted is not for here to say.
 *
 * Where caCerts has no root, which it need not have, one that has no successor is named
 * itself.
 */
#pragma once

#include "ca/cmp.h"

/* Added to `pem`. `by_live`: there is a live certificate to sign for it; else, and where
 * that is not taken, the first credential does. Without settings->http.trust what comes has
 * to be under the secret. Errors as of cmp_enrol(). */
int cmp_roots(const struct cmp_settings *settings, const struct cmp_host *host,
	      bool by_live, struct buf *pem, struct err *e);
