/*
 * probe_show: all that an endpoint shows, for `inspect`.
 *
 * Every address is asked once, one after the other; each answer is a message on its own
 * (PROBE_SHOWN), which the supervisor passes on as it is: the one that explains it has no
 * network, and the one that has a network explains nothing. Nothing is verified here.
 */
#pragma once

#include <stdint.h>

struct err;

/* How far it went with an address. */
enum probe_stage {
	STAGE_RESOLVE,
	STAGE_CONNECT,
	STAGE_STARTTLS,
	STAGE_HANDSHAKE,
	STAGE_DONE,
	STAGES,
};

#define LIMIT_SHOWN_CERTS 20
#define LIMIT_SHOWN_BYTES (64 * 1024) /* of all in DER; a chain of ten has 20 */

struct probe_show {
	const char *label; /* as it was asked for */
	const char *host;  /* a name, an address, or the path of a socket */
	const char *port;  /* NULL: of a socket */
	uint32_t proto;    /* enum probe_proto */
};

/* Send what is found to `sock`. ERR_NET: nobody listens there any more. */
int probe_show(const struct probe_show *what, int sock, struct err *e);
