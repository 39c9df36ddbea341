/*
 * hashed: the trust anchors, or the CRLs of a set, as a folder that OpenSSL looks them up
 * in (CApath).
 *
 * Each is a file of its own, called by the hash of its subject or, a CRL, of its issuer,
 * and the first number from 0 on that is not somebody else's: "4042bcee.0",
 * "4042bcee.r0". Its first line says that it is ours and of which certificate or which of
 * `crls`, which readers of PEM pass over; by that an anchor that we no longer trust, or a
 * CRL that no CA needs, is found and removed. What others have in the folder is left alone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct crlset;
struct err;
struct file_access;
struct set;

/* As publish_write() and publish_audit(), for all of the folder `path`. */
int hashed_write(const char *path, const struct set *set,
		 const struct file_access *access, struct err *e);
int hashed_audit(const char *path, const struct set *set,
		 const struct file_access *access, unsigned *differs, struct err *e);

/* As crlset_write(), for all of the folder `path`. */
int hashed_write_crls(const char *path, const struct crlset *set,
		      const struct file_access *access, bool *wrote, struct err *e);

/* Remove the drafts that a crash left. */
int hashed_sweep(const char *path, struct err *e);

/* Call `one` with each file in the folder that is called like ours are, in any order. */
int hashed_each(const char *path,
		int (*one)(void *arg, int dir, const char *name, struct err *e),
		void *arg, struct err *e);
