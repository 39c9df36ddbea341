/*
 * chain: the certificate with the chain that is wanted (RFC 8555 7.4.2).
 *
 * A CA may have several chains for one leaf, to different roots. The default is fetched
 * first; alternates are only looked at where it is not what was asked for.
 */
#pragma once

struct acme;
struct buf;
struct err;

#define LIMIT_ALTERNATES 10

/*
 * Fetch the chain at `url`, in PEM. `wanted`: the common name of a root (of the issuer or
 * the subject of the chain's last certificate); the SHA-256 of one of its CA
 * certificates in hex; "shortest": the one with the fewest certificates; NULL: the
 * default. Where none matches, it is the default, and *note, owned, says so. ERR_NET: the
 * CA does not give it out, by whatever answer; what is issued is asked for again.
 */
int chain_fetch(struct acme *a, const char *url, const char *wanted, struct buf *chain,
		char **note, struct err *e);
