#include "agent/net/dns_task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/caa.h"
#include "agent/net/dns_talk.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/dns_reply.h"
#include "base/err.h"
#include "base/mem.h"

#define LIMIT_CAA  64          /* records of one name; what has more is refused */
#define LIMIT_NONE (64 * 1024) /* bytes of names without any that are remembered */

struct look {
	const struct dns_asked *asked;
	const struct dns_ca *ca;
	const char *method;
	struct dns_none *none;
	struct dns_ahead *names;
	const char **at; /* owned: where CAA is asked for now; NULL: that is decided */
	size_t n;
	int64_t until_ms;
};

/* -- where there is none -- */

static bool is_none(const struct dns_none *none, const char *name)
{
	const size_t len = strlen(name) + 1;

	for (size_t i = 0; i < none->names.len; i += strlen(none->names.data + i) + 1)
		if (memcmp(none->names.data + i, name, len) == 0)
			return true;
	return false;
}

static void add_none(struct dns_none *none, const char *name)
{
	if (none->names.len < LIMIT_NONE && !is_none(none, name))
		buf_add(&none->names, name, strlen(name) + 1);
}

static void forget_none(struct dns_none *none)
{
	const int64_t now_ms = clock_boot_ms();

	if (now_ms < none->until_ms)
		return;
	none->names.len = 0;
	none->until_ms = now_ms + DNS_NONE_MS;
}

/* The nearest name, from `at` on, that is not known to have none. */
static const char *skip_none(const struct dns_none *none, const char *at)
{
	while (at != NULL && is_none(none, at))
		at = dns_name_parent(at);
	return at;
}

/* -- records -- */

/* Of an alias, those of what it stands for (RFC 8659 3): the resolver sends both. */
static int read_set(const struct dns_question *q, struct caa *set, size_t *n,
		    struct err *e)
{
	struct dns_record record;
	struct dns_reply r;
	int rc;

	*n = 0;
	TRY(dns_reply_open(&r, q->reply.data, q->reply.len, e));
	TRY(dns_reply_check(&r, q->name, e));
	while ((rc = dns_reply_answer(&r, DNS_CAA, &record, e)) > 0) {
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
	struct err why;
	size_t n;

	name->is_bad = read_set(q, set, &n, &name->why) < 0;
	if (!name->is_bad && n == 0)
		add_none(l->none, q->name);
	l->at[i] = name->is_bad || n > 0 ? NULL : skip_none(l->none, l->at[i]);
	if (name->is_bad || n == 0 || caa_permit(set, n, &asked, &why) == 0)
		return;
	name->is_bad = true;
	err_set(&name->why, ERR_REFUSED,
		"CAA of %s does not let %s issue: %s; a record that does has to be "
		"added there",
		q->name, l->ca->identities[0], why.text);
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

int dns_caa(const struct dns_caa *c, struct dns_ahead *names, size_t n, struct err *e)
{
	AUTO_FREE const char **at = xcalloc(n + 1, sizeof(*at));
	struct look l = {
		c->asked, c->ca, c->method, c->none, names, at, n, c->until_ms
	};

	forget_none(c->none);
	for (size_t i = 0; i < n && c->ca->identities[0] != NULL; i++) {
		at[i] = dns_ahead_bare(&names[i]);
		if (!dns_name_is(at[i]))
			return err_set(e, ERR_PROTO, "%s is not a name in DNS", at[i]);
		at[i] = names[i].is_bad ? NULL : skip_none(c->none, at[i]);
	}
	while (!is_decided(&l))
		TRY(climb(&l, e));
	return 0;
}
