/*
 * peers: what an agent is told by those around it that behave, for tests that change it: by
 * a keeper that makes no keys and writes nothing, by a supervisor that runs no program, by
 * workers and probes without a network.
 *
 *     peers_begin(&p);                a CA and a key; p.root is for the configuration
 *     peers_know(&p, &spec);          a certificate of that CA for each of the snapshot
 *     peers_keep(&p, &in, &out); ...  out begins as what answers in
 *     peers_end(&p);
 *
 * What a keeper is asked to store has to be of the right names and key, or the test fails.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/role/spec.h"
#include "base/buf.h"
#include "base/msg.h"
#include "ca/local.h"

#define PEERS_TOKEN "DGyRejmCefe7v4NfDGDKfA"

struct peers {
	const struct spec *spec; /* borrowed */
	struct local_profile profile;
	struct local_ca ca;
	EVP_PKEY *key;
	struct buf spki, root; /* of that key; of the CA, in PEM */
	char **chains;         /* owned: of each certificate, with the CA's behind */
	bool any_key;          /* the agent may have been told of another */
	uint32_t n_stored;
	/* What the keeper does with a set, and its number; and with the one that is to be
	 * live. NULL: nothing. */
	uint64_t (*store)(const char *name, const char *leaf, const char *meta);
	void (*live)(const char *name, uint64_t number);
};

void peers_begin(struct peers *p);
void peers_know(struct peers *p, const struct spec *spec);
void peers_end(struct peers *p);

/* The keeper; only what it may be asked. */
void peers_keep(struct peers *p, struct msg *in, struct msg *out);

/* The supervisor; but for workers and probes, which the test brings. */
void peers_supervise(const struct peers *p, const struct msg *in, struct msg *out);

/* The certificate that an order is for; the first: it is none. */
uint32_t peers_ordered(const struct peers *p, const struct msg *order);

/* A worker or probe, asked for something, where that is an order for `cert`. */
void peers_work(const struct peers *p, const struct msg *asked, uint32_t cert,
		struct msg *out);

/* What a worker says of an order that it is at: one token of it is to be shown, or the
 * order is over, as its name is refused. `m` is begun. */
void peers_checkpoint(const struct peers *p, const struct msg *order, bool is_over,
		      struct msg *m);

/* `out` becomes a refusal of what had that id. */
void peers_refuse(struct msg *out, uint32_t id);
