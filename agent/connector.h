/*
 * connector: how the roles that connect begin: the worker, which goes to CAs, and the
 * probe, which looks at what is served. Both read what a name look-up reads, the worker
 * also what CAs are verified by; they write nothing and run nothing.
 */
#pragma once

#include "agent/roles.h"

struct err;

/* Begin as `role` and enter its sandbox. */
int connector_begin(enum role role, struct role_start *s, struct err *e);
