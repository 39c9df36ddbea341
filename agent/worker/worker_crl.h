/*
 * worker_crl: a worker at a CRL (crlcall.h). It serves no issuer meanwhile, and needs
 * nobody who signs.
 */
#pragma once

struct err;
struct msg;

/* The rule of WORKER_CRL; `worker` is not used. */
int worker_crl(void *worker, struct msg *m, struct err *e);
