/*
 * publish: a generation's content in the shapes that servers want, outside the store.
 *
 * Each file is written beside its place, synced, and renamed over it; key and
 * certificate are checked against each other before the first. After a crash
 * publish_audit() tells which files are not what the live generation says, and
 * publishing again finishes the work: there is no journal to lose.
 *
 * Use: publish_load() once, then publish_write() or publish_audit() for each file.
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/file.h"

struct err;

/* Same values as enum file_content of agent/spec.h, which asserts it. */
enum publish_content {
	PUBLISH_FULLCHAIN, /* leaf, chain */
	PUBLISH_CERT,
	PUBLISH_CHAIN, /* an empty file if the leaf comes from the root itself */
	PUBLISH_KEY,
	PUBLISH_COMBINED, /* key, leaf, chain */
	PUBLISH_PKCS12,   /* not in this version: ERR_CONFIG */
	PUBLISH_DER,      /* the leaf */
	PUBLISH_CA,       /* ERR_CONFIG if no anchors were kept */
};

/* One generation, read back whole. */
struct publish_set {
	struct buf key;   /* PKCS#8 PEM, privkey.pem */
	struct buf cert;  /* the leaf, PEM, cert.pem */
	struct buf chain; /* without the leaf, PEM, chain.pem; may be empty */
	struct buf ca;    /* the issuer's trust anchors, PEM, ca.pem; may be empty */
};

#define AUTO_PUBLISH_SET __attribute__((cleanup(publish_set_done)))

/*
 * Read generation `number` of `name`; chain.pem and ca.pem need not be there. ERR_TRUST
 * if its key is not its certificate's, or one of them cannot be read as what it is.
 * `set` is written only on success.
 */
int publish_load(int root, const char *name, uint64_t number, struct publish_set *set,
		 struct err *e);
void publish_set_done(struct publish_set *set);

struct publish_file {
	const char *path; /* absolute, borrowed */
	enum publish_content content;
	struct file_access access;
};

/* What a file of that content holds for `set`; `out` is replaced. */
int publish_render(const struct publish_set *set, enum publish_content content,
		   struct buf *out, struct err *e);

/*
 * Write `file` unless it is already exactly so; what a crash left of it beside its
 * place is removed in any case. Its folder must exist, and is reached over no link.
 * What is there and not a regular file with one name is not replaced: ERR_SYS.
 */
int publish_write(const struct publish_set *set, const struct publish_file *file,
		  struct err *e);

/* Remove what a crash left of the file called `path` beside its place. */
int publish_sweep(const char *path, struct err *e);

#define PUBLISH_MISSING (1u << 0)
#define PUBLISH_CONTENT (1u << 1) /* other bytes than we would write, or unreadable */
#define PUBLISH_OWNER   (1u << 2)
#define PUBLISH_MODE    (1u << 3)
#define PUBLISH_STRANGE (1u << 4) /* not a regular file with one name */

/* *differs: PUBLISH_* of what is there now; with MISSING or STRANGE that alone. */
int publish_audit(const struct publish_set *set, const struct publish_file *file,
		  unsigned *differs, struct err *e);
