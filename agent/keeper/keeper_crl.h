/*
 * keeper_crl: CRLs for servers: which CAs they are of, where a worker writes what it
 * fetches, what is kept of it, and the files that are made of that (store/crlset.h).
 *
 * What is in them is the worker's to understand: here they are octets, and the files of
 * the configuration (certificates of CAs, a list in a file) are all that is read.
 */
#pragma once

#include <stdint.h>

struct err;
struct keeper;
struct msg;
struct spec_crl;

/* As those of keeper.h. */
int keeper_crl_cas(void *role, struct msg *m, struct err *e);
int keeper_crl_stage(void *role, struct msg *m, struct err *e);
int keeper_crl_keep(void *role, struct msg *m, struct err *e);
int keeper_crl_write(void *role, struct msg *m, struct err *e);
int keeper_crl_forget(void *role, struct msg *m, struct err *e);

/* Of what is written of `c`: another one where anybody was at it. */
uint64_t keeper_stamp_crl(const struct keeper *k, const struct spec_crl *c);
