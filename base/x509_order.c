#include "base/x509_order.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

static bool is_for(X509 *cert, const void *spki, size_t len)
{
	unsigned char *der = NULL;
	const int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	const bool same = n > 0 && (size_t)n == len && memcmp(der, spki, len) == 0;

	OPENSSL_free(der);
	return same;
}

/* It goes to place `to`, which is before its own; those between move up. */
static void move(STACK_OF(X509) * chain, int from, int to)
{
	X509 *cert;

	if (from == to)
		return;
	cert = sk_X509_delete(chain, from);
	if (sk_X509_insert(chain, cert, to) <= 0)
		abort(); /* out of memory, as in mem.h */
}

int x509_order(STACK_OF(X509) * chain, const void *spki, size_t len)
{
	const int n = sk_X509_num(chain);
	int at = 0, done = 1;

	while (at < n && !is_for(sk_X509_value(chain, at), spki, len))
		at++;
	if (at == n)
		return 0;
	move(chain, at, 0);
	for (; done < n; done++) {
		X509 *last = sk_X509_value(chain, done - 1);

		for (at = done; at < n; at++)
			if (X509_check_issued(sk_X509_value(chain, at), last) ==
			    X509_V_OK)
				break;
		if (at == n)
			return done;
		move(chain, at, done);
	}
	return done;
}
