/*
 * keeper_step: what a worker needs at a step-ca (ca/step.h): the request, and tokens. Each
 * token is for one thing at the CA of the ticket, for the names of the request that is made
 * here, and for five minutes; its key stays here:
 *
 *     that of a JWK provisioner, in what the CA gives to everybody, by password_file, or
 *         in a file, as JWE, JWK or PEM;
 *     of an X5C provisioner, in files;
 *     of the live certificate, for the renewal of what has ended.
 *
 * A password is hashed a hundred thousand times: what it opens is kept until either is
 * another.
 */
#pragma once

struct err;
struct keeper_step;
struct msg;

/* The messages SIGN_STEP*, on a socket that was lent. */
int keeper_sign_step_csr(void *lent, struct msg *m, struct err *e);
int keeper_sign_step(void *lent, struct msg *m, struct err *e);

/* The key of an issuer's provisioner. */
void keeper_step_free(struct keeper_step *s);
