#include "base/acl.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/err.h"

#define ATTRIBUTE "system.posix_acl_access"
#define VERSION   2

/* As it is stored, all of it little-endian. */
struct image {
	uint32_t version;
	struct acl_entry entries[ACL_MAX];
};

static int take(const struct image *image, ssize_t len, struct acl *acl, struct err *e)
{
	acl->n = 0;
	if (len < 0 && (errno == ENODATA || errno == EOPNOTSUPP))
		return 0;
	if (len < 0 && errno == ERANGE)
		return err_set(e, ERR_LIMIT,
			       "its access control list has more than %d entries",
			       ACL_MAX);
	if (len < 0)
		return err_sys(e, "read its access control list");
	if ((size_t)len < sizeof(image->version) || le32toh(image->version) != VERSION)
		return err_set(e, ERR_SYS,
			       "its access control list is of no kind "
			       "that we know");
	acl->n = ((size_t)len - sizeof(image->version)) / sizeof(struct acl_entry);
	for (size_t i = 0; i < acl->n; i++)
		acl->entries[i] = (struct acl_entry){
			le16toh(image->entries[i].tag),
			le16toh(image->entries[i].perm),
			le32toh(image->entries[i].id),
		};
	return 0;
}

int acl_read(int fd, struct acl *acl, struct err *e)
{
	struct image image;

	return take(&image, fgetxattr(fd, ATTRIBUTE, &image, sizeof(image)), acl, e);
}

int acl_read_path(const char *path, struct acl *acl, struct err *e)
{
	struct image image;

	return take(&image, getxattr(path, ATTRIBUTE, &image, sizeof(image)), acl, e);
}

int acl_write(int fd, const struct acl *acl, struct err *e)
{
	struct image image = { .version = htole32(VERSION) };

	for (size_t i = 0; i < acl->n; i++)
		image.entries[i] = (struct acl_entry){
			htole16(acl->entries[i].tag),
			htole16(acl->entries[i].perm),
			htole32(acl->entries[i].id),
		};
	if (fsetxattr(fd, ATTRIBUTE, &image,
		      sizeof(image.version) + acl->n * sizeof(struct acl_entry), 0) < 0)
		return err_sys(e, "set its access control list");
	return 0;
}

unsigned acl_group(const struct acl *acl)
{
	unsigned group = 0, mask = 7;

	for (size_t i = 0; i < acl->n; i++) {
		if (acl->entries[i].tag == ACL_GROUP_OF_FILE)
			group = acl->entries[i].perm;
		if (acl->entries[i].tag == ACL_MASK)
			mask = acl->entries[i].perm;
	}
	return group & mask;
}

void acl_put_mode(struct acl *acl, mode_t mode)
{
	uint16_t group = mode >> 3 & 7;

	for (size_t i = 0; i < acl->n; i++) {
		struct acl_entry *entry = &acl->entries[i];

		if (entry->tag == ACL_OWNER)
			entry->perm = mode >> 6 & 7;
		else if (entry->tag == ACL_GROUP_OF_FILE)
			entry->perm = group;
		else if (entry->tag == ACL_OTHER)
			entry->perm = mode & 7;
		else if (entry->tag == ACL_MASK)
			entry->perm |= group; /* or it would take from the group */
	}
}
