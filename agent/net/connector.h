/*
 * connector: how the roles that connect begin: the worker, which goes to CAs, and the
 * probe, which looks at what is served. Both read what a name look-up reads, the worker
 * also what CAs are verified by; they open nothing to write and run nothing. A CRL the
 * worker writes to a file that the keeper has opened for it (crlcall.h), and no more than
 * the largest `max_size`.
 */
#pragma once

#include "agent/role/roles.h"

struct err;

/* Begin as `role` and enter its sandbox. */
int connector_begin(enum role role, struct role_start *s, struct err *e);
