#include "agent/keeper/keeper_foreign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/keeper/child.h"
#include "agent/keeper/keeper.h"
#include "agent/role/log.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/x509.h"
#include "store/content.h"
#include "store/generation.h"
#include "store/set.h"
#include "store/target.h"

/* Kinds of content that have a certificate or a key in them, in a form that is read. */
static bool bears(const struct spec_file *f)
{
	switch ((enum content_kind)f->content) {
	case CONTENT_FULLCHAIN:
	case CONTENT_CERT:
	case CONTENT_KEY:
	case CONTENT_COMBINED:
	case CONTENT_PKCS12:
	case CONTENT_DER:
		return true;
	case CONTENT_CHAIN:
	case CONTENT_CA:
	case CONTENT_HASHED:
	case CONTENT_SDS:
	case CONTENT_TRUSTSTORE:
	case CONTENT_CRL:
	case CONTENT_KINDS:
		break;
	}
	return false;
}

static void read_part(const struct keeper *k, const struct spec_file *f,
		      struct foreign_part *p)
{
	AUTO_TARGET struct target t = { .dir = -1 };
	struct err e;

	if (f->password_file.at != 0)
		(void)keeper_password(k, f->password_file, &p->password, &e);
	if (target_open(&t, keeper_text(k, f->path), &e) == 0)
		(void)file_read(t.dir, t.name, LIMIT_CHAIN_BYTES, &p->bytes, &e);
}

static void work(void *arg, int fd)
{
	struct foreign f;

	memset(&f, 0, sizeof(f));
	foreign_judge(arg, &f);
	if (write(fd, &f, sizeof(f)) != (ssize_t)sizeof(f))
		_exit(EXIT_FAILURE);
}

static int judge(struct foreign_look *l, struct foreign *f, struct err *e)
{
	AUTO_BUF struct buf said = { 0 };
	struct child child;

	TRY(child_start(LIMIT_FOREIGN_S, work, l, &child, e));
	TRY(child_take(&child, sizeof(*f), &said, e));
	if (said.len != sizeof(*f))
		return err_set(e, ERR_SYS, "its judge ended too soon");
	memcpy(f, said.data, sizeof(*f));
	return 0;
}

/* A generation of ours, which a roll-back or a crash has left there. */
static bool is_ours(const struct keeper *k, const char *name, const struct foreign *f)
{
	AUTO_FREE uint64_t *numbers = NULL;
	struct x509_facts facts;
	struct err e;
	size_t n = 0;

	if (generation_list(k->root, name, &numbers, &n, &e) < 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		AUTO_BUF struct buf pem = { 0 };
		AUTO_FD int dir = -1;

		if (generation_open(k->root, name, numbers[i], &dir, &e) == 0 &&
		    file_read(dir, "cert.pem", LIMIT_CHAIN_BYTES, &pem, &e) == 0 &&
		    x509_facts_from_pem(pem.data, pem.len, &facts, &e) == 0 &&
		    memcmp(facts.fingerprint, f->fingerprint, sizeof(f->fingerprint)) ==
			0)
			return true;
	}
	return false;
}

static void look(const struct keeper *k, const struct spec_cert *c,
		 struct foreign_look *l, struct foreign *f)
{
	const char *name = keeper_text(k, c->name);
	struct err e;

	if (judge(l, f, &e) < 0) {
		log_warn("%s: what somebody has put in its files cannot be read: %s",
			 name, e.text);
		*f = (struct foreign){ .newer = false };
	}
	if (f->number >= c->files.n || (f->newer && is_ours(k, name, f)))
		f->newer = false;
}

void keeper_foreign(const struct keeper *k, const struct spec_cert *c,
		    const struct set *ours, const unsigned *differs, struct foreign *f)
{
	AUTO_FREE struct foreign_part *parts = xcalloc(c->files.n, sizeof(*parts));
	AUTO_FREE struct name *names = keeper_names(k, c);
	struct foreign_look l = { .ours = ours,
				  .names = names,
				  .n_names = c->names.n,
				  .parts = parts,
				  .now = clock_now() };
	bool any = false;

	*f = (struct foreign){ .newer = false };
	for (uint32_t i = 0; i < c->files.n; i++) {
		const struct spec_file *file = &k->start.spec.files[c->files.first + i];
		struct foreign_part *p = &parts[l.n_parts];

		if (!bears(file) ||
		    (differs[i] & (TARGET_MISSING | TARGET_STRANGE)) != 0)
			continue;
		p->number = i;
		p->differs = (differs[i] & TARGET_CONTENT) != 0;
		any = any || p->differs;
		l.n_parts++;
	}
	for (size_t i = 0; i < l.n_parts && any; i++)
		read_part(k, &k->start.spec.files[c->files.first + parts[i].number],
			  &parts[i]);
	if (any)
		look(k, c, &l, f);
	for (size_t i = 0; i < l.n_parts; i++) {
		buf_done(&parts[i].bytes);
		buf_done(&parts[i].password);
	}
}
