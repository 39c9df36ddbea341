/*
 * inventory: what is. Fills one struct cert for each certificate of the snapshot from
 * the store, the configured files and what was remembered.
 *
 * What stands (audit.h) is not looked at: a host with 100,000 certificates that nothing
 * happened to costs twice that many stats, of the keeper. Else a certificate is parsed when
 * the stat of its file differs from the one that its facts were taken with.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct agent;
struct err;
struct spec_cert;
struct file_stamp;
struct stat;
struct memory;

/* One, as it was remembered in `m`, which is brought up to what is live (and not written);
 * `stands`: that is what it was. inventory_load.h: all of them. ERR_SYS: what is live could
 * not be looked at, and nothing is changed. */
int inventory_take(struct agent *a, uint32_t i, struct memory *m, bool stands,
		   struct err *e);

/* One again, after it was changed. `m` is its memory, which is brought up to date (and
 * not written). Its files are taken to be what was just published. */
int inventory_refresh(struct agent *a, uint32_t i, struct memory *m, struct err *e);

/* One that somebody has changed, while the loop runs: what is live, audit_take() being for
 * key and files. */
int inventory_again(struct agent *a, uint32_t i, struct err *e);

/* Bring `m`, as it was remembered, up to what is live; nothing else changes. */
void inventory_see(const struct agent *a, uint32_t i, struct memory *m);

/* Which CA `issuer` is, never 0: another one knows nothing of what that has said. */
uint64_t inventory_ca(const struct agent *a, uint32_t issuer);

/* Whether `hash` is of all its names, or of what an order made `at` left of them; those come
 * back *retake_at (NULL: nobody asks). */
bool inventory_has_names(const struct agent *a, uint32_t i, uint64_t hash, int64_t at,
			 int64_t *retake_at);

/* Whether it is for a key such as `spec` asks for; with `csr`, for that very one. */
struct x509_facts;
bool inventory_key_fits(const struct agent *a, const struct spec_cert *spec,
			const struct x509_facts *facts);

/* The renewal moment of certificate `i` if its leaf were the one of `facts`. */
int64_t inventory_renew_at(const struct agent *a, uint32_t i,
			   const struct x509_facts *facts);

/* A person went back to the generation of m->facts: that stands until its moment. */
void inventory_by_hand(const struct agent *a, uint32_t i, struct memory *m);

/* The leaf of generation `number`: its facts. Those that `m` remembers, unless that is
 * NULL or its file is another one now. ERR_SYS, ERR_PROTO. */
int inventory_facts(const struct agent *a, uint32_t i, uint64_t number,
		    const struct memory *m, struct x509_facts *facts, struct err *e);

/* What of a file says that it is the same one. */
void inventory_stamp(const struct stat *st, struct file_stamp *stamp);

/* What was just stored as generation `number`, and what it is when it has become live:
 * its facts are those that were verified, as long as its file is the same. */
void inventory_stored(const struct agent *a, uint32_t i, uint64_t number,
		      struct file_stamp *stamp);
void inventory_live(struct memory *m, uint64_t number, const struct x509_facts *facts,
		    const struct file_stamp *stamp);
