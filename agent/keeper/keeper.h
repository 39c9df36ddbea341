/*
 * keeper: holds the keys and writes the files; does what is on one closed list.
 *
 * It is told numbers of the snapshot and data, never a path, and signs nothing that it
 * did not build itself. Which requests it takes depends on the command that the
 * supervisor started it for: for `plan` it only looks.
 *
 * A worker that speaks ACME asks it on a socket of its own (lend.h), for what the agent
 * has said that socket is for. No peer can keep it from serving the others: a worker
 * that does not take its answers loses its socket.
 *
 * It may write below the folders that the configuration names as they were when it began.
 * One that was replaced or mounted over since is another folder, and closed to it: then
 * the keeper does not answer but ends, supervisor and agent begin again from disk as
 * after a crash, and the next keeper is let into what is there now.
 *
 *     keeper_role.c       begin, the list of what the agent may ask
 *     keeper_serve.c      the loop
 *     keeper_key.c        keys of certificates
 *     keeper_waiting.c    ... those that wait; keeper_twice.h: that are an account's too
 *     keeper_store.c      generations
 *     keeper_batch.h      ... and links, for which the disk is waited for together
 *     keeper_files.c      files outside the store
 *     keeper_stamp.c      ... whether anything has changed there
 *     keeper_foreign.c    ... and what somebody else has put there
 *     keeper_ca.c         the embedded CA, keeper_authority.h; keeper_crl.h: CRLs; keeper_roots.h
 *     keeper_lend.c       the list of what workers may ask
 *     keeper_sign.c       ... what is signed for them; keeper_csr.c: requests
 *     keeper_account.c    ... ACME accounts; the others have a file each
 *     keeper_challenge.c  http-01 tokens; keeper_txt.c: dns-01 records
 *     keeper_sweep.c      what crashes leave behind
 *     keeper_stranger.c   certificates that are not ours
 *     keeper_watch.c      what somebody else changes meanwhile; keeper_places.c: where
 */
#pragma once

#include <stdint.h>

#include "agent/keeper/child.h"
#include "agent/keeper/keeper_batch.h"
#include "agent/role/keeper_state.h"
#include "agent/role/lend.h"
#include "agent/role/roles.h"
#include "base/buf.h"
#include "base/file.h"
#include "store/account.h"

#define REASON_LAST 10  /* RFC 5280 5.3.1 */
#define KEEPER_KEYS 128 /* twice as many as there are jobs at once */

struct err;
struct keeper_making;
struct keeper_step;
struct keeper_watch;
struct msg;
struct pollfd;

/* The account at one issuer: read from disk when it is first needed, then kept. */
struct keeper_account {
	bool is_read;
	bool lost; /* a worker says that the CA does not know its URL any more */
	struct buf folder; /* its name below accounts/, see store/account.h */
	struct account disk;
	struct keeper_step *step; /* owned: keeper_step.h; NULL: none */
};

/*
 * What this process knows of one certificate by its own doing. An order needs its key
 * three times, and to read one takes as long as five signatures: so it stays until its
 * certificate has come. The disk is ahead of this: a key is durable before it is here,
 * nobody else writes there, and what is not here is read from there.
 */
struct keeper_key {
	const struct spec_cert *cert; /* borrowed; NULL: of none */
	EVP_PKEY *key;                /* owned, it waits; NULL: none does */
	struct buf pem;               /* it, as it is stored; empty: not ours */
	struct buf csr;               /* ... the user's request for it, in DER */
	struct buf spki;              /* its public half */
};

/* A socket that was lent. */
struct keeper_lent {
	struct keeper *keeper;
	int fd; /* owned; -1: over */
	struct lend_ticket ticket;
};

struct keeper {
	struct role_start start;
	enum keeper_state state;
	int root;                        /* the state directory */
	struct keeper_account *accounts; /* owned, by issuer */
	struct keeper_lent *lent;        /* owned, LEND_MAX */
	size_t n_lent;
	struct keeper_making *making; /* owned: keys that are asked for and not there */
	struct keeper_watch *watch; /* owned; NULL: nobody stays, see keeper_watch.h */
	struct child strangers;     /* that looks at them; fd -1: none does */
	struct keeper_key keys[KEEPER_KEYS]; /* by number of the certificate */
	/* Owned, by certificate: a generation that this process has stored; 0: none. */
	uint64_t *stored;
	int64_t begun_ms; /* clock_boot_ms() */
	bool shut_out;    /* it ends, see keeper_failed() */
	size_t n_staged;
	struct keeper_staged staged[KEEPER_BATCH];
	size_t n_moved;
	struct keeper_moved moved[KEEPER_BATCH];
};

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
int keeper_lend(void *role, struct msg *m, struct err *e);
int keeper_present(void *role, struct msg *m, struct err *e);
int keeper_withdraw(void *role, struct msg *m, struct err *e);
int keeper_strangers(void *role, struct msg *m, struct err *e);

/* Serve the agent by `rules`, and who was lent a socket by theirs, until the agent or the
 * supervisor lets go. */
int keeper_serve(struct keeper *k, const struct msg_rule *rules, size_t n,
		 struct err *e);

/*
 * What has to be said of a request that failed for `e` on a path of the configuration
 * outside the state directory: e->code; or 0 with nothing to say in `m`, where the sandbox
 * may be what is in the way and this keeper ends. Once in KEEPER_ANEW_MS: who swaps folders
 * for ever has his own files fail, and nobody else's.
 */
#define KEEPER_ANEW_MS 60000
int keeper_failed(struct keeper *k, struct msg *m, const struct err *e);

/* One request on a socket that was lent. Not 0: that socket is over. */
int keeper_lent_answer(struct keeper_lent *l, struct err *e);

/* Whether it is that of an account of ours (RFC 7638). */
bool keeper_has_thumbprint(const struct keeper *k, const char *thumbprint);

/* Keys that are made meanwhile (keymaker.h): where they will come from, at most
 * KEYMAKERS_MAX; one has come from `fd`: keep it and answer; let go of all. */
size_t keeper_making_fill(const struct keeper *k, struct pollfd *p);
int keeper_making_answer(struct keeper *k, int fd, struct err *e);
void keeper_making_end(struct keeper *k);

/* The key that waits for the certificate of `c`: *waits is borrowed until something else
 * is asked of the keeper, and has no key if none waits; with `csr`, its public half. */
int keeper_waiting(struct keeper *k, const struct spec_cert *c,
		   struct keeper_key **waits, struct err *e);
/* `key`, which is durable, waits from now on. The caller keeps its own reference. */
int keeper_waiting_set(struct keeper *k, const struct spec_cert *c, EVP_PKEY *key,
		       struct err *e);
/* ... which is made durable first. */
int keeper_waiting_keep(struct keeper *k, const struct spec_cert *c, EVP_PKEY *key,
			struct err *e);
/* It does not wait any more: it was stored with its certificate as that generation. */
void keeper_waiting_stored(struct keeper *k, const struct spec_cert *c,
			   uint64_t number);
/* Whether that generation was stored by this process, with the key that it is for. */
bool keeper_has_stored(const struct keeper *k, const struct spec_cert *c,
		       uint64_t number);
void keeper_waiting_end(struct keeper *k);

/* Remove what runs that were cut short have left. What cannot be removed is logged. */
void keeper_sweep(const struct keeper *k);

/* Certificate number `n` of the snapshot, ERR_PROTO if there is none. */
int keeper_cert(const struct keeper *k, uint64_t n, const struct spec_cert **cert,
		struct err *e);
bool keeper_issues(const struct keeper *k, const struct spec_cert *c, uint64_t issuer);
/* The names of `c`: c->names.n, owned, and the strings borrowed. */
struct name *keeper_names(const struct keeper *k, const struct spec_cert *c);
const char *keeper_text(const struct keeper *k, struct text t);
/* Whose the live key of `c` is to be, and that file. */
struct file_access keeper_key_access(const struct spec_cert *c);
struct file_access keeper_file_access(const struct spec_file *f);
/* The password in the file at `path`, its first line. */
int keeper_password(const struct keeper *k, struct text path, struct buf *password,
		    struct err *e);
/* Of what is live of `c` and of its files: another one where anybody was at them, or where
 * something else is asked for. */
uint64_t keeper_stamp_cert(const struct keeper *k, const struct spec_cert *c);
