/*
 * keeper_est: what a worker needs for an enrolment (ca/est.h), each of it on its own, so
 * that it is given no more than it asks for: the request; who enrols for the first time, by
 * a password or a certificate; the live certificate. The key of a certificate takes part in
 * the handshake and so leaves the keeper, for this job alone of a worker that does no other
 * (pool.h).
 *
 * A request says what the CA wants in it (csrattrs): of a closed list, which has nothing of
 * a CA.
 *
 * The request is kept beside the key that waits: one that the CA wants again has to be the
 * same. A renewal has the subject of what is live (RFC 7030 4.2.2), and the first request
 * its first name for one.
 */
#pragma once

struct err;
struct msg;

/* The messages SIGN_EST*, and SIGN_LIVE of whatever protocol, on a socket that was lent. */
int keeper_sign_est(void *lent, struct msg *m, struct err *e);
int keeper_sign_est_user(void *lent, struct msg *m, struct err *e);
int keeper_sign_est_first(void *lent, struct msg *m, struct err *e);
int keeper_sign_live(void *lent, struct msg *m, struct err *e);
