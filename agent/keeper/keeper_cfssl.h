/*
 * keeper_cfssl: what a worker sends to a CFSSL server (ca/cfssl.h), as JSON built here from
 * what its ticket is for, and its MAC: so the key of that never leaves the keeper, nor is
 * anything authenticated that the keeper did not say itself.
 */
#pragma once

struct err;
struct msg;

/* The message SIGN_CFSSL, on a socket that was lent. */
int keeper_sign_cfssl(void *lent, struct msg *m, struct err *e);
