/*
 * http: what the agent says of itself to whoever asks the responder (setting `http`):
 * /metrics as metrics.h writes it, from what is in memory and, of the state database, what
 * endpoints were last seen to serve; /status.json as `status --json` prints it. Made when
 * somebody asks.
 */
#pragma once

#include "agent/responder/responder_reply.h"

struct agent;
struct err;

/* The text of `page`, sealed, in *fd, which is the caller's then; -1: it has none. */
int http_page(struct agent *a, enum responder_page page, int *fd, struct err *e);
