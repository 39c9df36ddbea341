/*
 * acme_server: an ACME server for the world: tests/tools/ca, which agrees to everything at once.
 * It stands outside: no crash touches it, and what it has issued is not taken back.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct world;

/* Start it in BASE/ca. It ends when *fd is closed. False: it did not start. */
bool acme_server_start(const struct world *w, int *fd);

/* The issuer "ca" that it is, as a line of configuration: everleaf may listen for it at an
 * address that nobody else has. */
void acme_server_configure(const struct world *w, char *out, size_t size);

/* How many orders were made. */
unsigned acme_server_orders(const struct world *w);

/* How often a client broke the RFC, or used a key that is not its account's. */
unsigned acme_server_faults(const struct world *w);

/* The accounts that it knows, kept and put back with the world. */
void acme_server_keep(const struct world *w);
void acme_server_restore(const struct world *w);
