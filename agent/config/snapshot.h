/*
 * snapshot: building what spec.h maps. Only the config role does.
 *
 *     snapshot_new(); ...; cert.name = snapshot_text(b, "www");
 *     cert.files = snapshot_add(b, SPEC_FILES, files, n); ...
 *     snapshot_seal(b, &fd, e);
 */
#pragma once

#include <stddef.h>

#include "agent/role/spec.h"

struct snapshot;

struct snapshot *snapshot_new(void);
void snapshot_free(struct snapshot *b);

/* Put a string, once however often it is asked for. NULL gives "not set". */
struct text snapshot_text(struct snapshot *b, const char *s);

/* The string again, NULL if not set. Good until the next snapshot_text(). */
const char *snapshot_string(const struct snapshot *b, struct text t);

/* Append n records to a table. */
struct list snapshot_add(struct snapshot *b, enum spec_table table, const void *records,
			 size_t n);

/* The records of a table; good until the next snapshot_add(). */
const void *snapshot_records(const struct snapshot *b, enum spec_table table);

/* Write it all into a memfd, sealed against every change. The caller owns *fd. */
int snapshot_seal(struct snapshot *b, int *fd, struct err *e);
