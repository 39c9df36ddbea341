#include "agent/worker/worker_caa.h"

#include <stdlib.h>
#include <string.h>

#include "acme/authz.h"
#include "acme/order.h"
#include "acme/refusal.h"
#include "acme/registration.h"
#include "agent/net/dns_task.h"
#include "agent/role/log.h"
#include "agent/role/spec.h"
#include "agent/worker/worker.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

/* One name, by all ways. */
struct verdict {
	const char *name;
	bool permitted;
	bool refused;
	struct err why;
};

struct asking {
	struct worker *worker;
	const struct order_want *want;
	struct verdict *all;
	size_t n;
	const char **identities;
};

static bool is_by(const struct order_way *way, const char *name)
{
	return authz_is_for(way, name) &&
	       (strcmp(way->type, "dns-01") == 0 || strncmp(name, "*.", 2) != 0);
}

/* The names that are looked at for `way`: where no way before it was found good. */
static size_t pick(const struct asking *a, const struct order_way *way,
		   struct dns_ahead *names, size_t *which)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++) {
		if (a->all[i].permitted || !is_by(way, a->all[i].name))
			continue;
		which[n] = i;
		names[n++].name = a->all[i].name;
	}
	return n;
}

/* What is not known is not in the way. */
static void take(struct verdict *v, const struct dns_ahead *name)
{
	const bool refused = name->is_bad && name->why.code == ERR_REFUSED;

	if (name->is_bad && !refused)
		log_warn("%s: %s", v->name, name->why.text);
	v->permitted = !refused;
	v->refused = v->refused || refused;
	if (refused)
		v->why = name->why;
}

static int ask(struct asking *a, const struct order_way *way, int64_t until_ms,
	       struct err *e)
{
	const struct spec *s = a->worker->spec;
	AUTO_FREE struct dns_ahead *names = xcalloc(a->n + 1, sizeof(*names));
	AUTO_FREE size_t *which = xcalloc(a->n + 1, sizeof(*which));
	AUTO_FREE const char **resolvers =
	    spec_words(s, s->challenges[way->number].resolvers);
	const struct dns_asked asked = { .resolvers = resolvers };
	const struct dns_ca ca = { .identities = a->identities,
				   .account = a->worker->acme.account.kid };
	const size_t n = pick(a, way, names, which);

	if (n == 0)
		return 0;
	TRY(dns_caa(&(struct dns_caa){ &asked, &ca, way->type, &a->worker->no_caa,
				       until_ms },
		    names, n, e));
	for (size_t i = 0; i < n; i++)
		take(&a->all[which[i]], &names[i]);
	return 0;
}

/* As if the CA had said so: there may be an order without some of them. */
static int judge(const struct asking *a, struct err *e)
{
	AUTO_REFUSALS struct refusals refused = { .n = 0 };
	const struct acme_host *host = a->worker->acme.host;
	struct err first = { 0 };

	for (size_t i = 0; i < a->n; i++) {
		const struct verdict *v = &a->all[i];

		if (v->permitted || !v->refused)
			continue;
		if (first.code == 0)
			err_set(&first, ERR_REFUSED, "not ordered: %s: %s", v->name,
				v->why.text);
		refusals_add(&refused, ACME_ANY_WAY, v->name, &v->why);
	}
	if (first.code == 0)
		return 0;
	TRY(host->over(host->arg, &refused, e));
	*e = first;
	return e->code;
}

static bool is_dns(const struct spec *s, struct list names, const char *name)
{
	for (uint32_t k = names.first; k < names.first + names.n; k++)
		if (spec_text(s, s->names[k].value) == name)
			return s->names[k].kind == NAME_DNS;
	return false;
}

static int look(struct asking *a, struct err *e)
{
	const int64_t now_ms = clock_boot_ms();
	struct worker *w = a->worker;
	struct err why;

	if (now_ms < w->no_dns_until_ms)
		return 0;
	for (size_t i = 0; i < a->want->n_ways; i++)
		if (ask(a, &a->want->ways[i], now_ms + WORKER_CAA_MS, &why) < 0) {
			w->no_dns_until_ms = clock_boot_ms() + DNS_NONE_MS;
			return 0;
		}
	return judge(a, e);
}

int worker_caa(struct worker *w, const struct spec_cert *c,
	       const struct order_want *want, struct err *e)
{
	const struct acme_directory *d = &w->acme.directory;
	AUTO_FREE struct verdict *all = xcalloc(want->n_names + 1, sizeof(*all));
	AUTO_FREE const char **identities = NULL;
	struct asking a = { .worker = w, .want = want, .all = all };

	TRY(acme_ready(&w->acme, e));
	if (d->n_caa == 0)
		return 0;
	identities = xcalloc(d->n_caa + 1, sizeof(*identities));
	for (size_t i = 0; i < d->n_caa; i++)
		identities[i] = d->caa[i];
	a.identities = identities;
	for (size_t i = 0; i < want->n_names; i++)
		if (is_dns(w->spec, c->names, want->names[i]))
			all[a.n++].name = want->names[i];
	return look(&a, e);
}
