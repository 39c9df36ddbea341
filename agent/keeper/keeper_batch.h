/*
 * keeper_batch: what the keeper has done for several certificates and the disk has to be
 * waited for: once for all of them, when the agent asks for nothing else. Until then
 * none is answered for.
 */
#pragma once

#include <stdint.h>

#include "store/generation.h"

#define KEEPER_BATCH 8 /* as many as the agent asks for at once */

struct err;
struct keeper;
struct spec_cert;

/* A generation that was staged and is not durable yet. */
struct keeper_staged {
	const struct spec_cert *cert;
	uint32_t id;                  /* of the question */
	struct generation generation; /* owned */
};

/* A live link that was moved and is not durable yet. */
struct keeper_moved {
	const struct spec_cert *cert;
	uint32_t id; /* of the question */
};

/* Make the generations durable that were staged, and answer for each. */
int keeper_keep(struct keeper *k, struct err *e);

/* The same of the links that were moved. */
int keeper_settle(struct keeper *k, struct err *e);

/* Forget what was staged. */
void keeper_staged_end(struct keeper *k);
