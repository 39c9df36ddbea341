/* What a power cut may have left: see power.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/crash/power.h"
#include "tests/crash/promise.h"

#define SECTOR 512u
#define BLOCK  4096u

struct replay {
	struct power *power;
	struct buf all;       /* that was said */
	size_t n_said;        /* of it until now */
	const char *bytes;    /* of what is written */
	struct disk_log open; /* writes after the last flush; borrowed */
	uint64_t stable_hash; /* of the disk without them */
	uint64_t hash;        /* with those that were applied */
};

static uint64_t sector_hash(uint64_t at, const char *data)
{
	return power_hash(power_hash(POWER_HASH_BEGIN, &at, sizeof(at)), data, SECTOR);
}

/* Change the disk, and its hash with it. */
static void apply(struct replay *r, uint64_t at, const char *data, size_t len)
{
	char *now = r->power->disk.now + at;

	for (size_t i = 0; i + SECTOR <= len; i += SECTOR)
		r->hash ^= sector_hash(at + i, now + i) ^ sector_hash(at + i, data + i);
	memcpy(now, data, len);
}

static void apply_write(struct replay *r, size_t i)
{
	const struct disk_record *w = &r->open.all[i];

	if (w->what == DISK_WRITE)
		apply(r, w->at, r->bytes + w->from, w->len);
}

static void look(struct replay *r, const char *what)
{
	struct power *p = r->power;
	unsigned promised = promise_count(r->all.data, r->n_said);
	uint64_t state = power_hash(r->hash, &promised, sizeof(promised));

	if (!power_is_new(&p->states, state) || !power_takes(p))
		disk_copy(&r->open, p->disk.now, p->stable);
	else
		power_look(p, &r->open, r->all.data, r->n_said, what);
	r->hash = r->stable_hash;
}

/* All that was written, in order. */
static void look_at_prefix(struct replay *r)
{
	char what[64];

	for (size_t i = 0; i < r->open.n; i++)
		apply_write(r, i);
	snprintf(what, sizeof(what), "up to write %zu",
		 (size_t)(r->open.all - r->power->log.all) + r->open.n);
	look(r, what);
}

/* What was said must not need anything that came after the last flush. */
static void look_at_none(struct replay *r)
{
	look(r, "as the last flush left it");
}

static void look_without(struct replay *r, size_t missing)
{
	char what[64];

	for (size_t i = 0; i < r->open.n; i++)
		if (i != missing)
			apply_write(r, i);
	snprintf(what, sizeof(what), "without write %zu",
		 (size_t)(r->open.all - r->power->log.all) + missing);
	look(r, what);
}

static void apply_parts(struct replay *r, const struct disk_record *w, size_t piece,
			unsigned of_eight)
{
	const struct volume_kind *kind = r->power->volume.kind;
	size_t n = 0;

	for (size_t at = 0; at < w->len; at += n) {
		n = piece < kind->sector ? kind->sector : piece;
		if ((w->at + at) / BLOCK == kind->super / BLOCK)
			n = BLOCK;
		if (n > w->len - at)
			n = w->len - at;
		if (power_draw(r->power, 8) < of_eight)
			apply(r, w->at + at, r->bytes + w->from + at, n);
	}
}

/* Of each write the pieces that are drawn. */
static void look_at_subset(struct replay *r, unsigned piece, unsigned of_eight)
{
	char what[64];

	for (size_t i = 0; i < r->open.n; i++)
		if (r->open.all[i].what == DISK_WRITE)
			apply_parts(r, &r->open.all[i], piece, of_eight);
	snprintf(what, sizeof(what), "%u of 8 parts of %u bytes of %zu writes from %zu",
		 of_eight, piece, r->open.n, (size_t)(r->open.all - r->power->log.all));
	look(r, what);
}

/* Nothing of `open` can be lost from here on. */
static void settle(struct replay *r)
{
	for (size_t i = 0; i < r->open.n; i++)
		apply_write(r, i);
	disk_copy(&r->open, r->power->stable, r->power->disk.now);
	r->stable_hash = r->hash;
	r->open.all += r->open.n;
	r->open.n = 0;
}

static unsigned writes_in(const struct disk_log *log)
{
	unsigned n = 0;

	for (size_t i = 0; i < log->n; i++)
		n += log->all[i].what == DISK_WRITE;
	return n;
}

static void on_flush(struct replay *r)
{
	static const unsigned pieces[] = { BLOCK, SECTOR, BLOCK, BLOCK };
	static const unsigned of_eight[] = { 4, 6, 2, 6, 5 };
	unsigned n = writes_in(&r->open);

	look_at_prefix(r);
	for (size_t i = 0; n > 1 && i < r->open.n; i++)
		if (r->open.all[i].what == DISK_WRITE)
			look_without(r, i);
	for (unsigned i = 0; n > 0 && i < r->power->subsets; i++)
		look_at_subset(r, pieces[i % 4], of_eight[i % 5]);
	settle(r);
}

static void hear_all(struct replay *r, const struct disk_log *log)
{
	buf_puts(&r->all, "\n");
	for (size_t i = 0; i < log->n; i++)
		if (log->all[i].what == DISK_SAID)
			buf_add(&r->all, log->bytes.data + log->all[i].from,
				log->all[i].len);
	r->n_said = 1;
}

void power_replay(struct power *p)
{
	const struct disk_log *log = &p->log;
	struct replay r = { .power = p, .bytes = log->bytes.data };

	hear_all(&r, log);
	r.open.all = log->all;
	p->trees.n = p->states.n = 0;
	p->figures.n_writes += writes_in(log);
	for (size_t i = 0; i < log->n; i++) {
		switch (log->all[i].what) {
		case DISK_WRITE:
			look_at_prefix(&r);
			break;
		case DISK_FLUSH:
			p->figures.n_flushes++;
			on_flush(&r);
			break;
		case DISK_SAID:
			r.n_said += log->all[i].len;
			look_at_none(&r);
			look_at_prefix(&r);
			break;
		}
		r.open.n++;
	}
	on_flush(&r);
	buf_done(&r.all);
}
