/*
 * keeper_authority: the embedded CA of an issuer between the disk (store/authority.h) and
 * memory (ca/local.h): all of its keys that are not over, and what servers read of them.
 *
 *     load    every key that is not over
 *     roll    one key more, whole on disk before anyone looks at it; then as `save`
 *     save    the list of each, then root.pem and crl.pem of the CA itself: all roots, all
 *             lists; keys that are over go
 *
 * Whoever kills the keeper in between leaves the keys that there were, or those and a new
 * one; what is published follows with the next save, which each certificate brings.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ca/local.h"
#include "ca/local_roll.h"

struct buf;
struct err;
struct keeper;
struct msg;

struct keeper_cas {
	struct local_profile profile;
	const char **permitted; /* owned arrays, of the profile */
	const char **excluded;
	const char *name; /* borrowed from the snapshot */
	int root;
	struct local_ca cas[LOCAL_KEYS_MAX]; /* oldest first */
	unsigned numbers[LOCAL_KEYS_MAX];
	size_t n;       /* 0: it has not been made */
	unsigned count; /* keys that it ever had */
};

#define AUTO_KEEPER_CAS __attribute__((cleanup(keeper_cas_done)))

/* ERR_PROTO: issuer `n` is not an embedded CA. */
int keeper_cas_load(const struct keeper *k, uint64_t n, struct keeper_cas *all,
		    struct err *e);
/* The same, made now if it is not there yet, without keys that are over, and rolled over if
 * that is due: where that fails it is told, and the key that signs goes on. */
int keeper_cas_open(const struct keeper *k, uint64_t n, struct keeper_cas *all,
		    struct err *e);
void keeper_cas_done(struct keeper_cas *all);

/* Begin the next roll-over. ERR_REFUSED: one is under way, as many keys as there may be have
 * certificates that are valid, or the root of now cannot vouch for another (local_cross()). */
int keeper_cas_roll(struct keeper_cas *all, bool at_once, struct err *e);

/* Which of them signs now. */
size_t keeper_cas_signing(const struct keeper_cas *all);

/* Sign all lists anew, with `serial` on each unless that is NULL: serials are random, and
 * which key has signed one is not recorded. As local_crl(). */
int keeper_cas_crl(struct keeper_cas *all, const char *serial, int reason,
		   struct err *e);

/* Write what the lists are by now, and what is published. */
int keeper_cas_save(const struct keeper_cas *all, struct err *e);

/* -- its files, for those that name them -- */

/* Of which embedded CA of ours `path` is `file` of its first key; NULL: of none. Borrowed. */
const char *keeper_cas_named(const struct keeper *k, const char *path,
			     const char *file);
/* *list: where the CRL is of the key of CA `name` whose root or intermediate `ca` is; of
 * the first key, if it is of none. Owned. */
int keeper_cas_list(const struct keeper *k, const char *name, X509 *ca, char **list,
		    struct err *e);

/* As those of keeper.h; in keeper_ca.c. */
int keeper_ca_rollover(void *role, struct msg *m, struct err *e);
int keeper_ca_roots(void *role, struct msg *m, struct err *e);

/* The roots in PEM, that of the key that signs first. Appended. */
int keeper_cas_roots(const struct keeper_cas *all, struct buf *pem, struct err *e);
