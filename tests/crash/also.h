/*
 * also: what must hold besides sets and files: of lists that servers are given, of roots,
 * of keys that somebody else has issued for.
 *
 * Each returns NULL, or what is wrong, in `why`. Without `is_end` it is what whoever looks
 * may find after a crash; with it what the run after it has made of that.
 */
#pragma once

#include "tests/crash/check.h"

struct crash_case;
struct world;

/* Every key that the issuer has signed since it had `before` orders is still there: of a
 * generation, or waiting for one. */
const char *also_keys(const struct crash_case *c, const struct world *w,
		      unsigned before, char why[CHECK_WHY]);

/* The list of the CA "lab" is whole, in both forms, which are the same in the end unless
 * a call has failed; and if all was done, generation 1 of www is on it. */
const char *also_revoked(const struct world *w, bool is_end, unsigned how,
			 char why[CHECK_WHY]);

/* The files of the list of the CA "flat" are whole, one of its lists each; in the end the
 * last one, everywhere, and the hook has run. */
const char *also_lists(const struct world *w, bool is_end, unsigned how,
		       char why[CHECK_WHY]);

/* Roots are those that the issuer had, or has, whole, in the store and in out/bundle.pem; in
 * the end those that it has. */
const char *also_roots(const struct world *w, bool is_end, unsigned how,
		       char why[CHECK_WHY]);
