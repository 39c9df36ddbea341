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
#include "store/crlset.h"
#include "store/set.h"
#include "store/target.h"

#define NAME_SIZE 24          /* "4042bcee.r0" */
#define TEMP_TAIL ".everleaf" /* of file_write()'s drafts, which begin with a dot */
#define MARK_MAX  512

/* Between the hash and the number. */
#define OF_CERT "."
#define OF_CRL  ".r"

/* What the folder is to hold. */
struct plan {
	const char *name; /* borrowed: whose files they are */
	const char *of;   /* OF_CERT, OF_CRL */
	int dir;          /* owned */
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

static void put_mark(const char *name, struct buf *out)
{
	buf_printf(out, "# everleaf %s\n", name);
}

/* What we have written says so in its first line. */
static bool is_ours(int dir, const char *file, const char *name)
{
	AUTO_BUF struct buf mark = { 0 };
	AUTO_FD int fd =
	    openat(dir, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char text[MARK_MAX];
	struct stat st;

	put_mark(name, &mark);
	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       st.st_nlink == 1 && mark.len <= sizeof(text) &&
	       pread(fd, text, mark.len, 0) == (ssize_t)mark.len &&
	       memcmp(text, mark.data, mark.len) == 0;
}

/* Room for what is of `name`; its text is the caller's to add. */
static int add(struct plan *p, const X509_NAME *name, struct buf **text, struct err *e)
{
	struct entry *to = &p->entries[p->n];
	int ok = 0;
	unsigned long hash = X509_NAME_hash_ex(name, NULL, NULL, &ok);
	unsigned n = 0;

	if (ok != 1)
		return key_openssl_err(e, ERR_SYS, "hash the name of a CA");
	do
		snprintf(to->name, sizeof(to->name), "%08lx%s%u", hash, p->of, n++);
	while (is_in_plan(p, to->name) ||
	       (file_exists(p->dir, to->name) && !is_ours(p->dir, to->name, p->name)));
	to->text = (struct buf){ 0 };
	p->n++;
	put_mark(p->name, &to->text);
	*text = &to->text;
	return 0;
}

static int plan_anchors(struct plan *p, const char *path, const struct set *set,
			struct err *e)
{
	const struct content bundle = { .kind = CONTENT_CA };
	AUTO_CHAIN STACK_OF(X509) *anchors = NULL;
	AUTO_BUF struct buf pem = { 0 };
	struct buf *text;

	TRY(content_render(set, &bundle, &pem, e));
	TRY(x509_chain_from_pem(pem.data, pem.len, &anchors, e));
	TRY(file_open_dir(AT_FDCWD, path, &p->dir, e));
	for (int i = 0; i < sk_X509_num(anchors); i++) {
		const X509 *cert = sk_X509_value(anchors, i);

		TRY(add(p, X509_get_subject_name(cert), &text, e));
		TRY(x509_to_pem(sk_X509_value(anchors, i), text, e));
	}
	return 0;
}

static int plan_crls(struct plan *p, const char *path, const struct crlset *set,
		     struct err *e)
{
	struct buf *text;

	TRY(file_open_dir(AT_FDCWD, path, &p->dir, e));
	for (size_t i = 0; i < set->n; i++) {
		const struct crlset_part *part = &set->parts[i];
		AUTO_CHAIN STACK_OF(X509) *ca = NULL;

		TRY(x509_chain_from_pem(part->ca.data, part->ca.len, &ca, e));
		TRY(add(p, X509_get_subject_name(sk_X509_value(ca, 0)), &text, e));
		crlset_add_pem(part, text);
	}
	return 0;
}

/* "4042bcee.0" or "4042bcee.r0", and nothing after it but `tail`. */
static bool is_hash_name(const char *name, const char *of, const char *tail)
{
	const size_t n = strlen(of);
	size_t digits;

	if (strspn(name, "0123456789abcdef") != 8 || strncmp(name + 8, of, n) != 0)
		return false;
	digits = strspn(name + 8 + n, "0123456789");
	return digits > 0 && digits < 9 && strcmp(name + 8 + n + digits, tail) == 0;
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

static bool is_cert(const char *name)
{
	return is_hash_name(name, OF_CERT, "");
}

static bool is_crl(const char *name)
{
	return is_hash_name(name, OF_CRL, "");
}

static bool is_any(const char *name)
{
	return is_cert(name) || is_crl(name);
}

static bool is_draft(const char *name)
{
	return name[0] == '.' && (is_hash_name(name + 1, OF_CERT, TEMP_TAIL) ||
				  is_hash_name(name + 1, OF_CRL, TEMP_TAIL));
}

struct looking {
	const struct plan *plan;
	bool stale;
};

static int look_stale(void *arg, int dir, const char *name, struct err *e)
{
	struct looking *l = arg;

	(void)e;
	if (!is_in_plan(l->plan, name) && is_ours(dir, name, l->plan->name))
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

static int each_like(const struct plan *p,
		     int (*one)(void *arg, int dir, const char *name, struct err *e),
		     void *arg, struct err *e)
{
	return each(p->dir, strcmp(p->of, OF_CRL) == 0 ? is_crl : is_cert, one, arg, e);
}

static int write_plan(const struct plan *p, const struct file_access *access,
		      struct err *e)
{
	struct looking l = { .plan = p };

	for (size_t i = 0; i < p->n; i++) {
		const struct target t = { p->dir, p->entries[i].name };

		if (target_write(&t, &p->entries[i].text, access, e) < 0)
			return err_wrap(e, "%s", t.name);
	}
	TRY(each(p->dir, is_draft, sweep_draft, NULL, e));
	TRY(each_like(p, remove_stale, &l, e));
	return l.stale && fsync(p->dir) < 0 ? err_sys(e, "sync it") : 0;
}

static int audit_plan(const struct plan *p, const struct file_access *access,
		      unsigned *differs, struct err *e)
{
	struct looking l = { .plan = p };
	unsigned found = 0;

	for (size_t i = 0; found == 0 && i < p->n; i++) {
		const struct target t = { p->dir, p->entries[i].name };

		TRY(target_audit(&t, &p->entries[i].text, access, &found, e));
	}
	TRY(each_like(p, look_stale, &l, e));
	*differs = found == 0 && l.stale ? TARGET_CONTENT : found;
	return 0;
}

int hashed_write(const char *path, const struct set *set,
		 const struct file_access *access, struct err *e)
{
	AUTO_PLAN struct plan p = { .name = set->name, .of = OF_CERT, .dir = -1 };

	TRY(plan_anchors(&p, path, set, e));
	return write_plan(&p, access, e);
}

int hashed_audit(const char *path, const struct set *set,
		 const struct file_access *access, unsigned *differs, struct err *e)
{
	AUTO_PLAN struct plan p = { .name = set->name, .of = OF_CERT, .dir = -1 };

	TRY(plan_anchors(&p, path, set, e));
	return audit_plan(&p, access, differs, e);
}

int hashed_write_crls(const char *path, const struct crlset *set,
		      const struct file_access *access, bool *wrote, struct err *e)
{
	AUTO_PLAN struct plan p = { .name = set->name, .of = OF_CRL, .dir = -1 };
	unsigned differs = 0;

	TRY(plan_crls(&p, path, set, e));
	TRY(audit_plan(&p, access, &differs, e));
	TRY(write_plan(&p, access, e));
	*wrote = *wrote || differs != 0;
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
	return each(dir, is_any, one, arg, e);
}
