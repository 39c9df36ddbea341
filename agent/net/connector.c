#include "agent/net/connector.h"

#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/http_trust.h"
#include "base/mem.h"
#include "base/sandbox.h"

#define CRL_SIZE \
	(400ULL << 20) /* those of our own certificates, which nobody configures */

/* What a name look-up reads. */
static const char *const resolver_paths[] = {
	"/etc/resolv.conf", "/etc/hosts",    "/etc/nsswitch.conf",   "/etc/host.conf",
	"/etc/gai.conf",    "/etc/services", "/run/systemd/resolve", NULL,
};

/* The C library loads what nsswitch.conf names at the first look-up; inside of the
 * sandbox nothing can be loaded any more. */
static void load_resolver(void)
{
	struct addrinfo *list = NULL;

	if (getaddrinfo("localhost", NULL, NULL, &list) == 0)
		freeaddrinfo(list);
}

/* A probe may take half a minute, and nobody waits for it once the supervisor lets go:
 * the kernel then sends SIGIO, of which we end. */
static int end_with_supervisor(struct err *e)
{
	if (fcntl(ROLE_FD_SUPERVISOR, F_SETOWN, getpid()) < 0 ||
	    fcntl(ROLE_FD_SUPERVISOR, F_SETFL, O_ASYNC) < 0)
		return err_sys(e, "end with the supervisor");
	return 0;
}

/* A worker writes to what the keeper hands it, a CRL at most. What it says goes to a file,
 * perhaps, that is larger: then that is not said. */
static int limit_files(const struct spec *s, struct err *e)
{
	struct rlimit most = { CRL_SIZE, CRL_SIZE };

	for (uint32_t i = 0; i < s->n[SPEC_CRLS]; i++)
		if (s->crls[i].max_size > most.rlim_max)
			most.rlim_cur = most.rlim_max = s->crls[i].max_size;
	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &most) < 0)
		return err_sys(e, "limit the size of files");
	return 0;
}

/* -- the sandbox -- */

struct paths {
	struct sandbox_path *list; /* owned */
	size_t n;
};

static void add_path(struct paths *p, const char *path)
{
	if (path == NULL)
		return;
	p->list = xrealloc(p->list, p->n + 1, sizeof(*p->list));
	p->list[p->n++] = (struct sandbox_path){ path, SANDBOX_READ };
}

/* What verifies CAs is read when the first is spoken to: by then there is a sandbox. */
static void add_trust(struct paths *p, const struct spec *s, const char *roots)
{
	const char *const *trust = http_trust_paths();

	for (size_t i = 0; trust[i] != NULL; i++)
		add_path(p, trust[i]);
	for (uint32_t i = 0; i < s->n[SPEC_ISSUERS]; i++)
		if (s->issuers[i].trust_by == TRUST_FILE)
			add_path(p, spec_text(s, s->issuers[i].trust));
	/* Kept roots are replaced while a worker lives: their folder. */
	add_path(p, roots);
}

static int confine(struct role_start *s, struct err *e)
{
	AUTO_FREE char *roots =
	    NULL; /* who looks at what a person names has no state */
	struct paths p = { 0 };
	int rc;

	for (size_t i = 0; resolver_paths[i] != NULL; i++)
		add_path(&p, resolver_paths[i]);
	if (s->role == ROLE_WORKER) {
		roots = xasprintf("%s/roots",
				  spec_text(&s->spec, s->spec.global->state_dir));
		add_trust(&p, &s->spec, roots);
	}
	rc = role_confine(s, p.list, p.n, e);
	free(p.list);
	return rc;
}

int connector_begin(enum role role, struct role_start *s, struct err *e)
{
	TRY(role_begin(role, s, e));
	TRY(end_with_supervisor(e));
	load_resolver();
	if (role == ROLE_WORKER)
		TRY(limit_files(&s->spec, e));
	return confine(s, e);
}
