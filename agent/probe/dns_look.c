#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/net/dns_talk.h"
#include "agent/net/dns_task.h"
#include "agent/net/probe_address.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/dns_reply.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"

struct server {
	char name[DNS_NAME_SIZE];
	struct probe_address address;
};

struct servers {
	struct server list[DNS_NS_ADDRESS];
	size_t n;
};

struct look {
	const struct dns_asked *asked;
	const char *zone;
	const struct dns_shown *records;
	size_t n;
	int64_t until_ms;
	struct dns_sight *sight;
};

static void tell(struct look *l, const struct server *s, const char *why)
{
	if (s->address.text[0] == '\0')
		snprintf(l->sight->why, sizeof(l->sight->why), "%s: %.*s", s->name, 200,
			 why);
	else
		snprintf(l->sight->why, sizeof(l->sight->why), "%.*s at %.*s: %.*s", 80,
			 s->name, 60, s->address.text, 160, why);
}

/* Who is down is told of as long as nobody is late. */
static void is_down(struct look *l, const struct server *s, const char *why)
{
	l->sight->down++;
	if (l->sight->late == 0)
		tell(l, s, why);
}

static void is_late(struct look *l, const struct server *s, const char *why)
{
	l->sight->late++;
	tell(l, s, why);
}

/* -- name servers -- */

/* The name servers of the zone, as a resolver has them. */
static int names_of(const struct look *l, char (*names)[DNS_NAME_SIZE], size_t *n,
		    struct err *e)
{
	struct dns_question *q = xcalloc(1, sizeof(*q));
	struct dns_record record;
	struct dns_reply r;
	size_t end;
	int rc;

	q->type = DNS_NS;
	snprintf(q->name, sizeof(q->name), "%s", l->zone);
	*n = 0;
	rc = dns_resolve(l->asked->resolvers, q, 1, l->until_ms, e);
	if (rc == 0)
		rc = dns_reply_open(&r, q->reply.data, q->reply.len, e);
	while (rc == 0 && *n < DNS_NS_MAX &&
	       (rc = dns_reply_answer(&r, DNS_NS, &record, e)) > 0) {
		rc = 0;
		if (strcmp(record.owner, l->zone) != 0)
			continue;
		rc = dns_reply_name(&r, record.at, names[*n], &end, e);
		*n += rc == 0 && names[*n][0] != '\0';
		if (rc == 0 && *n == DNS_NS_MAX)
			break;
	}
	dns_questions_free(q, 1);
	if (rc == 0 && *n == 0)
		return err_set(e, ERR_NET, "no name servers of %s are known", l->zone);
	return rc;
}

static bool set_address(const struct dns_record *record, const char *port,
			struct probe_address *a)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	const bool is_v6 = record->type == DNS_AAAA;
	char text[INET6_ADDRSTRLEN];
	uint64_t number;

	if (!text_u64(port, UINT16_MAX, &number))
		return false;
	in4.sin_port = in6.sin6_port = htons((uint16_t)number);
	if (is_v6) {
		memcpy(&in6.sin6_addr, record->data, 16);
		memcpy(&a->sa, &in6, a->len = sizeof(in6));
	} else {
		memcpy(&in4.sin_addr, record->data, 4);
		memcpy(&a->sa, &in4, a->len = sizeof(in4));
	}
	(void)inet_ntop(is_v6 ? AF_INET6 : AF_INET, record->data, text, sizeof(text));
	snprintf(a->text, sizeof(a->text), "%s", text);
	return true;
}

static int add_addresses(const struct look *l, const struct dns_question *q,
			 struct servers *s, struct err *e)
{
	struct dns_record record;
	struct dns_reply r;
	int rc;

	TRY(dns_reply_open(&r, q->reply.data, q->reply.len, e));
	while ((rc = dns_reply_answer(&r, q->type, &record, e)) > 0) {
		if (s->n == DNS_NS_ADDRESS ||
		    !set_address(&record, l->asked->port, &s->list[s->n].address))
			continue;
		memcpy(s->list[s->n++].name, q->name, DNS_NAME_SIZE);
	}
	return rc;
}

static void note_unknown(struct look *l, const char *name)
{
	struct server s = { .address = { .len = 0 } };

	memcpy(s.name, name, sizeof(s.name));
	is_down(l, &s, "it has no address");
}

static int servers_of(struct look *l, struct servers *s, struct err *e)
{
	char names[DNS_NS_MAX][DNS_NAME_SIZE];
	struct dns_question *q;
	size_t n;
	int rc;

	TRY(names_of(l, names, &n, e));
	q = xcalloc(2 * n, sizeof(*q));
	for (size_t i = 0; i < 2 * n; i++) {
		q[i].type = i % 2 == 0 ? DNS_A : DNS_AAAA;
		memcpy(q[i].name, names[i / 2], DNS_NAME_SIZE);
	}
	rc = dns_resolve(l->asked->resolvers, q, 2 * n, l->until_ms, e);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		const size_t before = s->n;

		rc = add_addresses(l, &q[2 * i], s, e);
		if (rc == 0)
			rc = add_addresses(l, &q[2 * i + 1], s, e);
		if (rc == 0 && s->n == before)
			note_unknown(l, names[i]);
	}
	dns_questions_free(q, 2 * n);
	return rc;
}

/* -- what one of them shows -- */

/* The strings of a TXT record are one value (RFC 8555 8.4 names no place to cut it). */
static bool says(const struct dns_record *record, const char *value)
{
	size_t left = strlen(value);

	for (size_t at = 0; at < record->len;) {
		const size_t n = record->data[at++];

		if (n > record->len - at || n > left ||
		    memcmp(record->data + at, value, n) != 0)
			return false;
		at += n;
		value += n;
		left -= n;
	}
	return left == 0;
}

static int find_value(const struct dns_question *q, const char *value, bool *found,
		      struct err *e)
{
	struct dns_record record;
	struct dns_reply r;
	unsigned code;
	int rc;

	*found = false;
	TRY(dns_reply_open(&r, q->reply.data, q->reply.len, e));
	code = DNS_RCODE(r.flags);
	if (code != 0 && code != DNS_NXDOMAIN)
		return err_set(e, ERR_NET, "it says %s", dns_rcode(code));
	if ((r.flags & DNS_AUTHORITATIVE) == 0)
		return err_set(e, ERR_NET, "it does not serve the zone");
	while ((rc = dns_reply_answer(&r, DNS_TXT, &record, e)) > 0)
		*found = *found ||
			 (strcmp(record.owner, q->name) == 0 && says(&record, value));
	return rc;
}

static bool has_no_route(const struct err *e)
{
	return e->sysno == ENETUNREACH || e->sysno == EHOSTUNREACH ||
	       e->sysno == EAFNOSUPPORT || e->sysno == EADDRNOTAVAIL;
}

static int check_all(struct look *l, const struct server *s,
		     const struct dns_question *q, struct err *e)
{
	for (size_t i = 0; i < l->n; i++) {
		bool found;

		TRY(find_value(&q[i], l->records[i].value, &found, e));
		if (found)
			continue;
		err_set(e, ERR_NET, "%s is not there yet", l->records[i].owner);
		is_late(l, s, e->text);
		return 0;
	}
	l->sight->shown++;
	return 0;
}

/* A server that no packet finds its way to says nothing of itself. */
static void look_at(struct look *l, const struct server *s)
{
	struct dns_question *q = xcalloc(l->n, sizeof(*q));
	int64_t until_ms = clock_boot_ms() + DNS_TALK_MS;
	struct err e = { .code = 0 };
	int rc;

	if (until_ms > l->until_ms)
		until_ms = l->until_ms;
	for (size_t i = 0; i < l->n; i++) {
		q[i].type = DNS_TXT;
		snprintf(q[i].name, sizeof(q[i].name), "%s", l->records[i].owner);
	}
	rc = dns_ask(&s->address, false, q, l->n, until_ms, &e);
	if (rc == 0)
		rc = check_all(l, s, q, &e);
	if (rc < 0 && !has_no_route(&e))
		is_down(l, s, e.text);
	dns_questions_free(q, l->n);
}

int dns_look(const struct dns_asked *asked, const char *zone,
	     const struct dns_shown *records, size_t n, struct dns_sight *sight,
	     struct err *e)
{
	struct look l = { .asked = asked,
			  .zone = zone,
			  .records = records,
			  .n = n,
			  .until_ms = clock_boot_ms() + DNS_LOOK_MS,
			  .sight = sight };
	AUTO_FREE struct servers *s = xcalloc(1, sizeof(*s));

	*sight = (struct dns_sight){ .shown = 0 };
	TRY(servers_of(&l, s, e));
	for (size_t i = 0; i < s->n; i++)
		look_at(&l, &s->list[i]);
	if (sight->shown + sight->late + sight->down == 0)
		return err_set(e, ERR_NET, "no name server of %s can be reached", zone);
	return 0;
}
