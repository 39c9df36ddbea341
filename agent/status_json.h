/*
 * status_json: the document of `status --json`, also while the agent runs.
 */
#pragma once

#include <stdbool.h>

struct agent;
struct err;
struct page_writer;

/* Of all certificates, or of those that are wanted. What is remembered is that of
 * a->memories, or where the agent has none, of the state database. */
int status_json(struct agent *a, bool all, struct page_writer *p, struct err *e);
