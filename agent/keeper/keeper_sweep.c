#include "agent/keeper/keeper.h"

#include "agent/role/log.h"
#include "base/buf.h"
#include "base/err.h"
#include "store/authority.h"
#include "store/generation.h"
#include "store/pending.h"
#include "store/publish.h"

static void tell(int rc, const struct err *e)
{
	if (rc < 0)
		log_warn("after a run that was cut short: %s", e->text);
}

static void sweep_cert(const struct keeper *k, const struct spec_cert *c)
{
	const char *name = keeper_text(k, c->name);
	struct err e;

	tell(generation_sweep(k->root, name, &e), &e);
	tell(pending_sweep(k->root, name, c->next_key != 0, &e), &e);
	for (uint32_t i = 0; i < c->files.n; i++) {
		const struct spec_file *f = &k->start.spec.files[c->files.first + i];

		tell(publish_sweep(keeper_text(k, f->path),
				   (enum content_kind)f->content, &e),
		     &e);
	}
}

static void sweep_account(const struct keeper *k, const struct spec_issuer *i)
{
	AUTO_BUF struct buf folder = { 0 };
	struct err e;
	int rc = account_folder(k->root, keeper_text(k, i->name),
				keeper_text(k, i->url), &folder, &e);

	if (rc == 0)
		rc = account_sweep(k->root, folder.data, &e);
	tell(rc, &e);
}

void keeper_sweep(const struct keeper *k)
{
	const struct spec *s = &k->start.spec;
	struct err e;

	for (uint32_t i = 0; i < s->n[SPEC_CERTS]; i++)
		sweep_cert(k, &s->certs[i]);
	for (uint32_t i = 0; i < s->n[SPEC_ISSUERS]; i++) {
		const char *name = keeper_text(k, s->issuers[i].name);

		if (s->issuers[i].type == ISSUER_LOCAL)
			tell(authority_sweep(k->root, name, &e), &e);
		if (s->issuers[i].type == ISSUER_ACME && s->issuers[i].url.at != 0)
			sweep_account(k, &s->issuers[i]);
	}
}
