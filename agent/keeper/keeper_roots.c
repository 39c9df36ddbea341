#include "agent/keeper/keeper_roots.h"

#include <errno.h>
#include <string.h>

#include "agent/keeper/keeper.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/x509.h"
#include "store/generation.h"
#include "store/place.h"
#include "store/set.h"

/* Those of an embedded CA are kept from its first roll-over on. */
static bool is_kept(const struct spec_issuer *i)
{
	return i->trust_by != TRUST_FILE || i->type == ISSUER_LOCAL;
}

static const char tail[] = "-----END CERTIFICATE-----\n";

/* -- which there are -- */

char *keeper_roots_path(const struct keeper *k, uint64_t issuer)
{
	const struct spec_issuer *i = &k->start.spec.issuers[issuer];

	return is_kept(i) || spec_anchors(&k->start.spec, (uint32_t)issuer) != NULL
		   ? xasprintf(PLACE_ROOTS "/%s.pem", keeper_text(k, i->name))
		   : NULL;
}

/* -- what files hold -- */

/* Add each block of `pem` that is not there. */
static void add_new(struct buf *all, const char *pem)
{
	const char *end;

	for (; (end = strstr(pem, tail)) != NULL; pem = end) {
		AUTO_FREE char *block = NULL;

		end += strlen(tail);
		block = xstrndup(pem, (size_t)(end - pem));
		if (all->len == 0 || strstr(all->data, block) == NULL)
			buf_puts(all, block);
	}
}

static int add_kept(const struct keeper *k, uint64_t issuer, struct buf *all,
		    struct err *e)
{
	AUTO_FREE char *path = keeper_roots_path(k, issuer);
	AUTO_BUF struct buf pem = { 0 };

	if (path == NULL)
		return 0;
	if (file_read(k->root, path, LIMIT_CHAIN_BYTES, &pem, e) < 0)
		return e->sysno == ENOENT ? 0 : e->code;
	if (keeper_check_form(path, pem.data, e) < 0)
		return e->code;
	add_new(all, pem.data);
	return 0;
}

int keeper_roots_of(const struct keeper *k, const struct spec_cert *c, struct set *set,
		    struct err *e)
{
	AUTO_BUF struct buf all = { 0 };

	if (!spec_holds_roots(&k->start.spec, c))
		return 0;
	for (uint32_t i = 0; i < c->issuers.n; i++)
		TRY(add_kept(k, k->start.spec.numbers[c->issuers.first + i], &all, e));
	if (all.len == 0) /* as it came */
		return 0;
	if (set->ca.len > 0)
		add_new(&all, set->ca.data);
	buf_done(&set->ca);
	set->ca = all;
	all = (struct buf){ 0 };
	return 0;
}

int keeper_roots_live(const struct keeper *k, const struct spec_cert *c,
		      struct set *set, struct err *e)
{
	AUTO_SET struct set live = { .name = NULL };
	uint64_t number;

	if (!spec_holds_roots(&k->start.spec, c) ||
	    generation_current(k->root, keeper_text(k, c->name), &number, e) < 0 ||
	    number == 0 ||
	    set_read(k->root, keeper_text(k, c->name), number, &live, e) < 0)
		return 0; /* nothing whole is live: there is nothing to keep */
	TRY(keeper_roots_of(k, c, &live, e));
	if (live.ca.len > 0)
		add_new(&set->ca, live.ca.data);
	return 0;
}

/* -- what the agent has accepted -- */

static int put(int dir, const char *name, const char *end, const char *pem,
	       struct err *e)
{
	const struct file_access open_to_all = { FILE_KEEP, FILE_KEEP, 0644 };
	AUTO_FREE char *file = xasprintf("%s%s", name, end);

	return file_write(dir, file, pem, strlen(pem), &open_to_all, e);
}

static bool is_same(int dir, const char *name, const char *pem)
{
	AUTO_FREE char *file = xasprintf("%s.pem", name);
	AUTO_BUF struct buf old = { 0 };
	struct err e;

	return file_read(dir, file, LIMIT_CHAIN_BYTES, &old, &e) == 0 &&
	       old.len == strlen(pem) && memcmp(old.data, pem, old.len) == 0;
}

int keeper_roots(void *role, struct msg *m, struct err *e)
{
	const struct keeper *k = role;
	const uint64_t issuer = msg_get_u64(m);
	AUTO_FREE char *path = NULL;
	AUTO_FREE char *roots = xstrdup(msg_get_str(m));
	AUTO_FREE char *seen = xstrdup(msg_get_str(m));
	AUTO_FD int dir = -1;
	const uint32_t id = m->id;
	const char *name;
	bool same;

	TRY(msg_end(m, e));
	if (issuer < k->start.spec.n[SPEC_ISSUERS])
		path = keeper_roots_path(k, issuer);
	if (path == NULL)
		return err_set(e, ERR_PROTO, "issuer %llu has no roots to keep",
			       (unsigned long long)issuer);
	name = keeper_text(k, k->start.spec.issuers[issuer].name);
	TRY(keeper_check_form("roots", roots, e));
	TRY(keeper_check_form("seen", seen, e));
	if (roots[0] == '\0')
		return err_set(e, ERR_PROTO, "%s without a root", name);
	TRY(place_dir(k->root, PLACE_ROOTS, 0755, &dir, e));
	same = is_same(dir, name, roots);
	if ((!same && put(dir, name, ".pem", roots, e) < 0) ||
	    put(dir, name, ".seen", seen, e) < 0)
		return err_wrap(e, PLACE_ROOTS "/%s", name);
	msg_begin(m, KEEPER_ROOTS, id);
	msg_put_u64(m, !same);
	return 0;
}
