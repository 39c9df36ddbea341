#include "agent/config/config_index.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

static struct config_entry *slot_of(const struct config_index *ix, uint32_t key)
{
	size_t i = (key * 2654435761u) & (ix->n_slots - 1); /* Knuth 6.4 */

	while (ix->slots[i].key != 0 && ix->slots[i].key != key)
		i = (i + 1) & (ix->n_slots - 1);
	return &ix->slots[i];
}

static void grow(struct config_index *ix)
{
	struct config_index old = *ix;

	ix->n_slots = old.n_slots == 0 ? 64 : old.n_slots * 2;
	ix->slots = xcalloc(ix->n_slots, sizeof(*ix->slots));
	for (size_t i = 0; i < old.n_slots; i++)
		if (old.slots[i].key != 0)
			*slot_of(ix, old.slots[i].key) = old.slots[i];
	free(old.slots);
}

const struct config_entry *config_index_find(const struct config_index *ix,
					     struct text key)
{
	const struct config_entry *found;

	if (ix->n_slots == 0 || key.at == 0)
		return NULL;
	found = slot_of(ix, key.at);
	return found->key == 0 ? NULL : found;
}

void config_index_add(struct config_index *ix, struct text key, uint32_t number,
		      const config_setting_t *at)
{
	assert(key.at != 0);
	if (ix->n * 2 >= ix->n_slots)
		grow(ix);
	*slot_of(ix, key.at) = (struct config_entry){ key.at, number, at };
	ix->n++;
}

void config_index_done(struct config_index *ix)
{
	free(ix->slots);
	*ix = (struct config_index){ 0 };
}
