/*
 * cmp_genm: what a CMP server tells of its CA certificates by general messages (RFC 9483
 * 4.3): those that there are now, and which root follows another one.
 *
 * OpenSSL knows what is in these from 3.2 on. Before, their values are DER that is read and
 * made here; a program that was built for 3.0 and runs with a later one has neither, and
 * says so.
 *
 *     cmp_task_begin(&t, e), then one of these: each is a transaction of its own
 */
#pragma once

#include <openssl/x509.h>

struct cmp_task;
struct err;

/* Add to t->cas all that it names. Errors as of cmp_task_failed(). */
int cmp_genm_cas(struct cmp_task *t, struct err *e);

/* Add to `all` what it names in the place of `root`: the new root, that root signed by the
 * old one's key, and the old one by the new one's key, as far as there are such; nothing if
 * `root` is to stay. */
int cmp_genm_update(struct cmp_task *t, X509 *root, STACK_OF(X509) * all,
		    struct err *e);
