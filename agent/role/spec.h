/*
 * spec: what should be, as every role sees it.
 *
 * The config role reads the configuration once and leaves it as one sealed memfd, the
 * snapshot: a head, tables of fixed records, and a text area. A record names a string
 * by its offset (struct text; 0 is "not set") and a part of another table by a struct
 * list. Nothing in it is a pointer, so each role maps the same pages read-only.
 *
 * spec_map() believes nothing: seals, sizes, every offset, every list and every enum
 * are checked before the first record is used. Roles go by number: "hook 3",
 * "certificate 17" mean the same to all of them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/role/spec_cert.h"
#include "agent/role/spec_issuer.h"
#include "base/key.h"
#include "base/names.h"
#include "base/x509.h"

struct err;
struct stat;

#define SPEC_MAX  (256u << 20) /* bytes; 100,000 certificates need 20 MiB or more */
#define LIMIT_IDS 100          /* names of one certificate, as public CAs have it */

enum spec_table {
	SPEC_GLOBAL, /* exactly one */
	SPEC_CERTS,  /* sorted by name */
	SPEC_NAMES,
	SPEC_ISSUERS,
	SPEC_HOOKS,
	SPEC_FILES,
	SPEC_PROBES,
	SPEC_CHALLENGES,
	SPEC_CRLS,
	SPEC_WATCH,   /* struct text */
	SPEC_WORDS,   /* struct text: arguments, URLs */
	SPEC_NUMBERS, /* uint32_t: an issuer, a hook */
	SPEC_TABLES,
};

/* A mapped snapshot. The tables are borrowed from the map. */
struct spec {
	void *map; /* owned */
	size_t len;
	const struct spec_global *global;
	const struct spec_cert *certs;
	const struct spec_name *names;
	const struct spec_issuer *issuers;
	const struct spec_hook *hooks;
	const struct spec_file *files;
	const struct spec_probe *probes;
	const struct spec_challenge *challenges;
	const struct spec_crl *crls;
	const struct text *watch;
	const struct text *words;
	const uint32_t *numbers;
	uint32_t n[SPEC_TABLES];
	const char *text;
};

#define AUTO_SPEC __attribute__((cleanup(spec_done)))

/*
 * Map the snapshot `fd`, which stays the caller's. ERR_CONFIG if it is not sealed
 * against change; ERR_PROTO if anything in it points where it must not.
 */
int spec_map(int fd, struct spec *s, struct err *e);
void spec_done(struct spec *s);

/* Which file that is, and since when: of the same one that nobody has written to since the
 * same, never 0. */
uint64_t spec_mark(const struct stat *st);

/* The string t, or NULL if it is not set. Borrowed from the map. */
const char *spec_text(const struct spec *s, struct text t);

/* The folder that `f` is written in; owned. */
char *spec_file_folder(const struct spec *s, const struct spec_file *f);

/* The number of the certificate, issuer or hook called `name`, or SPEC_NOBODY. */
uint32_t spec_cert_called(const struct spec *s, const char *name);
uint32_t spec_issuer_called(const struct spec *s, const char *name);
uint32_t spec_hook_called(const struct spec *s, const char *name);

/* Whether `name` can be shown by the challenge `c`: `only` has it, or says nothing, no CA
 * offers another type than dns-01 for a wildcard, nor that one for an address (RFC 8738 7). */
bool spec_challenge_is_for(const struct spec *s, const struct spec_challenge *c,
			   const struct spec_name *name);

/* Whether what it issues is signed here, by the keeper, and nobody is asked. */
bool spec_issuer_is_here(const struct spec_issuer *i);

/* Whether a worker goes there for a certificate. */
bool spec_issuer_by_worker(const struct spec_issuer *i);

/* Whether the live certificate is what the next one is asked for by: its key is lent to a
 * worker, which does that and nothing else. */
bool spec_issuer_by_live(const struct spec_issuer *i);

/* The file of the administrator's that what `issuer` issues has to lead to; NULL: none is
 * named. That of an ACME CA is for its TLS alone. */
const char *spec_anchors(const struct spec *s, uint32_t issuer);

/* Whether a file of `c` holds roots. */
bool spec_holds_roots(const struct spec *s, const struct spec_cert *c);

/* Whether the file `f` of a CRL, or any place that it is written to, is emptied when it has
 * ended and there is no newer one. */
bool spec_crl_takes_away(const struct spec_crl *c, const struct spec_file *f);
bool spec_crl_takes_any(const struct spec *s, const struct spec_crl *c);

/* The path in a URL "file:///..."; NULL: it is of another scheme. Borrowed. */
const char *spec_url_file(const char *url);

/* The words of `l` as a NULL-terminated array, owned; the strings are borrowed. */
const char **spec_words(const struct spec *s, struct list l);
