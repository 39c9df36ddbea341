#include "store/crlset.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "store/hashed.h"
#include "store/place.h"
#include "store/target.h"

#define NAMED_BY 8  /* bytes of a hash: of the CAs in one file */
#define LINE     48 /* bytes, which are 64 characters (RFC 7468 2) */

static const struct file_access readable = { FILE_KEEP, FILE_KEEP, 0644 };

static char *part_name(const char *name, const uint8_t ca[HASH_LEN])
{
	char hex[2 * NAMED_BY + 1];

	text_hex(hex, ca, NAMED_BY);
	return xasprintf("%s@%s.der", name, hex);
}

static int open_shelf(int root, int *dir, struct err *e)
{
	return place_dir(root, PLACE_CRL, 0755, dir, e);
}

int crlset_keep(int root, const char *name, const uint8_t ca[HASH_LEN], int from,
		size_t len, struct err *e)
{
	AUTO_FREE char *part = part_name(name, ca);
	AUTO_FD int dir = -1;

	TRY(open_shelf(root, &dir, e));
	if (file_write_copy(dir, part, from, len, &readable, e) < 0)
		return err_wrap(e, PLACE_CRL "/%s", part);
	return 0;
}

/* One at a time is made, by the only one who writes here. */
int crlset_stage(int root, int *fd, struct err *e)
{
	AUTO_FD int dir = -1, made = -1;

	TRY(open_shelf(root, &dir, e));
	TRY(place_remove(dir, PLACE_STAGE, e));
	made = openat(dir, PLACE_STAGE, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (made < 0 || unlinkat(dir, PLACE_STAGE, 0) < 0)
		return err_sys(e, "make room for a CRL");
	*fd = take_fd(&made);
	return 0;
}

int crlset_cas(const char *path, STACK_OF(X509) * *cas, struct err *e)
{
	AUTO_BUF struct buf pem = { 0 };

	TRY(file_read(AT_FDCWD, path, LIMIT_CHAIN_BYTES, &pem, e));
	return x509_chain_from_pem(pem.data, pem.len, cas, e) < 0
		   ? err_wrap(e, "%s", path)
		   : 0;
}

/* -- reading -- */

/* Ours alone to write: nobody cuts it off under us. */
static int map_part(int dir, const char *name, struct crlset_part *p, struct err *e)
{
	AUTO_FD int fd = -1;
	struct stat st;
	void *map;

	TRY(file_open(dir, name, &fd, e));
	if (fstat(fd, &st) < 0)
		return err_sys(e, "look at %s", name);
	if (st.st_size <= 0)
		return err_set(e, ERR_SYS, "%s is empty", name);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return err_sys(e, "map %s", name);
	p->der = map;
	p->len = (size_t)st.st_size;
	return 0;
}

static bool is_among(const uint8_t ca[HASH_LEN], const uint8_t (*good)[HASH_LEN],
		     size_t n_good)
{
	for (size_t i = 0; i < n_good; i++)
		if (memcmp(ca, good[i], HASH_LEN) == 0)
			return true;
	return false;
}

static int load_part(int dir, X509 *ca, const uint8_t (*good)[HASH_LEN], size_t n_good,
		     struct crlset *set, struct err *e)
{
	struct crlset_part *p = &set->parts[set->n];
	AUTO_FREE char *name = NULL;
	struct x509_facts facts;

	TRY(x509_facts(ca, &facts, e));
	name = part_name(set->name, facts.fingerprint);
	if (!is_among(facts.fingerprint, good, n_good) || !file_exists(dir, name)) {
		AUTO_FREE char *subject = x509_subject(ca);

		return err_set(e, ERR_TRUST,
			       "there is no good CRL of the CA \"%.200s\": nothing is "
			       "written without it",
			       subject);
	}
	*p = (struct crlset_part){ .der = NULL };
	TRY(map_part(dir, name, p, e));
	set->n++;
	return x509_to_pem(ca, &p->ca, e);
}

int crlset_load(int root, const char *name, const char *cas,
		const uint8_t (*good)[HASH_LEN], size_t n_good, struct crlset *set,
		struct err *e)
{
	AUTO_CRLSET struct crlset got = { .name = name };
	AUTO_CHAIN STACK_OF(X509) *list = NULL;
	AUTO_FD int dir = -1;

	TRY(crlset_cas(cas, &list, e));
	TRY(open_shelf(root, &dir, e));
	for (int i = 0; i < sk_X509_num(list); i++)
		TRY(load_part(dir, sk_X509_value(list, i), good, n_good, &got, e));
	*set = got;
	got.n = 0;
	return 0;
}

void crlset_done(struct crlset *set)
{
	for (size_t i = 0; i < set->n; i++) {
		buf_done(&set->parts[i].ca);
		munmap(set->parts[i].der, set->parts[i].len);
	}
	set->n = 0;
}

/* -- writing -- */

void crlset_add_pem(const struct crlset_part *p, struct buf *out)
{
	const uint8_t *der = p->der;
	char line[4 * (LINE / 3) + 2];

	buf_puts(out, "-----BEGIN X509 CRL-----\n");
	for (size_t at = 0; at < p->len; at += LINE) {
		const size_t left = p->len - at;
		const int n = EVP_EncodeBlock((unsigned char *)line, der + at,
					      (int)(left < LINE ? left : LINE));

		line[n] = '\n';
		buf_add(out, line, (size_t)n + 1);
	}
	buf_puts(out, "-----END X509 CRL-----\n");
}

int crlset_render(const struct crlset *set, enum content_kind kind, struct buf *out,
		  struct err *e)
{
	buf_done(out);
	if (kind == CONTENT_DER) {
		if (set->n != 1)
			return err_set(e, ERR_CONFIG,
				       "DER holds one CRL, and there are %zu CAs",
				       set->n);
		buf_add(out, set->parts[0].der, set->parts[0].len);
		return 0;
	}
	for (size_t i = 0; kind == CONTENT_COMBINED && i < set->n; i++)
		buf_add(out, set->parts[i].ca.data, set->parts[i].ca.len);
	for (size_t i = 0; i < set->n; i++)
		crlset_add_pem(&set->parts[i], out);
	return 0;
}

static int write_at(const struct crlset *set, enum content_kind kind,
		    const struct target *t, const struct file_access *access,
		    bool *wrote, struct err *e)
{
	AUTO_BUF struct buf want = { 0 };
	unsigned differs = 0;

	TRY(crlset_render(set, kind, &want, e));
	TRY(target_audit(t, &want, access, &differs, e));
	TRY(target_write(t, &want, access, e));
	*wrote = *wrote || differs != 0;
	return 0;
}

int crlset_store(int root, const struct crlset *set, bool *wrote, struct err *e)
{
	AUTO_FREE char *pem = xasprintf("%s.pem", set->name);
	AUTO_FREE char *der = xasprintf("%s.der", set->name);
	AUTO_FD int dir = -1;

	TRY(open_shelf(root, &dir, e));
	if (set->n == 1)
		TRY(write_at(set, CONTENT_DER, &(struct target){ dir, der }, &readable,
			     wrote, e));
	return write_at(set, CONTENT_CRL, &(struct target){ dir, pem }, &readable,
			wrote, e);
}

static int write_file(const struct crlset *set, enum content_kind kind,
		      const char *path, const struct file_access *access, bool *wrote,
		      struct err *e)
{
	AUTO_TARGET struct target t = { .dir = -1 };

	TRY(target_open(&t, path, e));
	return write_at(set, kind, &t, access, wrote, e);
}

int crlset_write(const struct crlset *set, enum content_kind kind, const char *path,
		 const struct file_access *access, bool *wrote, struct err *e)
{
	const int rc = kind == CONTENT_HASHED
			   ? hashed_write_crls(path, set, access, wrote, e)
			   : write_file(set, kind, path, access, wrote, e);

	return rc < 0 ? err_wrap(e, "write %s", path) : 0;
}

/* -- taking away -- */

static int remove_at(const struct target *t, bool *gone, struct err *e)
{
	*gone = *gone || file_exists(t->dir, t->name);
	TRY(place_remove(t->dir, t->name, e));
	return fsync(t->dir) < 0 ? err_sys(e, "sync the folder of %s", t->name) : 0;
}

int crlset_clear(int root, const char *name, bool *gone, struct err *e)
{
	AUTO_FREE char *pem = xasprintf("%s.pem", name);
	AUTO_FREE char *der = xasprintf("%s.der", name);
	AUTO_FD int dir = -1;

	TRY(open_shelf(root, &dir, e));
	TRY(remove_at(&(struct target){ dir, der }, gone, e));
	return remove_at(&(struct target){ dir, pem }, gone, e);
}

static int remove_file(const char *path, bool *gone, struct err *e)
{
	AUTO_TARGET struct target t = { .dir = -1 };

	TRY(target_open(&t, path, e));
	return remove_at(&t, gone, e);
}

int crlset_remove(const char *name, enum content_kind kind, const char *path,
		  bool *gone, struct err *e)
{
	const struct crlset none = { .name = name };
	const int rc = kind == CONTENT_HASHED
			   ? hashed_write_crls(path, &none, &readable, gone, e)
			   : remove_file(path, gone, e);

	return rc < 0 ? err_wrap(e, "take away %s", path) : 0;
}

static bool is_part(const char *file, const char *name)
{
	const size_t len = strlen(name);

	return strncmp(file, name, len) == 0 && file[len] == '@';
}

int crlset_forget(int root, const char *name, struct err *e)
{
	AUTO_FD int shelf = -1;
	AUTO_DIR DIR *d = NULL;
	const struct dirent *f;
	bool gone = false;

	TRY(place_check(name, e));
	TRY(crlset_clear(root, name, &gone, e));
	TRY(open_shelf(root, &shelf, e));
	d = fdopendir(shelf);
	if (d == NULL)
		return err_sys(e, "list " PLACE_CRL);
	(void)take_fd(&shelf);
	while ((errno = 0, f = readdir(d)) != NULL)
		if (is_part(f->d_name, name))
			TRY(place_remove(dirfd(d), f->d_name, e));
	return errno != 0 || fsync(dirfd(d)) < 0 ? err_sys(e, "list " PLACE_CRL) : 0;
}
