/*
 * spec_image: how a snapshot lies in memory, for the one that writes it (snapshot.c)
 * and the one that believes nothing of it (spec_check() below).
 *
 * A head, then the tables, each on 8 bytes, then the text: it starts with a NUL, so
 * that offset 0 is no string, and ends with one, so that every string ends.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/role/spec.h"

#define SPEC_MAGIC "everleaf snapshot 1"

struct spec_head {
	char magic[24];
	uint64_t len; /* of the whole */
	struct {
		uint32_t at;
		uint32_t n;
		uint32_t size; /* of one record: both ends are of one build */
	} tables[SPEC_TABLES];
	uint32_t text_at;
	uint32_t text_len;
};

/* The size of one record of `table`. */
size_t spec_record_size(enum spec_table table);

/* Fill *s from the len bytes at `map` (aligned to 8), which become its. ERR_PROTO if
 * anything in them points where it must not; *s is then as before. */
int spec_check(void *map, size_t len, struct spec *s, struct err *e);

/* [A-Za-z0-9._-], 1 to 200 of them, no dot or hyphen first: what may be the name of a
 * folder of ours, and an argument of a command. */
bool spec_is_plain_name(const char *name);
