#include "store/authority.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/crl.h"
#include "base/err.h"
#include "base/file.h"
#include "store/place.h"

#define LIMIT_CA_FILE 262144 /* of several keys, with 1,000 name constraints each */
#define LIMIT_CRL     (64u << 20) /* 1.5 million revoked certificates */

#define ROOT_PEM         "root.pem"
#define ROOT_KEY         "root.key"
#define INTERMEDIATE_KEY "intermediate.key"
#define CRL_PEM          "crl.pem"
#define CRL_DER          "crl.der"

#define FOLDER_MAX 16 /* an unsigned number */

/* In the order in which they are written. */
static const struct part {
	const char *file;
	size_t at; /* of its struct buf in struct authority */
	size_t max;
	mode_t mode;
} parts[] = {
	{ ROOT_KEY, offsetof(struct authority, root_key), LIMIT_CA_FILE, 0600 },
	{ INTERMEDIATE_KEY, offsetof(struct authority, intermediate_key), LIMIT_CA_FILE,
	  0600 },
	{ "intermediate.pem", offsetof(struct authority, intermediate_pem),
	  LIMIT_CA_FILE, 0644 },
	{ "newWithOld.pem", offsetof(struct authority, new_with_old), LIMIT_CA_FILE,
	  0644 },
	{ "oldWithNew.pem", offsetof(struct authority, old_with_new), LIMIT_CA_FILE,
	  0644 },
	{ CRL_PEM, offsetof(struct authority, crl_pem), LIMIT_CRL, 0644 },
	{ ROOT_PEM, offsetof(struct authority, root_pem), LIMIT_CA_FILE, 0644 },
};

#define N_PARTS (sizeof(parts) / sizeof(parts[0]))

static struct buf *part_of(struct authority *a, const struct part *p)
{
	return (struct buf *)(void *)((char *)a + p->at);
}

static const struct buf *const_part_of(const struct authority *a, const struct part *p)
{
	return (const struct buf *)(const void *)((const char *)a + p->at);
}

static int put(int dir, const char *file, const struct buf *b, mode_t mode,
	       struct err *e)
{
	const struct file_access access = { FILE_KEEP, FILE_KEEP, mode };

	return file_write(dir, file, b->data, b->len, &access, e);
}

/* An empty part must not be there: a crash may have left one of other keys. */
static int put_part(int dir, const struct part *p, const struct buf *b, struct err *e)
{
	if (b->len > 0)
		return put(dir, p->file, b, p->mode, e);
	TRY(file_sweep(dir, p->file, e));
	if (unlinkat(dir, p->file, 0) < 0 && errno != ENOENT)
		return err_sys(e, "remove %s", p->file);
	return 0;
}

static int load(int dir, struct authority *a, struct err *e)
{
	for (size_t i = 0; i < N_PARTS; i++) {
		struct buf *b = part_of(a, &parts[i]);

		if (file_read(dir, parts[i].file, parts[i].max, b, e) < 0 &&
		    e->sysno != ENOENT)
			return e->code;
	}
	if (a->root_key.len == 0)
		return err_set(e, ERR_SYS, "root.key is missing");
	if ((a->intermediate_pem.len == 0) != (a->intermediate_key.len == 0))
		return err_set(e, ERR_SYS,
			       "intermediate.pem and its key are not both there");
	return 0;
}

/* The folder of key `number`, below that of its CA. */
static void folder_of(char folder[FOLDER_MAX], unsigned number)
{
	snprintf(folder, FOLDER_MAX, "%u", number);
}

static int look_for_key(int dir, unsigned number, bool *there, struct err *e)
{
	char below[FOLDER_MAX + sizeof("/" ROOT_PEM)];
	const char *path = number == 1 ? ROOT_PEM : below;
	struct stat st;

	snprintf(below, sizeof(below), "%u/" ROOT_PEM, number);
	*there = fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
	return *there || errno == ENOENT || errno == ENOTDIR
		   ? 0
		   : err_sys(e, "look at %s", path);
}

static int open_found(const struct authority_id *id, int *dir, struct err *e)
{
	AUTO_FD int fd = -1;
	char folder[FOLDER_MAX];
	bool there = false;

	*dir = -1;
	TRY(place_find(id->root, PLACE_CA, id->name, &fd, e));
	if (fd >= 0)
		TRY(look_for_key(fd, id->number, &there, e));
	if (!there)
		return 0;
	folder_of(folder, id->number);
	if (id->number > 1)
		return file_open_dir(fd, folder, dir, e);
	*dir = take_fd(&fd);
	return 0;
}

/* ERR_CONFIG where it is not there. */
static int open_made(const struct authority_id *id, int *dir, struct err *e)
{
	TRY(open_found(id, dir, e));
	return *dir >= 0 ? 0
			 : err_set(e, ERR_CONFIG, "there is no CA %s with %u keys",
				   id->name, id->number);
}

int authority_count(int root, const char *name, unsigned *count, struct err *e)
{
	AUTO_FD int dir = -1;
	bool there;

	*count = 0;
	TRY(place_find(root, PLACE_CA, name, &dir, e));
	for (there = dir >= 0; there; *count += there)
		TRY(look_for_key(dir, *count + 1, &there, e));
	return 0;
}

/* Without its key it is over, if another one has come after it. */
static int is_over(const struct authority_id *id, int dir, bool *over, struct err *e)
{
	const struct authority_id next = { id->root, id->name, id->number + 1 };
	AUTO_FD int after = -1;

	TRY(open_found(&next, &after, e));
	*over = after >= 0 && !file_exists(dir, ROOT_KEY);
	return 0;
}

int authority_load(const struct authority_id *id, struct authority *a, bool *found,
		   struct err *e)
{
	AUTO_AUTHORITY struct authority got = { 0 };
	AUTO_FD int dir = -1;
	bool over = true;

	TRY(open_found(id, &dir, e));
	if (dir >= 0)
		TRY(is_over(id, dir, &over, e));
	if (!over && load(dir, &got, e) < 0)
		return err_wrap(e, PLACE_CA "/%s", id->name);
	*found = !over;
	if (!over) {
		*a = got;
		got = (struct authority){ 0 };
	}
	return 0;
}

static int make_dir(const struct authority_id *id, int *dir, struct err *e)
{
	AUTO_FD int shelf = -1, ca = -1;
	char folder[FOLDER_MAX];

	TRY(place_dir(id->root, PLACE_CA, 0755, &shelf, e));
	TRY(place_dir(shelf, id->name, 0755, &ca, e));
	folder_of(folder, id->number);
	if (id->number > 1)
		return place_dir(ca, folder, 0755, dir, e);
	*dir = take_fd(&ca);
	return 0;
}

int authority_save(const struct authority_id *id, const struct authority *a,
		   struct err *e)
{
	AUTO_FD int found = -1, dir = -1;

	TRY(open_found(id, &found, e));
	if (found >= 0)
		return err_set(e, ERR_CONFIG, "the CA %s exists", id->name);
	TRY(make_dir(id, &dir, e));
	for (size_t i = 0; i < N_PARTS; i++)
		if (put_part(dir, &parts[i], const_part_of(a, &parts[i]), e) < 0)
			return err_wrap(e, PLACE_CA "/%s", id->name);
	return 0;
}

int authority_save_crl(const struct authority_id *id, const struct buf *pem,
		       const struct buf *der, struct err *e)
{
	AUTO_FD int dir = -1;

	TRY(open_made(id, &dir, e));
	if (put(dir, CRL_PEM, pem, 0644, e) < 0 ||
	    (der != NULL && put(dir, CRL_DER, der, 0644, e) < 0))
		return err_wrap(e, PLACE_CA "/%s", id->name);
	return 0;
}

int authority_publish(int root, const char *name, const struct buf *pem, struct err *e)
{
	const struct authority_id first = { root, name, 1 };
	AUTO_BUF struct buf old = { 0 };
	AUTO_FD int dir = -1;

	TRY(open_made(&first, &dir, e));
	if (file_read(dir, ROOT_PEM, LIMIT_CA_FILE, &old, e) < 0 ||
	    ((old.len != pem->len || memcmp(old.data, pem->data, old.len) != 0) &&
	     put(dir, ROOT_PEM, pem, 0644, e) < 0))
		return err_wrap(e, PLACE_CA "/%s", name);
	return 0;
}

/* A crash between the two left crl.der behind crl.pem: whom that revokes is revoked for
 * those who are given the other, too. */
static int follow(int dir, struct err *e)
{
	AUTO_BUF struct buf pem = { 0 }, want = { 0 }, have = { 0 };
	AUTO_CRL X509_CRL *crl = NULL;

	if (!file_exists(dir, CRL_PEM))
		return 0;
	TRY(file_read(dir, CRL_PEM, LIMIT_CRL, &pem, e));
	if (crl_from_pem(pem.data, pem.len, &crl, e) < 0)
		return 0; /* whoever needs it is told */
	TRY(crl_to_der(crl, &want, e));
	if (file_exists(dir, CRL_DER))
		TRY(file_read(dir, CRL_DER, LIMIT_CRL, &have, e));
	if (have.data != NULL && have.len == want.len &&
	    memcmp(have.data, want.data, want.len) == 0)
		return 0;
	return put(dir, CRL_DER, &want, 0644, e);
}

/* What says that it counts goes first; the rest is also swept. */
int authority_retire(const struct authority_id *id, struct err *e)
{
	AUTO_FD int dir = -1;

	TRY(open_made(id, &dir, e));
	TRY(place_remove(dir, ROOT_KEY, e));
	if (fsync(dir) < 0)
		return err_sys(e, "sync " PLACE_CA "/%s", id->name);
	TRY(place_remove(dir, INTERMEDIATE_KEY, e));
	return fsync(dir) < 0 ? err_sys(e, "sync " PLACE_CA "/%s", id->name) : 0;
}

/* `later`: there is another key after it. */
static int sweep(int dir, bool later, struct err *e)
{
	const bool over = later && !file_exists(dir, ROOT_KEY);

	if (over)
		TRY(place_remove(dir, INTERMEDIATE_KEY, e));
	for (size_t i = 0; i < N_PARTS; i++)
		TRY(file_sweep(dir, parts[i].file, e));
	TRY(file_sweep(dir, CRL_DER, e));
	return over ? 0 : follow(dir, e);
}

/* The next key too, that was not finished. */
int authority_sweep(int root, const char *name, struct err *e)
{
	AUTO_FD int dir = -1;
	unsigned count;

	TRY(authority_count(root, name, &count, e));
	TRY(place_find(root, PLACE_CA, name, &dir, e));
	if (dir >= 0)
		TRY(sweep(dir, count > 1, e));
	for (unsigned i = 2; dir >= 0 && i <= count + 1; i++) {
		AUTO_FD int sub = -1;
		char folder[FOLDER_MAX];

		folder_of(folder, i);
		if (!file_exists(dir, folder))
			continue;
		TRY(file_open_dir(dir, folder, &sub, e));
		TRY(sweep(sub, i < count, e));
	}
	return 0;
}

void authority_done(struct authority *a)
{
	for (size_t i = 0; i < N_PARTS; i++)
		buf_done(part_of(a, &parts[i]));
}
