/* crl_ext: the extensions of a CRL (RFC 5280 5.2): its number, and what it speaks for. */
#pragma once

#include "ca/crl.h"
#include "ca/crl_der.h"

struct err;

/* Read the Extensions `der` (head and all) into `facts`, and hold them against `want`.
 * ERR_PROTO, ERR_TRUST. */
int crl_ext_read(const struct der *der, const struct crl_want *want,
		 struct crl_facts *facts, struct err *e);

/* Once all is read: ERR_TRUST, it is older than what we have. */
int crl_ext_floor(const struct crl_want *want, const struct crl_facts *facts,
		  struct err *e);
