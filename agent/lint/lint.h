/*
 * lint: whether servers use the revocation lists that we write for them. `check` reads
 * their configuration, which says so, as far as that is in the usual places or where
 * `servers` of a CRL says. What counts is a setting that names one of our files: by those
 * beside it the list may be of no use, or refuse everybody. Nothing else of it is judged.
 *
 * These files are other people's. So who parses them is the inspect role, which has neither
 * a file nor a network, nor a say in anything; the supervisor opens what they include.
 *
 *     lint_word.c  words and blocks
 *     lint_read.c  the settings that count, by the blocks that they stand in
 *     lint_kind.c  each kind of server: how it is read, what is wrong with it
 *     lint_rule.c  which of them is about a list of ours
 *     lint.c       which servers, and the files that they include
 *
 * What is not understood is passed over: variables, templates, options of a command line,
 * what is set in a database. Silence proves nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct err;
struct lint;
struct lint_words;
struct spec;
struct spec_crl;
struct spec_file;

#define LIMIT_LINT_FILE  (1u << 20)  /* octets; of a larger one the begin is read */
#define LIMIT_LINT_BYTES (32u << 20) /* of all files */
#define LIMIT_LINT_FILES 2000
#define LINT_DEPTH       10 /* of files that include others */
#define LINT_NOBODY      UINT32_MAX

/* This host. */
struct lint_host {
	void *arg;
	/* File `n` of those that `pattern` matches: *path left empty, there is none.
	 * ERR_CONFIG: it cannot be read. */
	int (*file)(void *arg, const char *pattern, uint32_t n, struct buf *path,
		    struct buf *text, struct err *e);
	/* ERR_CONFIG: no such user, group. */
	int (*user)(void *arg, const char *name, uint32_t *uid, struct err *e);
	int (*group)(void *arg, const char *name, uint32_t *gid, struct err *e);
	/* Why user `uid` does not get into `folder`, or nothing. */
	void (*reach)(void *arg, const char *folder, uint32_t uid, struct buf *why);
	void (*warn)(void *arg, const char *file, unsigned line, const char *text);
};

/* Look at all servers that use a list of `s`. */
void lint_all(const struct spec *s, const struct lint_host *host);

/* -- inside -- */

/* A setting that counts. */
struct lint_value {
	const char *name; /* static: as `watched` has it */
	char *text;       /* owned: the first word behind it, the second one */
	char *more;
	const char *file; /* borrowed */
	unsigned line;
	uint32_t scope;
	size_t before;   /* in that scope, from 1; 0: none */
	size_t first;    /* of its line, from 0: whose `said` is that of the line */
	struct buf said; /* owned: the warnings, a line each */
};

/* A block, or all that is in none. */
struct lint_scope {
	uint32_t parent; /* LINT_NOBODY: it inherits from none */
	size_t last;     /* of its settings, from 1; 0: it has none */
};

/* What `look` is about. */
struct lint_use {
	const struct lint_value *list; /* names `file` of `crl` */
	const struct spec_file *file;
	const struct spec_crl *crl;
	uint32_t at; /* the scope that it is used in */
};

/* A kind of server. */
struct lint_kind {
	const char *name;
	const char *const *usual;    /* patterns of the files that begin one, to NULL */
	unsigned style;              /* of lint_word.h */
	const char *const *includes; /* directives that name other files, to NULL */
	bool
	    beside; /* ... from the folder of the file that does; else the first one's */
	const char *const *lists;   /* settings that name a list, to NULL */
	const char *const *watched; /* those, and all others that count, to NULL */
	/* A directive of a kind of its own, which may change *scope; true: it was. */
	bool (*take)(struct lint *l, const struct lint_words *w, uint32_t *scope);
	const char *asks;            /* the setting without which no list is used */
	const char *const *asks_not; /* its values that say so, to NULL */
	bool asks_else;              /* it is not set, and yet they are */
	const char *unused;          /* what follows from that */
	/* What else may be wrong. NULL: nothing. */
	void (*look)(struct lint *l, const struct lint_use *u);
	bool reads_once; /* each list, until it is told to read it again */
};

/* One server, while it is looked at. */
struct lint {
	const struct spec *spec;
	const struct lint_host *host;
	const struct lint_kind *kind;
	char *base; /* owned: the folder of the file that it begins with */
	struct lint_value *values; /* owned, as the next two */
	size_t n_values;
	struct lint_scope *scopes;
	uint32_t n_scopes;
	char **files;
	size_t n_files;
	const char *file; /* that is being read; borrowed from `files` */
	unsigned depth;
	bool cut;      /* not all of it was read */
	size_t n_read; /* files, octets: of all servers */
	size_t n_bytes;
	const struct spec_crl *chains_of; /* whose n_below is known; NULL: none */
	unsigned n_below; /* CAs below the root, in the longest chain of its clients */
};

/* lint_read.c: read `text`, the file l->file, into scope *scope. */
void lint_read(struct lint *l, const struct buf *text, uint32_t *scope);
uint32_t lint_scope(struct lint *l, uint32_t parent);
/* Keep what is behind word `i`, if that is a setting that counts. */
void lint_keep(struct lint *l, const struct lint_words *w, size_t i, uint32_t scope);
/* The setting `name` that stands in `scope` itself before `v` (NULL: the last one, which
 * counts); NULL: there is none. */
const struct lint_value *lint_in(const struct lint *l, uint32_t scope, const char *name,
				 const struct lint_value *v);
/* The setting `name` as it is in `scope`; NULL: nobody has set it. */
const struct lint_value *lint_set(const struct lint *l, uint32_t scope,
				  const char *name);
bool lint_among(const char *const *words, const char *word);

/* lint.c: read the files that `pattern` names where l->file includes them. */
void lint_include(struct lint *l, const char *pattern, uint32_t *scope);
/* PEM of CAs, an absolute path; nothing where it cannot be had. */
void lint_file(struct lint *l, const char *path, struct buf *text);

/* lint_kind.c: of the kind `name`, or of number `i` (NULL: there are no more). */
const struct lint_kind *lint_kind_called(const char *name, size_t len);
const struct lint_kind *lint_kind_at(size_t i);
/* lint_rule.c: warn about the setting `v`, by which that list is of no use; once. */
void lint_say(struct lint *l, const struct lint_value *v, const struct lint_use *u,
	      const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Judge what was read of a server. Whether it names a file of `mine` (NULL: of any). */
bool lint_judge(struct lint *l, const struct spec_crl *mine);
