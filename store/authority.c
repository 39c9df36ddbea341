#include "store/authority.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/crl.h"
#include "base/err.h"
#include "base/file.h"
#include "store/place.h"

#define LIMIT_CA_FILE 65536       /* a certificate with 1,000 name constraints */
#define LIMIT_CRL     (64u << 20) /* 1.5 million revoked certificates */

#define ROOT_PEM "root.pem"
#define CRL_PEM  "crl.pem"
#define CRL_DER  "crl.der"

/* In the order in which they are written. */
static const struct part {
	const char *file;
	size_t at; /* of its struct buf in struct authority */
	size_t max;
	mode_t mode;
} parts[] = {
	{ "root.key", offsetof(struct authority, root_key), LIMIT_CA_FILE, 0600 },
	{ "intermediate.key", offsetof(struct authority, intermediate_key),
	  LIMIT_CA_FILE, 0600 },
	{ "intermediate.pem", offsetof(struct authority, intermediate_pem),
	  LIMIT_CA_FILE, 0644 },
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

static int open_found(int root, const char *name, int *dir, struct err *e)
{
	AUTO_FD int fd = -1;

	*dir = -1;
	TRY(place_find(root, PLACE_CA, name, &fd, e));
	if (fd >= 0 && file_exists(fd, ROOT_PEM))
		*dir = take_fd(&fd);
	return 0;
}

int authority_load(int root, const char *name, struct authority *a, bool *found,
		   struct err *e)
{
	AUTO_AUTHORITY struct authority got = { 0 };
	AUTO_FD int dir = -1;

	TRY(open_found(root, name, &dir, e));
	if (dir >= 0 && load(dir, &got, e) < 0)
		return err_wrap(e, PLACE_CA "/%s", name);
	*found = dir >= 0;
	if (dir >= 0) {
		*a = got;
		got = (struct authority){ 0 };
	}
	return 0;
}

int authority_save(int root, const char *name, const struct authority *a, struct err *e)
{
	AUTO_FD int found = -1, shelf = -1, dir = -1;

	TRY(open_found(root, name, &found, e));
	if (found >= 0)
		return err_set(e, ERR_CONFIG, "the CA %s exists", name);
	TRY(place_dir(root, PLACE_CA, 0755, &shelf, e));
	TRY(place_dir(shelf, name, 0755, &dir, e));
	for (size_t i = 0; i < N_PARTS; i++)
		if (put_part(dir, &parts[i], const_part_of(a, &parts[i]), e) < 0)
			return err_wrap(e, PLACE_CA "/%s", name);
	return 0;
}

int authority_save_crl(int root, const char *name, const struct buf *pem,
		       const struct buf *der, struct err *e)
{
	AUTO_FD int dir = -1;

	TRY(open_found(root, name, &dir, e));
	if (dir < 0)
		return err_set(e, ERR_CONFIG, "there is no CA %s", name);
	if (put(dir, CRL_PEM, pem, 0644, e) < 0 || put(dir, CRL_DER, der, 0644, e) < 0)
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
	TRY(crl_from_pem(pem.data, pem.len, &crl, e));
	TRY(crl_to_der(crl, &want, e));
	if (file_exists(dir, CRL_DER))
		TRY(file_read(dir, CRL_DER, LIMIT_CRL, &have, e));
	if (have.len == want.len && memcmp(have.data, want.data, want.len) == 0)
		return 0;
	return put(dir, CRL_DER, &want, 0644, e);
}

int authority_sweep(int root, const char *name, struct err *e)
{
	AUTO_FD int dir = -1;

	TRY(place_find(root, PLACE_CA, name, &dir, e));
	if (dir < 0)
		return 0;
	for (size_t i = 0; i < N_PARTS; i++)
		TRY(file_sweep(dir, parts[i].file, e));
	TRY(file_sweep(dir, CRL_DER, e));
	return follow(dir, e);
}

void authority_done(struct authority *a)
{
	for (size_t i = 0; i < N_PARTS; i++)
		buf_done(part_of(a, &parts[i]));
}
