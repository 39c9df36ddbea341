/*
 * probe: which certificate does an endpoint really serve? Runs in a worker.
 *
 * A handshake with SNI, without session resumption, on each address of the endpoint (at
 * most 8), each within 5 s; nothing is verified but the leaf's SHA-256. An endpoint is NEW
 * when every address showed the wanted leaf `PROBE_ROWS` times in a row; handshakes are
 * repeated every 200 ms until that is so or the deadline has passed, because a server
 * takes its time to let old workers go. Where all that answer still show another leaf, the
 * end may come sooner than where one does not answer (`stale_ms`). One that shows another
 * leaf than ours is asked for what it has for keys of another kind: so both certificates of a
 * server with one of ECDSA and one of RSA can be proven. Then the address that was last seen
 * worst decides: DOWN before OTHER before OLD. An address that this host has no route to (IPv6 on a host
 * without) is left out if another one can be judged.
 *
 * Whether the chain is shown with the wanted leaf is said, and changes no verdict.
 *
 * SIGPIPE must be ignored.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/role/verdict.h"

struct err;

#define PROBE_ROWS        3
#define PROBE_DEADLINE_MS 30000
#define PROBE_GLANCE_MS   3000 /* where a hook waits, and the old leaf is no surprise */

struct probe_request {
	const char *host;    /* a name, an address, or the path of a socket */
	const char *port;    /* decimal; not looked at for a socket */
	const char *name;    /* SNI; NULL: none */
	uint32_t proto;      /* enum probe_proto */
	uint8_t wanted[32];  /* SHA-256 of the leaf */
	uint8_t old[32];     /* all zero: there was none */
	bool chained;        /* a chain belongs to the wanted one */
	int64_t deadline_ms; /* for the whole request; 0: one handshake per address */
	int64_t stale_ms; /* ... where it answers, and shows another leaf; 0: the first
				such look decides */
};

struct probe_result {
	enum probe_verdict verdict;
	uint8_t seen[32]; /* of the address that decided; zero when DOWN */
	char detail[256]; /* "192.0.2.1:443: connection refused" */
	enum probe_chain
	    chain; /* ... with the wanted leaf: the worst of all addresses */
};

/* Always comes to a verdict; a failure to find out is DOWN with its reason. */
void probe_endpoint(const struct probe_request *r, struct probe_result *out);
