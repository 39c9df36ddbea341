#include "agent/rootkept.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "agent/agent.h"
#include "agent/rootrule.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "store/content.h"
#include "store/generation.h"

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

int64_t rootkept_seen_at(const struct agent *a, uint32_t n)
{
	AUTO_FREE char *path = xasprintf("roots/%s.seen", name_of(a, n));
	struct stat st;

	return fstatat(a->root, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ? 0
								    : st.st_mtim.tv_sec;
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
	const struct list l = a->spec->certs[cert].files;

	for (uint32_t i = 0; i < l.n; i++)
		if (content_is_trust(
			(enum content_kind)a->spec->files[l.first + i].content))
			return true;
	return false;
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
