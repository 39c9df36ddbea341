/*
 * keeper: holds the keys and writes the files; does what is on one closed list.
 *
 * It is told numbers of the snapshot and data, never a path, and signs nothing that it
 * did not build itself. Which requests it takes depends on the command that the
 * supervisor started it for: for `plan` it only looks.
 *
 *     keeper_role.c       begin, the list, the loop
 *     keeper_store.c      keys, generations, files
 *     keeper_ca.c         the embedded CA
 *     keeper_challenge.c  http-01 tokens in webroots
 *     keeper_sweep.c      what crashes leave behind
 */
#pragma once

#include <stdint.h>

#include "agent/roles.h"

struct err;
struct msg;

enum keeper_state {
	KEEPER_LOOKS,   /* plan, status, renew --dry-run */
	KEEPER_RENEWS,  /* renew, agent, rollback, revoke */
	KEEPER_FORGETS, /* forget */
	KEEPER_SIGNS,   /* ca */
	KEEPER_OPENS,   /* account: its key, to work with the account */
	KEEPER_STATES,
};

struct keeper {
	struct role_start start;
	enum keeper_state state;
	int root; /* the state directory */
};

enum keeper_state keeper_state_for(const struct request *r);

/* Each reads its fields from m (messages.h) and leaves the answer in it. */
int keeper_stamp(void *role, struct msg *m, struct err *e);
int keeper_audit(void *role, struct msg *m, struct err *e);
int keeper_key(void *role, struct msg *m, struct err *e);
int keeper_store(void *role, struct msg *m, struct err *e);
int keeper_live(void *role, struct msg *m, struct err *e);
int keeper_prune(void *role, struct msg *m, struct err *e);
int keeper_forget(void *role, struct msg *m, struct err *e);
int keeper_issue(void *role, struct msg *m, struct err *e);
int keeper_ca_init(void *role, struct msg *m, struct err *e);
int keeper_ca_sign(void *role, struct msg *m, struct err *e);
int keeper_ca_revoke(void *role, struct msg *m, struct err *e);
int keeper_ca_crl(void *role, struct msg *m, struct err *e);
int keeper_present(void *role, struct msg *m, struct err *e);
int keeper_withdraw(void *role, struct msg *m, struct err *e);

/* Remove what runs that were cut short have left. What cannot be removed is logged. */
void keeper_sweep(const struct keeper *k);

/* Certificate number `n` of the snapshot, ERR_PROTO if there is none. */
int keeper_cert(const struct keeper *k, uint64_t n, const struct spec_cert **cert,
		struct err *e);
const char *keeper_text(const struct keeper *k, struct text t);
