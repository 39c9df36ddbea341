/*
 * acme_server: an ACME server for the world: tests/tools/ca, which agrees to everything at once.
 * It stands outside: no crash and no restoring of the world touches it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct world;

/* Start it in BASE/ca. It ends when *fd is closed. False: it did not start. */
bool acme_server_start(const struct world *w, int *fd);

/* The issuer "ca" that it is, as a line of configuration. */
void acme_server_configure(const struct world *w, char *out, size_t size);

/* How many orders were made. */
unsigned acme_server_orders(const struct world *w);
