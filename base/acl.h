/*
 * acl: the access control list of a file (acl(5)), as the kernel keeps it.
 *
 * A file that has one says with its group bits what all that are named in it may have at
 * most (the mask), no more what its group may. libacl would do the same by path, which
 * whoever writes files for others must not.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

#define ACL_MAX 500 /* entries; the kernel has no list that a page cannot hold */

enum acl_tag {
	ACL_OWNER = 0x01,
	ACL_USER = 0x02, /* named */
	ACL_GROUP_OF_FILE = 0x04,
	ACL_GROUP = 0x08, /* named */
	ACL_MASK = 0x10,
	ACL_OTHER = 0x20,
};

struct acl_entry {
	uint16_t tag;
	uint16_t perm; /* 0 to 7, as in a mode */
	uint32_t id;   /* of a named one */
};

struct acl {
	size_t n; /* 0: there is none */
	struct acl_entry entries[ACL_MAX];
};

/* None where the file system has no such thing. ERR_LIMIT, ERR_SYS. */
int acl_read(int fd, struct acl *acl, struct err *e);

/* The same by a path, which is followed: only to look. */
int acl_read_path(const char *path, struct acl *acl, struct err *e);

/* Give it to the file, which then has the mode that it says. */
int acl_write(int fd, const struct acl *acl, struct err *e);

/* What the group of the file has of it, 0 to 7. Not of an empty one. */
unsigned acl_group(const struct acl *acl);

/* Have owner, group and others what `mode` says; who is named keeps what they have. */
void acl_put_mode(struct acl *acl, mode_t mode);
