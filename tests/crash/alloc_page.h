/*
 * alloc_page: what a campaign and the programs that it runs share in one file: how many
 * allocations each role has made, which of them fails, and who asked for each.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define ALLOC_ROLES 8
#define ALLOC_MAX   65536 /* of one role that are told apart */

/* Names the file in the environment of the supervisor. */
#define ALLOC_PAGE "EVERLEAF_ALLOC"

struct alloc_role {
	char program[24]; /* "everleaf-keeper"; "": no role */
	uint32_t at;      /* the first is 1; 0: none fails */
	bool onward;      /* and all that follow */
	bool traces;      /* note in `who` who asks */
	atomic_uint n;
	atomic_bool reached;
	uint32_t who[ALLOC_MAX]; /* a hash of those who called */
};

struct alloc_page {
	struct alloc_role roles[ALLOC_ROLES];
};
