/* print_own: what people see of the CRLs that our own certificates may be on. */
#pragma once

struct agent;
struct buf;
struct json;
struct table;
struct err;

#include <stdbool.h>
#include <stdint.h>

#include "agent/status_view.h"

/* All of them, or those with which something is wrong, as a table. */
void own_show(const struct agent *a, bool all);
/* "own_crls" of `status --json` and `crl --json`; empty unless `all`. */
void own_json(const struct agent *a, bool all, struct json *j);

/* Those that are looked at until then, for `plan`. */
void own_plan(const struct agent *a, struct table *t, int64_t until);
void own_plan_json(const struct agent *a, struct json *j, int64_t until);

/* What is known of certificate `i`, if it is revoked: notes of its row, and "revocation". */
int own_note(const struct agent *a, uint32_t i, struct table *t, struct err *e);
int own_note_json(const struct agent *a, uint32_t i, struct json *j, struct err *e);

/* A sample of each: when it was last looked at (`seen`), or when it ends. */
void own_samples(const struct agent *a, struct buf *out, const char *name, bool seen);

/* How bad it is that list `i` is as it is, and the word for that; where it comes from, owned. */
enum health own_health(const struct agent *a, uint32_t i, int64_t now,
		       const char **word);
char *own_url(const struct agent *a, uint32_t i);

/* Whether any could not be looked at. */
bool own_has_failed(const struct agent *a);
