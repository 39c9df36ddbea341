#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/keeper/keeper.h"
#include "agent/keeper/keeper_authority.h"
#include "agent/keeper/keeper_crl.h"
#include "agent/keeper/keeper_csr.h"
#include "agent/keeper/keeper_roots.h"
#include "agent/keeper/keeper_txt.h"
#include "agent/keeper/keeper_watch.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/role/stranger_walk.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/sandbox.h"

#define LOOKS   (1u << KEEPER_LOOKS)
#define RENEWS  (1u << KEEPER_RENEWS)
#define FORGETS (1u << KEEPER_FORGETS)
#define SIGNS   (1u << KEEPER_SIGNS)
#define OPENS   (1u << KEEPER_OPENS)
#define CHECKS  (1u << KEEPER_CHECKS)

/* The closed list. */
static const struct msg_rule rules[] = {
	{ KEEPER_STAMP, LOOKS | RENEWS, keeper_stamp },
	{ KEEPER_AUDIT, LOOKS | RENEWS, keeper_audit },
	{ KEEPER_KEY, RENEWS, keeper_key },
	{ KEEPER_ISSUE, RENEWS, keeper_issue },
	{ KEEPER_CSR, RENEWS, keeper_csr_asked },
	{ KEEPER_STORE, RENEWS, keeper_store },
	{ KEEPER_LIVE, RENEWS, keeper_live },
	{ KEEPER_PRUNE, RENEWS, keeper_prune },
	{ KEEPER_LEND, RENEWS | OPENS | CHECKS, keeper_lend },
	{ KEEPER_PRESENT, RENEWS, keeper_present },
	{ KEEPER_WITHDRAW, RENEWS, keeper_withdraw },
	{ KEEPER_TXT, RENEWS, keeper_txt },
	{ KEEPER_TXT_REPLY, RENEWS, keeper_txt_reply },
	{ KEEPER_WATCH, RENEWS, keeper_watch },
	{ KEEPER_STRANGERS, LOOKS | RENEWS, keeper_strangers },
	{ KEEPER_CRL_CAS, RENEWS, keeper_crl_cas },
	{ KEEPER_CRL_STAGE, RENEWS, keeper_crl_stage },
	{ KEEPER_CRL_KEEP, RENEWS, keeper_crl_keep },
	{ KEEPER_CRL_WRITE, RENEWS, keeper_crl_write },
	{ KEEPER_CRL_FORGET, RENEWS, keeper_crl_forget },
	{ KEEPER_ROOTS, RENEWS, keeper_roots },
	{ KEEPER_FORGET, FORGETS, keeper_forget },
	{ KEEPER_CA_INIT, SIGNS, keeper_ca_init },
	{ KEEPER_CA_SIGN, SIGNS, keeper_ca_sign },
	{ KEEPER_CA_REVOKE, SIGNS | RENEWS, keeper_ca_revoke },
	{ KEEPER_CA_CRL, SIGNS, keeper_ca_crl },
	{ KEEPER_CA_ROLLOVER, SIGNS, keeper_ca_rollover },
	{ KEEPER_CA_ROOTS, RENEWS, keeper_ca_roots },
};

int keeper_cert(const struct keeper *k, uint64_t n, const struct spec_cert **cert,
		struct err *e)
{
	if (n >= k->start.spec.n[SPEC_CERTS])
		return err_set(e, ERR_PROTO, "there is no certificate %llu",
			       (unsigned long long)n);
	*cert = &k->start.spec.certs[n];
	return 0;
}

bool keeper_issues(const struct keeper *k, const struct spec_cert *c, uint64_t issuer)
{
	for (uint32_t i = 0; i < c->issuers.n; i++)
		if (k->start.spec.numbers[c->issuers.first + i] == issuer)
			return true;
	return false;
}

struct name *keeper_names(const struct keeper *k, const struct spec_cert *c)
{
	struct name *names = xcalloc(c->names.n, sizeof(*names));

	for (uint32_t i = 0; i < c->names.n; i++) {
		const struct spec_name *n = &k->start.spec.names[c->names.first + i];

		names[i] =
		    (struct name){ (enum name_kind)n->kind, keeper_text(k, n->value) };
	}
	return names;
}

const char *keeper_text(const struct keeper *k, struct text t)
{
	return spec_text(&k->start.spec, t);
}

/* -- the sandbox: what is written, and the secrets that are read -- */

static int by_path(const void *a, const void *b)
{
	const struct sandbox_path *x = a;
	const struct sandbox_path *y = b;

	return strcmp(x->path, y->path);
}

struct paths {
	struct sandbox_path *all; /* owned, and their paths */
	size_t n;
};

static void add_path(struct paths *p, char *path, enum sandbox_right right)
{
	p->all[p->n++] = (struct sandbox_path){ path, right };
}

/* Those from `first` on, sorted, each once. */
static void unique(struct paths *p, size_t first)
{
	size_t kept = first;

	qsort(p->all + first, p->n - first, sizeof(*p->all), by_path);
	for (size_t i = first; i < p->n; i++)
		if (kept > first && strcmp(p->all[kept - 1].path, p->all[i].path) == 0)
			free((void *)(uintptr_t)p->all[i].path);
		else
			p->all[kept++] = p->all[i];
	p->n = kept;
}

static void add_folders(struct paths *p, const struct spec *s)
{
	size_t first = p->n;

	for (uint32_t i = 0; i < s->n[SPEC_FILES]; i++)
		add_path(p, spec_file_folder(s, &s->files[i]), SANDBOX_WRITE);
	for (uint32_t i = 0; i < s->n[SPEC_CHALLENGES]; i++)
		if (s->challenges[i].webroot.at != 0)
			add_path(p, xstrdup(spec_text(s, s->challenges[i].webroot)),
				 SANDBOX_WRITE);
	unique(p, first);
}

static void add_strangers(struct paths *p, const struct spec *s)
{
	const size_t first = p->n;

	for (uint32_t i = 0; i < s->n[SPEC_WATCH]; i++) {
		const char *pattern = spec_text(s, s->watch[i]);

		add_path(p, xstrndup(pattern, stranger_root(pattern)), SANDBOX_READ);
	}
	unique(p, first);
}

/* The certificates of its CAs, and where it is in a file itself. */
static void add_crl(struct paths *p, const struct spec *s, const struct spec_crl *c)
{
	add_path(p, xstrdup(spec_text(s, c->ca.at != 0 ? c->ca : c->bundle)),
		 SANDBOX_READ);
	for (uint32_t i = 0; i < c->urls.n; i++) {
		const char *path =
		    spec_url_file(spec_text(s, s->words[c->urls.first + i]));

		if (path != NULL)
			add_path(p, xstrdup(path), SANDBOX_READ);
	}
}

static void add_secret(struct paths *p, const struct spec *s, struct text path)
{
	if (path.at != 0)
		add_path(p, xstrdup(spec_text(s, path)), SANDBOX_READ);
}

static void add_secrets(struct paths *p, const struct spec *s)
{
	size_t first = p->n;

	for (uint32_t i = 0; i < s->n[SPEC_ISSUERS]; i++) {
		add_secret(p, s, s->issuers[i].eab_key_file);
		add_secret(p, s, s->issuers[i].auth_key_file);
		add_secret(p, s, s->issuers[i].password_file);
		add_secret(p, s, s->issuers[i].certificate_file);
		add_secret(p, s, s->issuers[i].key_file);
	}
	for (uint32_t i = 0; i < s->n[SPEC_CHALLENGES]; i++)
		add_secret(p, s, s->challenges[i].key_file);
	for (uint32_t i = 0; i < s->n[SPEC_FILES]; i++)
		add_secret(p, s, s->files[i].password_file);
	for (uint32_t i = 0; i < s->n[SPEC_CRLS]; i++)
		add_crl(p, s, &s->crls[i]);
	unique(p, first);
}

/* Our own, the folder of each configured file, each webroot, each file with a secret, each
 * folder below which there may be certificates of others. */
static struct paths paths_of(const struct spec *s)
{
	size_t most = 1 + 2 * (size_t)s->n[SPEC_FILES] +
		      2 * (size_t)s->n[SPEC_CHALLENGES] +
		      5 * (size_t)s->n[SPEC_ISSUERS] + s->n[SPEC_CRLS] +
		      s->n[SPEC_WORDS] + s->n[SPEC_WATCH];
	struct paths p = { .all = xcalloc(most, sizeof(*p.all)) };

	add_path(&p, xstrdup(spec_text(s, s->global->state_dir)), SANDBOX_WRITE);
	add_folders(&p, s);
	add_secrets(&p, s);
	add_strangers(&p, s);
	return p;
}

static int confine(struct keeper *k, struct err *e)
{
	const char *state_dir =
	    spec_text(&k->start.spec, k->start.spec.global->state_dir);
	struct paths p;
	int rc;

	k->root = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (k->root < 0 && request_writes(&k->start.request))
		return err_sys(e, "open %s", state_dir);
	p = paths_of(&k->start.spec);
	rc = role_confine(&k->start, p.all, p.n, e);
	for (size_t i = 0; i < p.n; i++)
		free((void *)(uintptr_t)p.all[i].path);
	free(p.all);
	return rc;
}

int keeper_role(void)
{
	struct keeper k = { .root = -1,
			    .strangers = { .fd = -1 },
			    .begun_ms = clock_boot_ms() };
	struct err e;
	int rc = role_begin(ROLE_KEEPER, &k.start, &e);

	if (rc == 0) {
		k.state = keeper_state_for(&k.start.request);
		k.stored = xcalloc(k.start.spec.n[SPEC_CERTS], sizeof(*k.stored));
		keeper_watch_begin(&k);
		rc = confine(&k, &e);
	}
	if (rc == 0 && request_writes(&k.start.request) &&
	    (k.start.request.flags & REQUEST_SWEEP) != 0)
		keeper_sweep(&k);
	if (rc == 0)
		rc = keeper_serve(&k, rules, sizeof(rules) / sizeof(*rules), &e);
	if (rc < 0)
		log_error("%s", e.text);
	keeper_watch_end(&k);
	auto_fd_(&k.root);
	role_end(&k.start);
	if (k.shut_out)
		return EXIT_AGAIN;
	return rc < 0 ? EXIT_SANDBOX : EXIT_SUCCESS;
}
