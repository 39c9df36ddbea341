#include "store/hashed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/x509.h"
#include "store/content.h"
#include "store/set.h"
#include "store/target.h"

#define NAME_SIZE  24          /* "4042bcee.0" */
#define TEMP_TAIL  ".everleaf" /* of file_write()'s drafts, which begin with a dot */
#define LIMIT_FILE (64 * 1024) /* one certificate */

/* What the folder is to hold. */
struct plan {
	const struct set *set;
	int dir; /* owned */
	size_t n;
	struct entry {
		char name[NAME_SIZE];
		struct buf text; /* owned */
	} entries[LIMIT_CHAIN_CERTS];
};

static void plan_done(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		buf_done(&p->entries[i].text);
	auto_fd_(&p->dir);
}

#define AUTO_PLAN __attribute__((cleanup(plan_done)))

static bool is_in_plan(const struct plan *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->entries[i].name, name) == 0)
			return true;
	return false;
}

static void put_mark(const struct set *set, struct buf *out)
{
	buf_printf(out, "# everleaf %s\n", set->name);
}

/* What we have written says so. */
static bool is_ours(int dir, const char *name, const struct set *set)
{
	AUTO_BUF struct buf mark = { 0 }, text = { 0 };
	struct stat st;
	struct err e;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_nlink != 1 || file_read(dir, name, LIMIT_FILE, &text, &e) < 0)
		return false;
	put_mark(set, &mark);
	return text.len >= mark.len && memcmp(text.data, mark.data, mark.len) == 0;
}

static int add(struct plan *p, X509 *cert, struct err *e)
{
	struct entry *to = &p->entries[p->n];
	int ok = 0;
	unsigned long hash =
	    X509_NAME_hash_ex(X509_get_subject_name(cert), NULL, NULL, &ok);
	unsigned n = 0;

	if (ok != 1)
		return key_openssl_err(e, ERR_SYS, "hash the subject of a CA");
	do
		snprintf(to->name, sizeof(to->name), "%08lx.%u", hash, n++);
	while (is_in_plan(p, to->name) ||
	       (file_exists(p->dir, to->name) && !is_ours(p->dir, to->name, p->set)));
	to->text = (struct buf){ 0 };
	p->n++;
	put_mark(p->set, &to->text);
	return x509_to_pem(cert, &to->text, e);
}

static int make_plan(struct plan *p, const char *path, struct err *e)
{
	const struct content bundle = { .kind = CONTENT_CA };
	AUTO_CHAIN STACK_OF(X509) *anchors = NULL;
	AUTO_BUF struct buf pem = { 0 };

	TRY(content_render(p->set, &bundle, &pem, e));
	TRY(x509_chain_from_pem(pem.data, pem.len, &anchors, e));
	TRY(file_open_dir(AT_FDCWD, path, &p->dir, e));
	for (int i = 0; i < sk_X509_num(anchors); i++)
		TRY(add(p, sk_X509_value(anchors, i), e));
	return 0;
}

/* "4042bcee.0", and nothing after it but `tail`. */
static bool is_hash_name(const char *name, const char *tail)
{
	size_t digits;

	if (strspn(name, "0123456789abcdef") != 8 || name[8] != '.')
		return false;
	digits = strspn(name + 9, "0123456789");
	return digits > 0 && digits < 9 && strcmp(name + 9 + digits, tail) == 0;
}

static int each(int dir, bool (*like)(const char *name),
		int (*one)(void *arg, int dir, const char *name, struct err *e),
		void *arg, struct err *e)
{
	AUTO_FD int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *f;

	if (d == NULL)
		return err_sys(e, "list it");
	(void)take_fd(&fd);
	while ((errno = 0, f = readdir(d)) != NULL)
		if (like(f->d_name))
			TRY(one(arg, dir, f->d_name, e));
	return errno == 0 ? 0 : err_sys(e, "list it");
}

static bool is_file(const char *name)
{
	return is_hash_name(name, "");
}

static bool is_draft(const char *name)
{
	return name[0] == '.' && is_hash_name(name + 1, TEMP_TAIL);
}

struct looking {
	const struct plan *plan;
	bool stale;
};

static int look_stale(void *arg, int dir, const char *name, struct err *e)
{
	struct looking *l = arg;

	(void)e;
	if (!is_in_plan(l->plan, name) && is_ours(dir, name, l->plan->set))
		l->stale = true;
	return 0;
}

static int remove_stale(void *arg, int dir, const char *name, struct err *e)
{
	struct looking one = { .plan = ((struct looking *)arg)->plan };

	TRY(look_stale(&one, dir, name, e));
	if (!one.stale)
		return 0;
	((struct looking *)arg)->stale = true;
	return unlinkat(dir, name, 0) == 0 ? 0 : err_sys(e, "remove %s", name);
}

static int sweep_draft(void *arg, int dir, const char *name, struct err *e)
{
	char of[NAME_SIZE];

	(void)arg;
	snprintf(of, sizeof(of), "%.*s", (int)(strlen(name) - sizeof(TEMP_TAIL)),
		 name + 1);
	return file_sweep(dir, of, e);
}

int hashed_write(const char *path, const struct set *set,
		 const struct file_access *access, struct err *e)
{
	AUTO_PLAN struct plan p = { .set = set, .dir = -1 };
	struct looking l = { .plan = &p };

	TRY(make_plan(&p, path, e));
	for (size_t i = 0; i < p.n; i++) {
		const struct target t = { p.dir, p.entries[i].name };

		if (target_write(&t, &p.entries[i].text, access, e) < 0)
			return err_wrap(e, "%s", t.name);
	}
	TRY(each(p.dir, is_draft, sweep_draft, NULL, e));
	TRY(each(p.dir, is_file, remove_stale, &l, e));
	return l.stale && fsync(p.dir) < 0 ? err_sys(e, "sync it") : 0;
}

int hashed_audit(const char *path, const struct set *set,
		 const struct file_access *access, unsigned *differs, struct err *e)
{
	AUTO_PLAN struct plan p = { .set = set, .dir = -1 };
	struct looking l = { .plan = &p };
	unsigned found = 0;

	TRY(make_plan(&p, path, e));
	for (size_t i = 0; found == 0 && i < p.n; i++) {
		const struct target t = { p.dir, p.entries[i].name };

		TRY(target_audit(&t, &p.entries[i].text, access, &found, e));
	}
	TRY(each(p.dir, is_file, look_stale, &l, e));
	*differs = found == 0 && l.stale ? TARGET_CONTENT : found;
	return 0;
}

int hashed_sweep(const char *path, struct err *e)
{
	AUTO_FD int dir = -1;

	TRY(file_open_dir(AT_FDCWD, path, &dir, e));
	return each(dir, is_draft, sweep_draft, NULL, e);
}

int hashed_each(const char *path,
		int (*one)(void *arg, int dir, const char *name, struct err *e),
		void *arg, struct err *e)
{
	AUTO_FD int dir = -1;

	TRY(file_open_dir(AT_FDCWD, path, &dir, e));
	return each(dir, is_file, one, arg, e);
}
