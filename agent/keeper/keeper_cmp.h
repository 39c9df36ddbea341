/*
 * keeper_cmp: what a worker needs at a CMP server (ca/cmp.h), each of it on its own: the
 * request, with the new key's signature in it, so that this key stays here; who enrols for
 * the first time. The live certificate with its key is given as for EST (keeper_est.h).
 *
 * A renewal is asked for by a kur that names what it replaces and has its subject; the
 * first certificate as the issuer says (`cmd`); the user's own request by a p10cr.
 */
#pragma once

struct err;
struct msg;

/* The messages SIGN_CMP*, on a socket that was lent. */
int keeper_sign_cmp(void *lent, struct msg *m, struct err *e);
int keeper_sign_cmp_first(void *lent, struct msg *m, struct err *e);
