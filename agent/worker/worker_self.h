/*
 * worker_self: whether tokens of http-01 are to be seen, before a CA is told to look (RFC
 * 8555 8.3): each is asked for at every address that its name has, at port 80.
 *
 * What is wrong is told, and the CA is asked all the same: it may come by another way than
 * this host has to itself. Redirects are followed as a CA follows them, but to nobody who
 * cannot be verified, and by another name to no address of a local network: those are taken
 * for good. It is looked for what has not worked yet, where the challenge says so
 * (self_test).
 */
#pragma once

#include <stddef.h>

struct acme_token;
struct worker;

/* All looks for one order; what there is no time for is not looked at. */
#define WORKER_SELF_MS 3000

void worker_self(struct worker *w, const struct acme_token *tokens, size_t n);
