#include "agent/keeper/keeper_crl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/keeper/keeper.h"
#include "agent/keeper/keeper_authority.h"
#include "agent/keeper/keeper_watch.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/crl.h"
#include "base/err.h"
#include "base/mem.h"
#include "store/crlset.h"
#include "store/place.h"

static const struct spec_crl *crl_at(const struct keeper *k, uint64_t n, struct err *e)
{
	if (n < k->start.spec.n[SPEC_CRLS])
		return &k->start.spec.crls[n];
	err_set(e, ERR_PROTO, "there is no CRL %llu", (unsigned long long)n);
	return NULL;
}

static const char *ca_path(const struct keeper *k, const struct spec_crl *c)
{
	return keeper_text(k, c->ca.at != 0 ? c->ca : c->bundle);
}

/* -- where a worker writes to -- */

/* What a list is copied from, absolute or in the store; NULL: it is fetched. */
struct source {
	char *path; /* owned */
	uint64_t max;
};

static void source_done(struct source *s)
{
	free(s->path);
}

#define AUTO_SOURCE __attribute__((cleanup(source_done)))

/* What is in a file goes the same way as what is fetched: through a worker. */
static int copy_file(const struct keeper *k, const struct source *s, int to,
		     struct err *e)
{
	AUTO_FD int from = -1;
	char part[8192];
	uint64_t sum = 0;
	ssize_t n;

	TRY(file_open(k->root, s->path, &from, e));
	while ((n = read(from, part, sizeof(part))) > 0) {
		sum += (uint64_t)n;
		if (sum > s->max)
			return err_set(e, ERR_LIMIT, "%s is larger than %llu bytes",
				       s->path, (unsigned long long)s->max);
		if (write(to, part, (size_t)n) != n)
			return err_sys(e, "copy %s", s->path);
	}
	if (n < 0)
		return err_sys(e, "read %s", s->path);
	return lseek(to, 0, SEEK_SET) < 0 ? err_sys(e, "copy %s", s->path) : 0;
}

static int put_cas(const struct keeper *k, const struct spec_crl *c, struct msg *m,
		   struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *cas = NULL;

	TRY(crlset_cas(ca_path(k, c), &cas, e));
	if (c->ca.at != 0 && sk_X509_num(cas) != 1 &&
	    keeper_cas_named(k, ca_path(k, c), "root.pem") == NULL)
		return err_set(e, ERR_CONFIG,
			       "%s: %d certificates, expected that of one CA; with "
			       "`bundle` there may be several",
			       ca_path(k, c), sk_X509_num(cas));
	msg_put_u64(m, (uint64_t)sk_X509_num(cas));
	for (int i = 0; i < sk_X509_num(cas); i++) {
		AUTO_BUF struct buf der = { 0 };

		TRY(x509_to_der(sk_X509_value(cas, i), &der, e));
		msg_put_bytes(m, der.data, der.len);
	}
	return 0;
}

int keeper_crl_cas(void *role, struct msg *m, struct err *e)
{
	struct keeper *k = role;
	const struct spec_crl *c;
	const uint32_t id = m->id;
	const uint64_t n = msg_get_u64(m);

	TRY(msg_end(m, e));
	c = crl_at(k, n, e);
	if (c == NULL)
		return e->code;
	msg_begin(m, KEEPER_CRL_CAS, id);
	return put_cas(k, c, m, e) < 0 ? keeper_failed(k, m, e) : 0;
}

/* The list in the folder of an embedded CA is that of the key which is asked about. */
static int list_of(const struct keeper *k, const struct spec_crl *c, const char *path,
		   uint64_t which, char **list, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *cas = NULL;
	const char *name = keeper_cas_named(k, path, "crl.der");

	if (name != NULL)
		TRY(crlset_cas(ca_path(k, c), &cas, e));
	if (cas != NULL && which < (uint64_t)sk_X509_num(cas))
		return keeper_cas_list(k, name, sk_X509_value(cas, (int)which), list,
				       e);
	*list = xstrdup(path);
	return 0;
}

static int configured(const struct keeper *k, uint64_t n, uint64_t url, uint64_t ca,
		      struct source *s, struct err *e)
{
	const struct spec_crl *c;
	const char *path;

	c = crl_at(k, n, e);
	if (c == NULL)
		return e->code;
	if (url >= c->urls.n)
		return err_set(e, ERR_PROTO, "there is no such URL");
	path = spec_url_file(keeper_text(k, k->start.spec.words[c->urls.first + url]));
	s->max = c->max_size;
	return path == NULL ? 0 : list_of(k, c, path, ca, &s->path, e);
}

static int embedded(const struct keeper *k, uint64_t issuer, uint64_t key,
		    struct source *s, struct err *e)
{
	const struct spec *spec = &k->start.spec;

	if (issuer >= spec->n[SPEC_ISSUERS] ||
	    spec->issuers[issuer].type != ISSUER_LOCAL)
		return err_set(e, ERR_PROTO, "issuer %llu is not an embedded CA",
			       (unsigned long long)issuer);
	s->path = place_of_ca(keeper_text(k, spec->issuers[issuer].name), (unsigned)key,
			      "crl.der");
	s->max = LIMIT_CRL_BYTES;
	return 0;
}

int keeper_crl_stage(void *role, struct msg *m, struct err *e)
{
	struct keeper *k = role;
	AUTO_FD int fd = -1;
	AUTO_SOURCE struct source from = { .path = NULL };
	const uint32_t id = m->id;
	const uint64_t n = msg_get_u64(m), which = msg_get_u64(m), ca = msg_get_u64(m);

	TRY(msg_end(m, e));
	if (n != SPEC_NOBODY)
		TRY(configured(k, n, which, ca, &from, e));
	else if (which != SPEC_NOBODY)
		TRY(embedded(k, which, ca, &from, e));
	TRY(crlset_stage(k->root, &fd, e));
	if (from.path != NULL && copy_file(k, &from, fd, e) < 0)
		return keeper_failed(k, m, e);
	msg_begin(m, KEEPER_CRL_STAGE, id);
	m->fd = take_fd(&fd);
	return 0;
}

/* -- what has come -- */

int keeper_crl_keep(void *role, struct msg *m, struct err *e)
{
	const struct keeper *k = role;
	AUTO_FD int fd = msg_take_fd(m);
	const struct spec_crl *c;
	const uint32_t id = m->id;
	const uint64_t n = msg_get_u64(m);
	size_t len = 0;
	const void *ca = msg_get_bytes(m, &len);
	const uint64_t size = msg_get_u64(m);
	struct stat st;

	TRY(msg_end(m, e));
	c = crl_at(k, n, e);
	if (c == NULL)
		return e->code;
	if (fstat(fd, &st) < 0) /* also where none came */
		return err_sys(e, "the CRL to keep");
	if (!S_ISREG(st.st_mode) || len != HASH_LEN || size == 0 || size > c->max_size)
		return err_set(e, ERR_PROTO, "this is no CRL to keep");
	TRY(crlset_keep(k->root, keeper_text(k, c->name), ca, fd, size, e));
	msg_begin(m, KEEPER_CRL_KEEP, id);
	return 0;
}

static int write_files(struct keeper *k, const struct spec_crl *c,
		       const struct crlset *set, bool *wrote, struct err *e)
{
	for (uint32_t i = 0; i < c->files.n; i++) {
		const struct spec_file *f = &k->start.spec.files[c->files.first + i];
		const struct file_access access = keeper_file_access(f);

		TRY(crlset_write(set, (enum content_kind)f->content,
				 keeper_text(k, f->path), &access, wrote, e));
	}
	return 0;
}

static int take_away(struct keeper *k, const struct spec_crl *c, bool *gone,
		     struct err *e)
{
	const char *name = keeper_text(k, c->name);

	for (uint32_t i = 0; i < c->files.n; i++) {
		const struct spec_file *f = &k->start.spec.files[c->files.first + i];

		if (spec_crl_takes_away(c, f))
			TRY(crlset_remove(name, (enum content_kind)f->content,
					  keeper_text(k, f->path), gone, e));
	}
	return c->on_stale == STALE_REMOVE ? crlset_clear(k->root, name, gone, e) : 0;
}

static int write_set(struct keeper *k, const struct spec_crl *c,
		     const uint8_t (*good)[HASH_LEN], size_t n, bool *wrote,
		     struct err *e)
{
	AUTO_CRLSET struct crlset set = { .n = 0 };

	TRY(crlset_load(k->root, keeper_text(k, c->name), ca_path(k, c), good, n, &set,
			e));
	TRY(crlset_store(k->root, &set, wrote, e));
	return write_files(k, c, &set, wrote, e);
}

int keeper_crl_write(void *role, struct msg *m, struct err *e)
{
	struct keeper *k = role;
	uint8_t good[LIMIT_CHAIN_CERTS][HASH_LEN];
	const struct spec_crl *c;
	const uint32_t id = m->id;
	const uint64_t n = msg_get_u64(m), away = msg_get_u64(m);
	size_t len = 0;
	const void *hashes = msg_get_bytes(m, &len);
	bool wrote = false;
	int rc;

	TRY(msg_end(m, e));
	c = crl_at(k, n, e);
	if (c == NULL)
		return e->code;
	if (len > sizeof(good) || len % HASH_LEN != 0)
		return err_set(e, ERR_PROTO, "CRLs of too many CAs");
	if (away != 0 && !spec_crl_takes_any(&k->start.spec, c))
		return err_set(e, ERR_PROTO, "a CRL that is not taken away");
	if (len > 0)
		memcpy(good, hashes, len);
	rc = away != 0 ? take_away(k, c, &wrote, e)
		       : write_set(k, c, (const uint8_t(*)[HASH_LEN])good,
				   len / HASH_LEN, &wrote, e);
	if (rc < 0)
		return keeper_failed(k, m, e);
	keeper_watch_written(k, c);
	msg_begin(m, KEEPER_CRL_WRITE, id);
	msg_put_u64(m, wrote);
	return 0;
}

int keeper_crl_forget(void *role, struct msg *m, struct err *e)
{
	struct keeper *k = role;
	const uint32_t id = m->id;
	AUTO_FREE char *name = xstrdup(msg_get_str(m));

	TRY(msg_end(m, e));
	for (uint32_t i = 0; i < k->start.spec.n[SPEC_CRLS]; i++)
		if (strcmp(keeper_text(k, k->start.spec.crls[i].name), name) == 0)
			return err_set(e, ERR_PROTO, "the CRL %s is configured", name);
	if (crlset_forget(k->root, name, e) < 0)
		return keeper_failed(k, m, e);
	msg_begin(m, KEEPER_CRL_FORGET, id);
	return 0;
}
