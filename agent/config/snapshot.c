#include "agent/config/snapshot.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/role/spec_image.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#define SLOTS_FIRST 1024

struct snapshot {
	struct buf tables[SPEC_TABLES];
	struct buf text;
	uint32_t *slots; /* owned; open addressing, offsets into text, 0: free */
	size_t n_slots;  /* a power of two */
	size_t n_strings;
	bool full; /* SPEC_MAX was passed: nothing more goes in */
};

static size_t hash(const char *s)
{
	uint64_t h = 0xcbf29ce484222325; /* FNV-1a */

	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3;
	return (size_t)(h ^ h >> 32);
}

/* The slot that holds s, or the free one where it belongs. */
static uint32_t *slot_of(const struct snapshot *b, const char *s)
{
	size_t i = hash(s) & (b->n_slots - 1);

	while (b->slots[i] != 0 && strcmp(b->text.data + b->slots[i], s) != 0)
		i = (i + 1) & (b->n_slots - 1);
	return &b->slots[i];
}

static void grow(struct snapshot *b)
{
	uint32_t *old = b->slots;
	size_t n_old = b->n_slots;

	b->n_slots *= 2;
	b->slots = xcalloc(b->n_slots, sizeof(*b->slots));
	for (size_t i = 0; i < n_old; i++)
		if (old[i] != 0)
			*slot_of(b, b->text.data + old[i]) = old[i];
	free(old);
}

struct snapshot *snapshot_new(void)
{
	struct snapshot *b = xcalloc(1, sizeof(*b));

	b->n_slots = SLOTS_FIRST;
	b->slots = xcalloc(b->n_slots, sizeof(*b->slots));
	buf_add(&b->text, "", 1);
	return b;
}

void snapshot_free(struct snapshot *b)
{
	if (b == NULL)
		return;
	for (unsigned t = 0; t < SPEC_TABLES; t++)
		buf_done(&b->tables[t]);
	buf_done(&b->text);
	free(b->slots);
	free(b);
}

struct text snapshot_text(struct snapshot *b, const char *s)
{
	uint32_t *slot;
	size_t len;

	if (s == NULL || b->full)
		return (struct text){ 0 };
	slot = slot_of(b, s);
	if (*slot != 0)
		return (struct text){ *slot };
	len = strlen(s) + 1;
	if (len > SPEC_MAX - b->text.len) {
		b->full = true;
		return (struct text){ 0 };
	}
	*slot = (uint32_t)b->text.len;
	buf_add(&b->text, s, len);
	if (++b->n_strings * 2 > b->n_slots) {
		grow(b);
		slot = slot_of(b, s);
	}
	return (struct text){ *slot };
}

const char *snapshot_string(const struct snapshot *b, struct text t)
{
	return t.at == 0 ? NULL : b->text.data + t.at;
}

const void *snapshot_records(const struct snapshot *b, enum spec_table table)
{
	return b->tables[table].data;
}

struct list snapshot_add(struct snapshot *b, enum spec_table table, const void *records,
			 size_t n)
{
	struct buf *t = &b->tables[table];
	size_t size = spec_record_size(table);
	struct list l = { (uint32_t)(t->len / size), (uint32_t)n };

	if (n > (SPEC_MAX - t->len) / size)
		b->full = true;
	if (b->full || n == 0)
		return (struct list){ 0 };
	buf_add(t, records, n * size);
	return l;
}

static size_t aligned(size_t at)
{
	return (at + 7) & ~(size_t)7;
}

/* Where everything goes. False: it is larger than a snapshot may be. */
static bool lay_out(const struct snapshot *b, struct spec_head *h)
{
	size_t at = aligned(sizeof(*h));

	*h = (struct spec_head){ .magic = SPEC_MAGIC };
	if (b->full)
		return false;
	for (unsigned t = 0; t < SPEC_TABLES; t++) {
		size_t size = spec_record_size(t);

		h->tables[t].at = (uint32_t)at;
		h->tables[t].n = (uint32_t)(b->tables[t].len / size);
		h->tables[t].size = (uint32_t)size;
		at = aligned(at + b->tables[t].len);
	}
	h->text_at = (uint32_t)at;
	h->text_len = (uint32_t)b->text.len;
	h->len = at + b->text.len;
	return h->len <= SPEC_MAX;
}

static int put(int fd, const void *data, size_t len, size_t at, struct err *e)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = pwrite(fd, p, len, (off_t)at);

		if (n < 0)
			return err_sys(e, "snapshot: write");
		p += n;
		at += (size_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int snapshot_seal(struct snapshot *b, int *fd, struct err *e)
{
	AUTO_FD int out = -1;
	struct spec_head h;

	if (!lay_out(b, &h))
		return err_set(e, ERR_LIMIT, "snapshot: larger than %u MiB",
			       SPEC_MAX >> 20);
	out = memfd_create("snapshot", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (out < 0)
		return err_sys(e, "snapshot: memfd_create");
	TRY(put(out, &h, sizeof(h), 0, e));
	for (unsigned t = 0; t < SPEC_TABLES; t++)
		TRY(put(out, b->tables[t].data, b->tables[t].len, h.tables[t].at, e));
	TRY(put(out, b->text.data, b->text.len, h.text_at, e));
	if (fcntl(out, F_ADD_SEALS,
		  F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return err_sys(e, "snapshot: seal");
	*fd = take_fd(&out);
	return 0;
}
