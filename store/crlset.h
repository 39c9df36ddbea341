/*
 * crlset: the last good CRL of each CA that one entry of `crls` is about, and the files
 * that servers read them from.
 *
 *     <root>/crl/NAME@1f0a....der   one CA's, by the first half of its certificate's
 *                                   SHA-256; a name has no @ in it
 *     <root>/crl/NAME.pem           all of them, in the order of the CAs; NAME.der where
 *                                   there is one
 *
 * A server that checks a chain refuses everybody for whom one CRL of it is missing, and
 * some let everybody in: so a set is whole or it is none, and what is written is made
 * anew from DER each time.
 *
 * Use: crlset_keep() for each that has come and is good; crlset_load(); crlset_store();
 * crlset_write() for each file.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/x509.h"
#include "store/content.h"

struct err;
struct file_access;

struct crlset {
	const char *name; /* borrowed */
	size_t n;
	struct crlset_part {
		struct buf ca; /* PEM */
		void *der;     /* owned: a mapped file of the store's */
		size_t len;
	} parts[LIMIT_CHAIN_CERTS];
};

#define AUTO_CRLSET __attribute__((cleanup(crlset_done)))

/* Keep the CRL of the CA whose certificate has the hash `ca`: the first `len` bytes, DER,
 * of the file `from`. */
int crlset_keep(int root, const char *name, const uint8_t ca[HASH_LEN], int from,
		size_t len, struct err *e);

/* An empty file that has no name, to read and write: the caller's. */
int crlset_stage(int root, int *fd, struct err *e);

/* The certificates of the PEM file `path`, at least one; the caller's. */
int crlset_cas(const char *path, STACK_OF(X509) * *cas, struct err *e);

/*
 * What is kept for each CA in the PEM file `cas`. ERR_TRUST: for one of them there is
 * nothing, or what there is is not said to be good: its hash is not among `good`.
 */
int crlset_load(int root, const char *name, const char *cas,
		const uint8_t (*good)[HASH_LEN], size_t n_good, struct crlset *set,
		struct err *e);
void crlset_done(struct crlset *set);

/* The bytes of CONTENT_CRL (PEM), CONTENT_DER (of a set of one) or CONTENT_COMBINED (the
 * certificates of the CAs, then the CRLs); `out` is replaced. */
int crlset_render(const struct crlset *set, enum content_kind kind, struct buf *out,
		  struct err *e);

/* One of them, as PEM, to the end of `out`. */
void crlset_add_pem(const struct crlset_part *p, struct buf *out);

/* Write it to <root>/crl/, and to `path` outside of the store, unless it is there already
 * exactly so; *wrote is set where it was not. As publish_write(); CONTENT_HASHED: `path` is
 * a folder, see hashed.h. */
int crlset_store(int root, const struct crlset *set, bool *wrote, struct err *e);
int crlset_write(const struct crlset *set, enum content_kind kind, const char *path,
		 const struct file_access *access, bool *wrote, struct err *e);

/* Remove all that the store has of `name`. */
int crlset_forget(int root, const char *name, struct err *e);

/* Take away what these two have written; what is kept stays. *gone is set where there was
 * anything. What is no file is not removed: ERR_SYS. */
int crlset_clear(int root, const char *name, bool *gone, struct err *e);
int crlset_remove(const char *name, enum content_kind kind, const char *path,
		  bool *gone, struct err *e);
