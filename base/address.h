/*
 * address: whether an address is one that a URL from outside has no business to lead to:
 * this host, what is on the same wire without a router, and the services that tell a
 * virtual machine its secrets. A name may be looked up as any of them, so it is asked
 * about the address that is connected to. Addresses of private networks are others: that
 * is where internal CAs are.
 */
#pragma once

struct sockaddr;

/* "of this host", "link-local" ...: why not; NULL: it may be asked. Static. */
const char *address_local(const struct sockaddr *to);
