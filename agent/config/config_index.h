/*
 * config_index: finds what bears a name, and so what bears it twice, in one look
 * however many there are. Keys are strings of the snapshot, where each is kept once:
 * two are the same if their offsets are.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <libconfig.h>

#include "agent/role/spec.h"

struct config_entry {
	uint32_t key;               /* 0: free */
	uint32_t number;            /* as the owner likes */
	const config_setting_t *at; /* where it was named; NULL: built in */
};

struct config_index {
	struct config_entry *slots; /* owned */
	size_t n_slots;
	size_t n;
};

/* The entry of `key`, or NULL. Good until the next config_index_add(). */
const struct config_entry *config_index_find(const struct config_index *ix,
					     struct text key);

/* Add `key`, which is set and not there yet. */
void config_index_add(struct config_index *ix, struct text key, uint32_t number,
		      const config_setting_t *at);

void config_index_done(struct config_index *ix);
