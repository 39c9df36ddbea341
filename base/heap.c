#include "base/heap.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

void heap_init(struct heap *h, uint32_t room)
{
	*h = (struct heap){
		.room = room,
		.order = xcalloc(room, sizeof(*h->order)),
		.place = xcalloc(room, sizeof(*h->place)),
		.key = xcalloc(room, sizeof(*h->key)),
	};
}

void heap_done(struct heap *h)
{
	free(h->order);
	free(h->place);
	free(h->key);
	*h = (struct heap){ .room = 0 };
}

static bool before(const struct heap *h, uint32_t a, uint32_t b)
{
	return h->key[a] != h->key[b] ? h->key[a] < h->key[b] : a < b;
}

static void set(struct heap *h, uint32_t at, uint32_t i)
{
	h->order[at] = i;
	h->place[i] = at + 1;
}

static void rise(struct heap *h, uint32_t at)
{
	const uint32_t i = h->order[at];

	while (at > 0 && before(h, i, h->order[(at - 1) / 2])) {
		set(h, at, h->order[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	set(h, at, i);
}

static void sink(struct heap *h, uint32_t at)
{
	const uint32_t i = h->order[at];

	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child + 1 < h->n && before(h, h->order[child + 1], h->order[child]))
			child++;
		if (child >= h->n || !before(h, h->order[child], i))
			break;
		set(h, at, h->order[child]);
		at = child;
	}
	set(h, at, i);
}

static void settle(struct heap *h, uint32_t i)
{
	rise(h, h->place[i] - 1);
	sink(h, h->place[i] - 1);
}

void heap_put(struct heap *h, uint32_t i, int64_t key)
{
	assert(i < h->room);
	h->key[i] = key;
	if (h->place[i] == 0)
		set(h, h->n++, i);
	settle(h, i);
}

void heap_take(struct heap *h, uint32_t i)
{
	uint32_t at, last;

	if (h->place[i] == 0)
		return;
	at = h->place[i] - 1;
	last = h->order[--h->n];
	h->place[i] = 0;
	if (last == i)
		return;
	set(h, at, last);
	settle(h, last);
}

bool heap_first(const struct heap *h, uint32_t *i, int64_t *key)
{
	if (h->n == 0)
		return false;
	*i = h->order[0];
	*key = h->key[*i];
	return true;
}
