/*
 * fake_dns: a name server of our own on loopback, so that tests resolve names without
 * asking anyone. Every name has the addresses it was started with.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct fake_dns {
	pid_t pid;
	uint16_t port;
};

/* `list`, IPv4 and IPv6, ends with NULL. */
bool fake_dns_start(struct fake_dns *d, const char *const *list);

/* This thread asks it from now on, and nobody else. */
void fake_dns_use(const struct fake_dns *d);

void fake_dns_stop(const struct fake_dns *d);
