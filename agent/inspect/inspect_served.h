/*
 * inspect_served: what an endpoint shows at one of its addresses, as the probe tells it.
 *
 * The first that shows a certificate makes the items of the endpoint; an address that
 * shows another is an input of its own, and a finding.
 */
#pragma once

struct err;
struct inspect;
struct msg;

/* Of a message INSPECT_SERVED. ERR_PROTO: it is none. */
int inspect_served(struct inspect *in, struct msg *m, struct err *e);

/* When all addresses have been told of: what is wrong with the whole. */
void inspect_served_all(struct inspect *in);
