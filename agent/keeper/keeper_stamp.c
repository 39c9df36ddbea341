#include <fcntl.h>
#include <sys/stat.h>

#include "agent/keeper/keeper.h"
#include "agent/keeper/keeper_crl.h"
#include "agent/keeper/keeper_roots.h"
#include "agent/keeper/keeper_watch.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "store/hashed.h"

#define STAMPS_MAX 4096 /* in one message */
#define STAMP_FORM 2    /* with another, what was remembered is asked anew */

static uint64_t mix(uint64_t h, uint64_t v)
{
	h ^= v + 0x9e3779b97f4a7c15u + (h << 6) + (h >> 2);
	return h * 0xff51afd7ed558ccdu;
}

static uint64_t stamp_of(int dir, const char *path, uint64_t h)
{
	struct stat st;

	if (fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return mix(h, 1);
	h = mix(h, (uint64_t)st.st_ino);
	h = mix(h, (uint64_t)st.st_size);
	h = mix(h, (uint64_t)st.st_mtim.tv_sec * 1000000000u +
		       (uint64_t)st.st_mtim.tv_nsec);
	h = mix(h, (uint64_t)st.st_ctim.tv_sec * 1000000000u +
		       (uint64_t)st.st_ctim.tv_nsec);
	return mix(h,
		   (uint64_t)st.st_mode << 32 ^ (uint64_t)st.st_uid << 16 ^ st.st_gid);
}

/* In whatever order the folder gives them. */
static int add_stamp(void *sum, int dir, const char *name, struct err *e)
{
	(void)e;
	*(uint64_t *)sum += stamp_of(dir, name, 0);
	return 0;
}

static uint64_t stamp_folder(const char *path, uint64_t h)
{
	uint64_t sum = 0;
	struct err e;

	if (hashed_each(path, add_stamp, &sum, &e) < 0)
		return mix(h, 2);
	return mix(h, sum);
}

/* What is asked for is part of it: what was whole as "cert" is not as "fullchain". */
static uint64_t stamp_file(const struct spec *s, const struct spec_file *f, uint64_t h)
{
	h = stamp_of(AT_FDCWD, spec_text(s, f->path), h);
	if (f->content == CONTENT_HASHED)
		h = stamp_folder(spec_text(s, f->path), h);
	if (f->password_file.at != 0)
		h = stamp_of(AT_FDCWD, spec_text(s, f->password_file), h);
	h = mix(h, (uint64_t)f->content << 32 ^ f->cert_first);
	h = mix(h, (uint64_t)f->key_form << 32 ^ f->p12);
	return mix(h, (uint64_t)f->mode << 32 ^ (uint64_t)f->uid << 16 ^ f->gid);
}

/* What files of roots are to hold besides what came with the certificate. */
static uint64_t stamp_roots(const struct keeper *k, const struct spec_cert *c,
			    uint64_t h)
{
	const struct spec *s = &k->start.spec;

	for (uint32_t i = 0; spec_holds_roots(s, c) && i < c->issuers.n; i++) {
		const uint32_t issuer = s->numbers[c->issuers.first + i];
		AUTO_FREE char *path = keeper_roots_path(k, issuer);

		if (path != NULL)
			h = stamp_of(k->root, path, h);
		if (spec_anchors(s, issuer) != NULL)
			h = stamp_of(AT_FDCWD, spec_anchors(s, issuer), h);
	}
	return h;
}

/* The link itself, and what of the live set is read; nothing else in it is. */
static uint64_t stamp_live(const struct keeper *k, const struct spec_cert *c)
{
	static const char *const parts[] = { "privkey.pem", "cert.pem", "chain.pem",
					     "fullchain.pem", "csr.pem" };
	const size_t n = sizeof(parts) / sizeof(parts[0]) - (c->csr.at == 0);
	AUTO_FREE char *live = xasprintf("live/%s", spec_text(&k->start.spec, c->name));
	uint64_t h = stamp_of(k->root, live, STAMP_FORM);
	/* The way there is gone once, not for each file; -1 is as if there were none. */
	AUTO_FD int dir = openat(k->root, live, O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; i < n; i++)
		h = stamp_of(dir, parts[i], h);
	return h;
}

uint64_t keeper_stamp_cert(const struct keeper *k, const struct spec_cert *c)
{
	const struct spec *s = &k->start.spec;
	uint64_t h = stamp_live(k, c);

	for (uint32_t i = 0; i < c->files.n; i++)
		h = stamp_file(s, &s->files[c->files.first + i], h);
	return stamp_roots(k, c, h);
}

uint64_t keeper_stamp_crl(const struct keeper *k, const struct spec_crl *c)
{
	const struct spec *s = &k->start.spec;
	AUTO_FREE char *pem = xasprintf("crl/%s.pem", spec_text(s, c->name));
	AUTO_FREE char *der = xasprintf("crl/%s.der", spec_text(s, c->name));
	uint64_t h = stamp_of(k->root, pem, stamp_of(k->root, der, STAMP_FORM));

	for (uint32_t i = 0; i < c->files.n; i++)
		h = stamp_file(s, &s->files[c->files.first + i], h);
	return h;
}

int keeper_stamp(void *role, struct msg *m, struct err *e)
{
	struct keeper *k = role;
	uint64_t first = msg_get_u64(m);
	uint64_t n = msg_get_u64(m);
	AUTO_FREE uint64_t *stamps = NULL;
	uint32_t id = m->id;

	TRY(msg_end(m, e));
	if (n > STAMPS_MAX || first > k->start.spec.n[SPEC_CERTS] ||
	    n > k->start.spec.n[SPEC_CERTS] - first)
		return err_set(e, ERR_PROTO,
			       "stamps of certificates that are not there");
	stamps = xcalloc(n, sizeof(*stamps));
	for (uint64_t i = 0; i < n; i++) {
		const struct spec_cert *c = &k->start.spec.certs[first + i];

		stamps[i] = keeper_stamp_cert(k, c);
		keeper_watch_known(k, c, stamps[i]);
	}
	msg_begin(m, KEEPER_STAMP, id);
	msg_put_bytes(m, stamps, n * sizeof(*stamps));
	return 0;
}
