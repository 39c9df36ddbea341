/*
 * service: what uses the certificate "www" in the world: tests/tools/serve. It serves
 * w/served.pem, which the hook makes of what is live.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct world;

/* Start it. It ends when *fd is closed. False: it did not start. */
bool service_start(const struct world *w, int *fd);

/* Where it is probed, as a line of configuration. */
void service_configure(const struct world *w, char *out, size_t size);
