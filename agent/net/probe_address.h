/* probe_address: where an endpoint is, and a connection to it. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct err;

#define PROBE_ADDRESS_MAX 8 /* of one endpoint; more are not looked at */

struct probe_address {
	struct sockaddr_storage sa;
	socklen_t len;
	char text[128]; /* "192.0.2.1:443", "[2001:db8::1]:443", "/run/x.sock" */
};

/* All addresses of host and port, or the socket if host is a path. ERR_NET: none. */
int probe_resolve(const char *host, const char *port, struct probe_address *list,
		  size_t *n, struct err *e);

/* *fd: connected and non-blocking, the caller's. ERR_NET, e->sysno if one is known. */
int probe_connect(const struct probe_address *a, int64_t until_ms, int *fd,
		  struct err *e);
