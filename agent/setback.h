/*
 * setback: what has failed for the names of a certificate, and what is tried instead.
 *
 * A name is shown to be ours in one of several ways: the challenges that are for it, in
 * their order. One that fails, at the CA or where it was to be set up, is remembered with
 * the name: in the same attempt the next is tried, in a new order, for an authorization
 * that has failed stays so (RFC 8555 7.1.6). In one attempt none is tried twice. A later
 * one begins with what has not failed; where all have, with what failed longest ago, so
 * each has its turn again. What works is forgotten. A way is a challenge and its place:
 * another webroot is another way.
 *
 * A name that is optional and cannot be shown in any way, or is refused by the CA, is left
 * out of the orders that follow, at once and until `retry_at`; the span from failure to
 * failure is doubled. An order that is made after that has it again.
 *
 * All of it outlives the run, but for what was tried "now". A person's --force begins with
 * nothing.
 *
 *     setbacks_begin()             of one certificate
 *     setbacks_load()              what is remembered of it
 *     setbacks_at()                which issuer is asked: what ways there are
 *     setbacks_note() ...          each that fails
 *     setbacks_go_on()             may there be another order, at once?
 *     setbacks_worked()            a certificate has come
 *     setbacks_save()
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/role/name_set.h"

struct agent;
struct err;
struct msg;
struct state;

#define SETBACK_FIRST_S  3600 /* what is left out is tried again */
#define SETBACK_MOST_S   (2 * 86400)
#define SETBACK_ORDERS   10 /* in one attempt: a CA counts them, too */
#define SETBACK_WHY_MAX  400
#define SETBACK_ANY_TIME INT64_MIN

struct setback {
	uint32_t name;     /* its place in the list of the certificate */
	uint32_t way;      /* challenge of the snapshot; SPEC_NOBODY: the name itself */
	bool now;          /* in this attempt */
	int64_t at;        /* Unix seconds */
	int64_t retry_at;  /* of the name itself, if it is optional */
	unsigned failures; /* in a row */
	char *why;         /* owned */
};

struct setbacks {
	const struct spec *spec; /* borrowed */
	const struct spec_cert *cert;
	struct list ways;     /* challenges of the snapshot */
	struct setback *list; /* owned */
	size_t n;
};

#define AUTO_SETBACKS __attribute__((cleanup(setbacks_done)))

void setbacks_begin(struct setbacks *s, const struct spec *spec, uint32_t cert);
void setbacks_at(struct setbacks *s, uint32_t issuer);

/* Forget what there is, and whatever else than the configuration has there was. */
void setbacks_clear(struct setbacks *s);
void setbacks_done(struct setbacks *s);

/* What is remembered and still is of this configuration; without a state nothing is. */
int setbacks_load(struct setbacks *s, struct state *state, struct err *e);

/* Begin, and load what is remembered of certificate `i`. */
int setbacks_of(const struct agent *a, uint32_t i, struct setbacks *s, struct err *e);

/* Whether `hash` is of what an order made `at` would ask for, though not of all names of
 * certificate `i`; when those are tried again that it leaves out. */
bool setbacks_explain(const struct agent *a, uint32_t i, uint64_t hash, int64_t at,
		      int64_t *retry_at);
int setbacks_save(const struct setbacks *s, struct agent *a, struct err *e);

/* `way` has failed for `name` (SPEC_NOBODY: whichever way), at `now`. */
void setbacks_note(struct setbacks *s, uint32_t name, uint32_t way, const char *why,
		   int64_t now);

/* Nothing of it was in this attempt: another issuer is asked. */
void setbacks_again(struct setbacks *s);

/* The way that an order for `name` takes next. False: there is none in this attempt. */
bool setbacks_next(const struct setbacks *s, uint32_t name, uint32_t *way);

/* Whether `way` is not what `name` is to be shown by in that order. */
bool setbacks_excludes(const struct setbacks *s, uint32_t name, uint32_t way);

/* Optional names that nothing is left for are left out from `now` on. False: the same
 * holds for one that is needed. */
bool setbacks_go_on(struct setbacks *s, int64_t now);

/* Names that an order made `at` leaves out (SETBACK_ANY_TIME: ever), and the hash of the
 * others, as spec_cert.names_hash. */
struct name_set setbacks_out(const struct setbacks *s, int64_t at);
uint64_t setbacks_hash(const struct setbacks *s, int64_t at);

/* Those that a certificate `i` has not got which has names of the hash `hash`. */
struct name_set setbacks_missing(const struct agent *a, uint32_t i, uint64_t hash);

/* When the first of those that are left out is to be tried again; 0: none is. */
int64_t setbacks_retry_at(const struct setbacks *s);

/* Those that an order made `at` has again are left out until `until`. Whether any is. */
bool setbacks_put_off(struct setbacks *s, int64_t at, int64_t until);

/* All but those that are `out` are in the certificate that has come. */
void setbacks_worked(struct setbacks *s, const struct name_set *out);

/* "http-01 /srv/www": owned. */
char *setback_way(const struct spec *s, uint32_t challenge);

/* The place of the name `word` in the list of the certificate, or SPEC_NOBODY. */
uint32_t setbacks_name(const struct setbacks *s, const char *word);
const char *setbacks_word(const struct setbacks *s, uint32_t name);

/* As WORKER_ORDER has it: n, n * {challenge, name that it is not for}, counted in *n
 * before; `m` NULL: only counted. */
void setbacks_put(const struct setbacks *s, size_t *n, struct msg *m);
