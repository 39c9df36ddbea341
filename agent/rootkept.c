#include "agent/rootkept.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "agent/agent.h"
#include "agent/inventory.h"
#include "agent/rule/rootrule.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "store/generation.h"

#define NS 1000000000

static const char *name_of(const struct agent *a, uint32_t n)
{
	return spec_text(a->spec, a->spec->issuers[n].name);
}

/* -- what is kept -- */

int rootkept_read(const struct agent *a, uint32_t n, STACK_OF(X509) * *kept,
		  struct err *e)
{
	AUTO_FREE char *path = xasprintf("roots/%s.pem", name_of(a, n));
	AUTO_BUF struct buf pem = { 0 };

	*kept = NULL;
	if (!file_exists(a->root, path))
		return 0;
	TRY(file_read(a->root, path, LIMIT_CHAIN_BYTES, &pem, e));
	if (x509_chain_from_pem(pem.data, pem.len, kept, e) < 0)
		return err_wrap(e, "%s", path);
	return 0;
}

bool rootkept_has(const struct agent *a, uint32_t n)
{
	AUTO_FREE char *path = xasprintf("roots/%s.pem", name_of(a, n));

	return file_exists(a->root, path);
}

bool rootkept_stamp(int dir, const char *path, struct file_stamp *stamp)
{
	struct stat st;

	if (fstatat(dir, path, &st, 0) < 0)
		return false;
	inventory_stamp(&st, stamp);
	return true;
}

int64_t rootkept_seen_at(const struct agent *a, uint32_t n)
{
	AUTO_FREE char *path = xasprintf("roots/%s.seen", name_of(a, n));
	const char *anchors = spec_anchors(a->spec, n);
	struct file_stamp seen, now;

	if (!rootkept_has(a, n) || !rootkept_stamp(a->root, path, &seen))
		return 0;
	if (anchors != NULL && rootkept_stamp(AT_FDCWD, anchors, &now) &&
	    now.ctime_ns >= seen.ctime_ns)
		return 0;
	return seen.mtime_ns / NS;
}

/* -- which certificates are its -- */

bool rootkept_is_of(const struct agent *a, uint32_t cert, uint32_t issuer)
{
	const struct list l = a->spec->certs[cert].issuers;

	for (uint32_t i = 0; i < l.n; i++)
		if (a->spec->numbers[l.first + i] == issuer)
			return true;
	return false;
}

bool rootkept_holds(const struct agent *a, uint32_t cert)
{
	return spec_holds_roots(a->spec, &a->spec->certs[cert]);
}

/* Roots that live certificates of the issuer lead to are what stands in their ca.pem. */
static bool leads_there(const struct agent *a, uint32_t cert, X509 *root)
{
	AUTO_CHAIN STACK_OF(X509) *its = NULL;
	AUTO_BUF struct buf pem = { 0 };
	const char *name = agent_cert_name(a, cert);
	AUTO_FD int dir = -1;
	uint64_t number; /* of one that this run may not be about */
	struct err e;

	return generation_current(a->root, name, &number, &e) == 0 &&
	       generation_open(a->root, name, number, &dir, &e) == 0 &&
	       file_read(dir, "ca.pem", LIMIT_CHAIN_BYTES, &pem, &e) == 0 &&
	       x509_chain_from_pem(pem.data, pem.len, &its, &e) == 0 &&
	       rootrule_has(its, root);
}

bool rootkept_is_needed(const struct agent *a, uint32_t issuer, X509 *root)
{
	for (uint32_t i = 0; i < a->spec->n[SPEC_CERTS]; i++)
		if (rootkept_is_of(a, i, issuer) && leads_there(a, i, root))
			return true;
	return false;
}

int rootkept_stay(const struct agent *a, uint32_t n, const STACK_OF(X509) * roots,
		  const STACK_OF(X509) * named, STACK_OF(X509) * stay, struct err *e)
{
	for (int i = 0; i < sk_X509_num(roots); i++) {
		X509 *root = sk_X509_value(roots, i);

		if ((rootrule_has(named, root) || rootkept_is_needed(a, n, root)) &&
		    !X509_add_cert(stay, root, X509_ADD_FLAG_UP_REF))
			return err_set(e, ERR_SYS, "out of memory");
	}
	/* One that names its intermediates alone takes nothing back. */
	for (int i = 0; sk_X509_num(stay) == 0 && i < sk_X509_num(roots); i++)
		if (!X509_add_cert(stay, sk_X509_value(roots, i), X509_ADD_FLAG_UP_REF))
			return err_set(e, ERR_SYS, "out of memory");
	return 0;
}

/* -- who asks for them -- */

/* One that the issuer would know: it came from there, and holds. */
static bool shows(const struct agent *a, uint32_t cert, uint32_t issuer)
{
	const struct cert *c = &a->certs[cert];

	return c->generation != 0 && c->issuer == issuer &&
	       c->not_after > clock_now() &&
	       (c->flags & (CERT_UNREADABLE | CERT_REVOKED)) == 0;
}

struct lend_ticket rootkept_ticket(const struct agent *a, uint32_t issuer)
{
	struct lend_ticket t = { .what = LEND_ROOTS, .issuer = issuer };

	for (uint32_t i = 0; i < a->spec->n[SPEC_CERTS] && t.generation == 0; i++) {
		if (!rootkept_is_of(a, i, issuer))
			continue;
		t.cert = i;
		if (shows(a, i, issuer))
			t.generation = a->certs[i].generation;
	}
	return t;
}
