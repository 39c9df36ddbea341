#include "agent/net/dns_task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/net/dns_talk.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/dns_reply.h"
#include "base/err.h"
#include "base/mem.h"

struct look {
	const struct dns_asked *asked;
	const char *method;
	struct dns_ahead *names;
	size_t n;
	int64_t until_ms;
};

static int has_address(const struct dns_question *q, bool *has, struct err *e)
{
	struct dns_record record;
	struct dns_reply r;
	int rc;

	TRY(dns_reply_open(&r, q->reply.data, q->reply.len, e));
	TRY(dns_reply_check(&r, q->name, e));
	while ((rc = dns_reply_answer(&r, q->type, &record, e)) > 0)
		*has = true;
	return rc;
}

static void take_addresses(struct look *l, size_t i, const struct dns_question q[2])
{
	struct dns_ahead *name = &l->names[i];
	bool has = false;

	name->is_bad = has_address(&q[0], &has, &name->why) < 0 ||
		       has_address(&q[1], &has, &name->why) < 0;
	if (name->is_bad || has)
		return;
	name->is_bad = true;
	err_set(&name->why, ERR_NET, "no address: a CA cannot come to it for %s",
		l->method);
}

static int look_for_addresses(struct look *l, struct err *e)
{
	static const enum dns_type types[2] = { DNS_A, DNS_AAAA };
	struct dns_question *q = xcalloc(2 * l->n, sizeof(*q));
	int rc;

	for (size_t i = 0; i < 2 * l->n; i++) {
		q[i].type = types[i % 2];
		snprintf(q[i].name, DNS_NAME_SIZE, "%s", l->names[i / 2].name);
	}
	rc = dns_resolve(l->asked->resolvers, q, 2 * l->n, l->until_ms, e);
	for (size_t i = 0; i < l->n && rc == 0; i++)
		take_addresses(l, i, &q[2 * i]);
	dns_questions_free(q, 2 * l->n);
	return rc;
}

const char *dns_ahead_bare(const struct dns_ahead *name)
{
	return name->name + (strncmp(name->name, "*.", 2) == 0 ? 2 : 0);
}

int dns_ahead(const struct dns_asked *asked, const struct dns_ca *ca,
	      const char *method, struct dns_ahead *names, size_t n, struct err *e)
{
	struct dns_none none = { .until_ms = 0 };
	struct look l = { asked, method, names, n, clock_boot_ms() + DNS_AHEAD_MS };
	const struct dns_caa c = { asked, ca, method, &none, l.until_ms };
	int rc = 0;

	for (size_t i = 0; i < n; i++)
		if (!dns_name_is(dns_ahead_bare(&names[i])))
			return err_set(e, ERR_PROTO, "%s is not a name in DNS",
				       names[i].name);
	if (strcmp(method, "dns-01") != 0)
		TRY(look_for_addresses(&l, e));
	rc = dns_caa(&c, names, n, e);
	buf_done(&none.names);
	return rc;
}
