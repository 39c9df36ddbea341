/*
 * The worker role: does one thing on the network at a time, for the agent: looks at an
 * endpoint, or goes to a CA (worker.h). It connects, and has no file, no key and nothing
 * to run.
 */
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/log.h"
#include "agent/messages.h"
#include "agent/probe.h"
#include "agent/roles.h"
#include "agent/worker.h"
#include "base/err.h"
#include "base/http_trust.h"
#include "base/mem.h"
#include "base/sandbox.h"

/* What a name look-up reads. */
static const char *const resolver_paths[] = {
	"/etc/resolv.conf", "/etc/hosts",    "/etc/nsswitch.conf",   "/etc/host.conf",
	"/etc/gai.conf",    "/etc/services", "/run/systemd/resolve", NULL,
};

#define PROBE_MS_MAX 300000 /* no probe takes minutes; and no clock overflows */

static const char *or_null(const char *s)
{
	return s[0] == '\0' ? NULL : s;
}

static void read_hash(struct msg *m, uint8_t hash[32])
{
	size_t len;
	const void *bytes = msg_get_bytes(m, &len);

	if (len == 32)
		memcpy(hash, bytes, 32);
	else
		m->broken = true;
}

static int on_probe(void *role, struct msg *m, struct err *e)
{
	struct probe_request r = { .host = msg_get_str(m) };
	struct probe_result result;
	uint32_t id = m->id;
	uint64_t proto;

	(void)role;
	r.port = or_null(msg_get_str(m));
	r.name = or_null(msg_get_str(m));
	proto = msg_get_u64(m);
	read_hash(m, r.wanted);
	read_hash(m, r.old);
	r.deadline_ms = msg_get_i64(m);
	TRY(msg_end(m, e));
	if (proto >= PROBE_PROTOS)
		return err_set(e, ERR_PROTO, "there is no protocol %llu",
			       (unsigned long long)proto);
	if (r.deadline_ms < 0 || r.deadline_ms > PROBE_MS_MAX)
		return err_set(e, ERR_PROTO, "a probe of %lld ms",
			       (long long)r.deadline_ms);
	r.proto = (uint32_t)proto;
	probe_endpoint(&r, &result);
	msg_begin(m, WORKER_PROBE, id);
	msg_put_u64(m, result.verdict);
	msg_put_bytes(m, result.seen, sizeof(result.seen));
	msg_put_str(m, result.detail);
	return 0;
}

static const struct msg_rule rules[] = {
	{ WORKER_PROBE, 1, on_probe },
	{ WORKER_ORDER, 1, worker_order },
	{ WORKER_ACCOUNT, 1, worker_account },
	{ WORKER_REVOKE, 1, worker_revoke },
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
static int confine(struct role_start *s, struct err *e)
{
	const char *const *trust = http_trust_paths();
	struct paths p = { 0 };
	int rc;

	for (size_t i = 0; resolver_paths[i] != NULL; i++)
		add_path(&p, resolver_paths[i]);
	for (size_t i = 0; trust[i] != NULL; i++)
		add_path(&p, trust[i]);
	for (uint32_t i = 0; i < s->spec.n[SPEC_ISSUERS]; i++)
		add_path(&p, spec_text(&s->spec, s->spec.issuers[i].trust));
	rc = role_confine(s, p.list, p.n, e);
	free(p.list);
	return rc;
}

static int begin(struct role_start *s, struct err *e)
{
	TRY(role_begin(ROLE_WORKER, s, e));
	TRY(end_with_supervisor(e));
	load_resolver();
	return confine(s, e);
}

int worker_role(void)
{
	struct role_start s;
	struct worker w;
	struct err e;
	int rc = begin(&s, &e);

	if (rc == 0) {
		worker_init(&w, &s.spec);
		rc = role_serve(rules, sizeof(rules) / sizeof(*rules), 0, &w, &e);
		worker_done(&w);
	}
	if (rc < 0)
		log_error("%s", e.text);
	role_end(&s);
	return rc < 0 ? EXIT_SANDBOX : EXIT_SUCCESS;
}
