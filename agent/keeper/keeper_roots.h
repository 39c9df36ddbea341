/*
 * keeper_roots: the roots of issuers, and files that hold them.
 *
 *     <root>/roots/NAME.pem    those that the issuer is trusted by (agent/rootwatch.h)
 *     <root>/roots/NAME.seen   all CA certificates that it named last
 *
 * A file with roots (`content = "ca"` and the like) holds those of all issuers of its
 * certificate, and what its live certificate came with, each once. When another generation
 * becomes live it holds the roots of both before the live link moves: whoever kills this
 * process leaves the old ones or both, never less.
 *
 * Nothing is parsed here: certificates are blocks of PEM, compared as text.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct err;
struct keeper;
struct msg;
struct set;
struct spec;
struct spec_cert;

/* As those of keeper.h. */
int keeper_roots(void *role, struct msg *m, struct err *e);

/* Nothing but certificates in PEM, in the form that we write. ERR_PROTO, about `file`. */
int keeper_check_form(const char *file, const char *pem, struct err *e);

/* Where those of `issuer` are kept, below the state directory; owned. NULL: nowhere. */
char *keeper_roots_path(const struct keeper *k, uint64_t issuer);

/* set->ca becomes what files with roots hold when `set` is live. */
int keeper_roots_of(const struct keeper *k, const struct spec_cert *c, struct set *set,
		    struct err *e);

/* Add those of what is live now to set->ca. */
int keeper_roots_live(const struct keeper *k, const struct spec_cert *c,
		      struct set *set, struct err *e);
