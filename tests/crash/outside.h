/*
 * outside: who issues, for the world: an ACME server that agrees to everything at once
 * (tests/tools/ca), or an internal CA that does (tests/tools/corp, tests/tools/cmp_ca.c).
 * It stands outside: no crash touches it, and what it has issued is not taken back.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct world;

enum outside {
	OUTSIDE_NONE, /* but the embedded CAs, which are everleaf's own */
	OUTSIDE_ACME,
	OUTSIDE_EST,
	OUTSIDE_EST_PINNED, /* whose root is only known by its fingerprint */
	OUTSIDE_STEP,
	OUTSIDE_CFSSL,
	OUTSIDE_CMP,
	OUTSIDE_EXEC, /* a program; it is no server */
};

/* Start it in BASE/ca. It ends when *fd is closed. False: it did not start. */
bool outside_start(const struct world *w, int *fd);

/* The issuer "ca" that it is, as a line of configuration: everleaf may listen for it at an
 * address that nobody else has. */
void outside_configure(const struct world *w, char *out, size_t size);

/* How many certificates were asked for: ACME's orders. */
unsigned outside_orders(const struct world *w);

/* How often a client broke the RFC, or used a key that is not its account's. */
unsigned outside_faults(const struct world *w);

/* The SHA-256 of the key, in hex, of number `i` that was asked for; false: there are fewer,
 * or it does not say. */
bool outside_key(const struct world *w, unsigned i, char hex[65]);

/* From now on EST names another root besides, which the old one has signed. */
void outside_move(const struct world *w);

/* The accounts that it knows, kept and put back with the world. */
void outside_keep(const struct world *w);
void outside_restore(const struct world *w);
