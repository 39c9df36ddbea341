#include "store/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/x509.h"
#include "store/generation.h"

/* The folder of a configured path, opened, and the name in it. */
struct target {
	int dir; /* owned */
	const char *name;
};

#define AUTO_TARGET __attribute__((cleanup(target_done)))

static void target_done(struct target *t)
{
	auto_fd_(&t->dir);
}

static int target_open(struct target *t, const char *path, struct err *e)
{
	AUTO_FREE char *folder = NULL;
	const char *slash = strrchr(path, '/');

	if (path[0] != '/' || slash[1] == '\0')
		return err_set(e, ERR_CONFIG, "%s is not the absolute path of a file",
			       path);
	folder = xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
	t->name = slash + 1;
	return file_open_dir(AT_FDCWD, folder, &t->dir, e);
}

static int read_part(int dir, const char *file, bool needed, struct buf *out,
		     struct err *e)
{
	if (file_read(dir, file, LIMIT_CHAIN_BYTES, out, e) == 0)
		return 0;
	return !needed && e->sysno == ENOENT ? 0 : e->code;
}

static int check_pair(const struct publish_set *set, struct err *e)
{
	AUTO_KEY EVP_PKEY *key = NULL;
	AUTO_CHAIN STACK_OF(X509) *leaf = NULL;
	struct err why;

	if (key_from_pem(set->key.data, set->key.len, &key, &why) < 0)
		return err_set(e, ERR_TRUST, "privkey.pem: %s", why.text);
	if (x509_chain_from_pem(set->cert.data, set->cert.len, &leaf, &why) < 0)
		return err_set(e, ERR_TRUST, "cert.pem: %s", why.text);
	if (!key_same_public(key, X509_get0_pubkey(sk_X509_value(leaf, 0))))
		return err_set(e, ERR_TRUST, "privkey.pem is not the key of cert.pem");
	return 0;
}

static int load(int dir, struct publish_set *set, struct err *e)
{
	TRY(read_part(dir, "privkey.pem", true, &set->key, e));
	TRY(read_part(dir, "cert.pem", true, &set->cert, e));
	TRY(read_part(dir, "chain.pem", false, &set->chain, e));
	TRY(read_part(dir, "ca.pem", false, &set->ca, e));
	return check_pair(set, e);
}

/* Blocks follow each other on lines of their own. */
static void add_pem(struct buf *out, const struct buf *pem)
{
	buf_add(out, pem->data, pem->len);
	if (pem->len > 0 && pem->data[pem->len - 1] != '\n')
		buf_puts(out, "\n");
}

static int add_der(struct buf *out, const struct buf *pem, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *leaf = NULL;

	TRY(x509_chain_from_pem(pem->data, pem->len, &leaf, e));
	return x509_to_der(sk_X509_value(leaf, 0), out, e);
}

static int render(const struct publish_set *set, enum publish_content content,
		  struct buf *out, struct err *e)
{
	if (content == PUBLISH_KEY || content == PUBLISH_COMBINED)
		add_pem(out, &set->key);
	if (content == PUBLISH_CERT || content == PUBLISH_FULLCHAIN ||
	    content == PUBLISH_COMBINED)
		add_pem(out, &set->cert);
	if (content == PUBLISH_CHAIN || content == PUBLISH_FULLCHAIN ||
	    content == PUBLISH_COMBINED)
		add_pem(out, &set->chain);
	if (content == PUBLISH_DER)
		return add_der(out, &set->cert, e);
	if (content == PUBLISH_PKCS12)
		return err_set(e, ERR_CONFIG, "pkcs12: not in this version");
	if (content == PUBLISH_CA && set->ca.len == 0)
		return err_set(e, ERR_CONFIG,
			       "there is no CA certificate to write: the CA gave "
			       "none with this certificate");
	if (content == PUBLISH_CA)
		add_pem(out, &set->ca);
	return 0;
}

static unsigned compare_stat(const struct stat *st, const struct file_access *access)
{
	unsigned differs = 0;

	if ((access->uid != FILE_KEEP && access->uid != st->st_uid) ||
	    (access->gid != FILE_KEEP && access->gid != st->st_gid))
		differs |= PUBLISH_OWNER;
	if ((st->st_mode & 07777) != (access->mode & 0777))
		differs |= PUBLISH_MODE;
	return differs;
}

static int compare_bytes(const struct target *t, const struct buf *want,
			 unsigned *differs, struct err *e)
{
	AUTO_BUF struct buf got = { 0 };
	int rc = file_read(t->dir, t->name, want->len, &got, e);

	if (rc == ERR_LIMIT || (rc < 0 && e->sysno == EACCES))
		*differs |= PUBLISH_CONTENT;
	else if (rc < 0)
		return rc;
	else if (got.len != want->len ||
		 (want->len > 0 && memcmp(got.data, want->data, want->len) != 0))
		*differs |= PUBLISH_CONTENT;
	return 0;
}

static int audit(const struct target *t, const struct publish_file *file,
		 const struct buf *want, unsigned *differs, struct err *e)
{
	struct stat st;

	if (fstatat(t->dir, t->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		*differs = PUBLISH_MISSING;
		return errno == ENOENT ? 0 : err_sys(e, "look at it");
	}
	*differs = PUBLISH_STRANGE;
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return 0;
	*differs = compare_stat(&st, &file->access);
	return compare_bytes(t, want, differs, e);
}

static int write_if_needed(const struct publish_set *set,
			   const struct publish_file *file, struct err *e)
{
	AUTO_TARGET struct target t = { .dir = -1 };
	AUTO_BUF struct buf want = { 0 };
	unsigned differs = 0;

	TRY(publish_render(set, file->content, &want, e));
	TRY(target_open(&t, file->path, e));
	/* Also where nothing is to be written: it may hold a key. */
	TRY(file_sweep(t.dir, t.name, e));
	TRY(audit(&t, file, &want, &differs, e));
	if (differs == PUBLISH_STRANGE)
		return err_set(e, ERR_SYS,
			       "it is a link, a folder, a device or has "
			       "two names: not replaced");
	if (differs == 0)
		return 0;
	return file_write(t.dir, t.name, want.data, want.len, &file->access, e);
}

static int audit_file(const struct publish_set *set, const struct publish_file *file,
		      unsigned *differs, struct err *e)
{
	AUTO_TARGET struct target t = { .dir = -1 };
	AUTO_BUF struct buf want = { 0 };
	unsigned found = 0;

	TRY(publish_render(set, file->content, &want, e));
	TRY(target_open(&t, file->path, e));
	TRY(audit(&t, file, &want, &found, e));
	*differs = found;
	return 0;
}

int publish_load(int root, const char *name, uint64_t number, struct publish_set *set,
		 struct err *e)
{
	AUTO_PUBLISH_SET struct publish_set got = { 0 };
	AUTO_FD int dir = -1;

	TRY(generation_open(root, name, number, &dir, e));
	if (load(dir, &got, e) < 0)
		return err_wrap(e, "generation %d of %s", (int)number, name);
	*set = got;
	got = (struct publish_set){ 0 };
	return 0;
}

void publish_set_done(struct publish_set *set)
{
	buf_done(&set->key);
	buf_done(&set->cert);
	buf_done(&set->chain);
	buf_done(&set->ca);
}

int publish_render(const struct publish_set *set, enum publish_content content,
		   struct buf *out, struct err *e)
{
	AUTO_BUF struct buf got = { 0 };

	TRY(render(set, content, &got, e));
	buf_done(out);
	*out = got;
	got = (struct buf){ 0 };
	return 0;
}

int publish_write(const struct publish_set *set, const struct publish_file *file,
		  struct err *e)
{
	if (write_if_needed(set, file, e) < 0)
		return err_wrap(e, "write %s", file->path);
	return 0;
}

int publish_sweep(const char *path, struct err *e)
{
	AUTO_TARGET struct target t = { .dir = -1 };

	if (target_open(&t, path, e) < 0 || file_sweep(t.dir, t.name, e) < 0)
		return err_wrap(e, "sweep %s", path);
	return 0;
}

int publish_audit(const struct publish_set *set, const struct publish_file *file,
		  unsigned *differs, struct err *e)
{
	if (audit_file(set, file, differs, e) < 0)
		return err_wrap(e, "look at %s", file->path);
	return 0;
}
