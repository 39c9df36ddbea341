#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/caa.h"
#include "agent/dns_talk.h"
#include "agent/dns_task.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/dns_reply.h"
#include "base/err.h"
#include "base/mem.h"

#define LIMIT_CAA 64 /* records of one name; what has more is refused */

struct look {
	const struct dns_asked *asked;
	const struct dns_ca *ca;
	const char *method;
	struct dns_ahead *names;
	const char **at; /* owned: where CAA is asked for now; NULL: that is decided */
	size_t n;
	int64_t until_ms;
};

static int check_code(const struct dns_reply *r, const char *name, struct err *e)
{
	const unsigned code = DNS_RCODE(r->flags);

	if (code == 0 || code == DNS_NXDOMAIN)
		return 0;
	return err_set(e, ERR_NET,
		       "the name servers of %s fail (%s): no CA issues then", name,
		       dns_rcode(code));
}

/* -- CAA -- */

/* Of an alias, those of what it stands for (RFC 8659 3): the resolver sends both. */
static int read_set(const struct dns_question *q, struct caa *set, size_t *n,
		    struct err *e)
{
	struct dns_record record;
	struct dns_reply r;
	int rc;

	*n = 0;
	TRY(dns_reply_open(&r, q->reply.data, q->reply.len, e));
	TRY(check_code(&r, q->name, e));
	while ((rc = dns_reply_next(&r, &record, e)) > 0) {
		if (record.section != DNS_ANSWERS || record.type != DNS_CAA)
			continue;
		if (*n == LIMIT_CAA)
			return err_set(e, ERR_LIMIT, "more than %d CAA records at %s",
				       LIMIT_CAA, q->name);
		if (!caa_read(record.data, record.len, &set[*n]))
			return err_set(e, ERR_REFUSED, "a broken CAA record at %s",
				       q->name);
		++*n;
	}
	return rc;
}

/* Whether the nearest records let it issue; where there are none, one climbs on. */
static void take_caa(struct look *l, size_t i, const struct dns_question *q)
{
	AUTO_FREE struct caa *set = xcalloc(LIMIT_CAA, sizeof(*set));
	struct dns_ahead *name = &l->names[i];
	const struct caa_asked asked = {
		.identities = l->ca->identities,
		.account = l->ca->account,
		.method = l->method,
		.wildcard = strncmp(name->name, "*.", 2) == 0,
	};
	size_t n;

	name->is_bad = read_set(q, set, &n, &name->why) < 0;
	l->at[i] = name->is_bad || n > 0 ? NULL : dns_name_parent(l->at[i]);
	if (name->is_bad || n == 0 || caa_permit(set, n, &asked, &name->why) == 0)
		return;
	name->is_bad = true;
	err_wrap(&name->why, "CAA of %s does not let %s issue", q->name,
		 l->ca->identities[0]);
}

static bool is_same(const struct look *l, size_t i, size_t k)
{
	return l->at[k] != NULL && strcmp(l->at[i], l->at[k]) == 0;
}

/* One step up for all, each name asked for once. */
static int climb(struct look *l, struct err *e)
{
	struct dns_question *q = xcalloc(l->n, sizeof(*q));
	AUTO_FREE size_t *which = xcalloc(l->n, sizeof(*which));
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < l->n; i++) {
		size_t k = 0;

		if (l->at[i] == NULL)
			continue;
		while (!is_same(l, i, k))
			k++;
		which[i] = k < i ? which[k] : n;
		if (k < i)
			continue;
		q[n].type = DNS_CAA;
		snprintf(q[n++].name, DNS_NAME_SIZE, "%s", l->at[i]);
	}
	rc = dns_resolve(l->asked->resolvers, q, n, l->until_ms, e);
	for (size_t i = 0; i < l->n && rc == 0; i++)
		if (l->at[i] != NULL)
			take_caa(l, i, &q[which[i]]);
	dns_questions_free(q, l->n);
	return rc;
}

static bool is_decided(const struct look *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->at[i] != NULL)
			return false;
	return true;
}

/* -- addresses -- */

static int has_address(const struct dns_question *q, bool *has, struct err *e)
{
	struct dns_record record;
	struct dns_reply r;
	int rc;

	TRY(dns_reply_open(&r, q->reply.data, q->reply.len, e));
	TRY(check_code(&r, q->name, e));
	while ((rc = dns_reply_next(&r, &record, e)) > 0)
		*has =
		    *has || (record.section == DNS_ANSWERS && record.type == q->type);
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

int dns_ahead(const struct dns_asked *asked, const struct dns_ca *ca,
	      const char *method, struct dns_ahead *names, size_t n, struct err *e)
{
	AUTO_FREE const char **at = xcalloc(n + 1, sizeof(*at));
	struct look l = {
		asked, ca, method, names, at, n, clock_boot_ms() + DNS_AHEAD_MS
	};

	for (size_t i = 0; i < n; i++) {
		at[i] = names[i].name + (strncmp(names[i].name, "*.", 2) == 0 ? 2 : 0);
		if (!dns_name_is(at[i]))
			return err_set(e, ERR_PROTO, "%s is not a name in DNS", at[i]);
	}
	if (strcmp(method, "dns-01") != 0)
		TRY(look_for_addresses(&l, e));
	for (size_t i = 0; i < n; i++)
		if (names[i].is_bad || ca->identities[0] == NULL)
			at[i] = NULL;
	while (!is_decided(&l))
		TRY(climb(&l, e));
	return 0;
}
