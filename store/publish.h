/*
 * publish: a generation's content in the shapes that servers want, outside the store.
 *
 * Each file is written beside its place, synced, and renamed over it; key and
 * certificate are checked against each other before the first. After a crash
 * publish_audit() tells which files are not what the live generation says, and
 * publishing again finishes the work: there is no journal to lose.
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/file.h"

struct err;

/* Same values as enum file_content of agent/spec.h, which asserts it. */
enum publish_content {
	PUBLISH_FULLCHAIN,
	PUBLISH_CERT,
	PUBLISH_CHAIN,
	PUBLISH_KEY,
	PUBLISH_COMBINED,
	PUBLISH_PKCS12, /* not in this version: ERR_CONFIG */
	PUBLISH_DER,
	PUBLISH_CA,
};

/* One generation, read back whole. */
struct publish_set {
	struct buf key;   /* PKCS#8 PEM */
	struct buf cert;  /* the leaf, PEM */
	struct buf chain; /* without the leaf, PEM; may be empty */
	struct buf ca;    /* the issuer's trust anchors, PEM; may be empty */
};

#define AUTO_PUBLISH_SET __attribute__((cleanup(publish_set_done)))

/* Read generation `number` of `name`. ERR_TRUST if its key is not its certificate's. */
int publish_load(int root, const char *name, uint64_t number, struct publish_set *set,
		 struct err *e);
void publish_set_done(struct publish_set *set);

struct publish_file {
	const char *path; /* absolute, borrowed */
	enum publish_content content;
	struct file_access access;
};

/* What `file` holds for `set`. */
int publish_render(const struct publish_set *set, enum publish_content content,
		   struct buf *out, struct err *e);

/* Write `file` if it is not already exactly so. */
int publish_write(const struct publish_set *set, const struct publish_file *file,
		  struct err *e);

#define PUBLISH_MISSING (1u << 0)
#define PUBLISH_CONTENT (1u << 1) /* other bytes than we would write */
#define PUBLISH_OWNER   (1u << 2)
#define PUBLISH_MODE    (1u << 3)
#define PUBLISH_STRANGE (1u << 4) /* not a regular file with one name */

/* *differs: PUBLISH_* of what is there now. */
int publish_audit(const struct publish_set *set, const struct publish_file *file,
		  unsigned *differs, struct err *e);
