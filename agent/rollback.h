/* rollback: which generation that is kept can be made live: asked for, or since none is. */
#pragma once

#include <stdint.h>

struct agent;
struct err;

/*
 * The certificate that the request names and the generation to make live: the one that
 * was asked for, or the newest below the live one that has not expired. ERR_CONFIG says
 * why there is none. Nothing else will be done in this run.
 */
int rollback_choose(struct agent *a, uint32_t *cert, uint64_t *generation,
		    struct err *e);

/* Where nothing is live of certificate `cert`, though a generation of it is kept that is whole,
 * valid, not revoked and what the configuration asks for: the newest is held, so that it is
 * installed, and none is ordered. While the loop runs only its public part is looked at. */
int rollback_missing(struct agent *a, uint32_t cert, struct err *e);
