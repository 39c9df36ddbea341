/*
 * meta: what is written beside each generation, meta.json: which leaf it was stored with,
 * and by whom that was issued. It outlives what the agent remembers.
 */
#pragma once

#include <stdint.h>

struct buf;
struct err;
struct x509_facts;

struct meta {
	char issuer[128];     /* name in the configuration; "": not told */
	char fingerprint[65]; /* of the leaf, hex; "": not told */
};

/* The document. */
void meta_put(struct buf *out, const char *name, const char *issuer, const char *why,
	      const struct x509_facts *facts);

/* What `text`, which meta_put() has written, says. What it does not say is "". */
void meta_parse(const char *text, struct meta *m);

/* That of generation `number` of `name` below the state directory `root`; one that is
 * not there says nothing. */
void meta_read(int root, const char *name, uint64_t number, struct meta *m);
