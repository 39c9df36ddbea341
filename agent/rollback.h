/* rollback: which earlier generation a person can go back to. */
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
