/*
 * volume: a real file system on a disk of ours, to be mounted again and again.
 *
 * What is mounted is seen by this process and its children only, and goes with it; a
 * loop device is given back when it is no longer mounted.
 */
#pragma once

#include <stdbool.h>

struct disk;

struct volume_kind {
	const char *name;    /* in reports */
	const char *type;    /* "ext4" */
	const char *options; /* of the mount */
	unsigned mib;
	unsigned super;  /* where the superblock is: which is never cut in two */
	unsigned sector; /* below that no write is cut: xfs takes a block for new whose
			  * head is, and does not restore the rest of it from its log */
	bool shuts_down; /* it knows volume_cut() */
	const char *const *make; /* mkfs with its arguments; the device is added */
};

extern const struct volume_kind volume_kinds[];
extern const unsigned n_volume_kinds;

struct volume {
	const struct volume_kind *kind;
	struct disk *disk; /* borrowed */
	char dir[160];     /* where it is mounted */
	unsigned n;        /* how often it was attached */
};

/* NULL, or what a volume needs that cannot be had here. */
const char *volume_reason(const struct volume_kind *kind);

/* Nothing is mounted outside what we and our children see. */
bool volume_alone(void);

bool volume_make(struct volume *v);  /* an empty file system; `said` by mkfs is lost */
bool volume_mount(struct volume *v); /* false: errno says why */

/* False: somebody is still in it; it is no longer to be seen in any case. */
bool volume_umount(struct volume *v);

/* A descriptor to be handed to volume_cut(). */
int volume_handle(const struct volume *v);

/* As if the power went: nothing more reaches the disk, not even the journal. */
bool volume_cut(int handle);
