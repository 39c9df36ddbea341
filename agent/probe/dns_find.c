#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/net/dns_talk.h"
#include "agent/net/dns_task.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/dns_reply.h"
#include "base/err.h"
#include "base/mem.h"

#define PREFIX "_acme-challenge."

/* Rounds: each either follows aliases or climbs towards the root. */
#define ROUNDS_MAX (DNS_ALIAS_MAX + DNS_NAME_SIZE / 2)

struct search {
	const struct dns_asked *asked;
	const char *zone; /* NULL: to be found */
	struct dns_place *places;
	const char **climbed; /* owned: what is asked for; in the place's owner */
	unsigned *aliases;    /* owned */
	size_t n;
	int64_t until_ms;
};

static bool is_found(const struct search *s, size_t i)
{
	return s->places[i].zone[0] != '\0';
}

/* -- one reply -- */

/* What `name` is an alias of: false, nothing in this reply says so. */
static int alias_of(const struct dns_question *q, const char *name,
		    char target[DNS_NAME_SIZE], bool *found, struct err *e)
{
	struct dns_record record;
	struct dns_reply r;
	size_t end;
	int rc;

	*found = false;
	TRY(dns_reply_open(&r, q->reply.data, q->reply.len, e));
	while ((rc = dns_reply_answer(&r, DNS_CNAME, &record, e)) > 0) {
		if (strcmp(record.owner, name) != 0)
			continue;
		*found = true;
		TRY(dns_reply_name(&r, record.at, target, &end, e));
		if (target[0] == '\0')
			return err_set(e, ERR_NET, "%s is an alias of what is no name",
				       name);
		return 0;
	}
	return rc;
}

/* As far as this reply goes: a resolver sends them all, other servers their own. */
static int follow(struct search *s, size_t i, const struct dns_question *q,
		  struct err *e)
{
	char *owner = s->places[i].owner;
	char target[DNS_NAME_SIZE];
	bool found;

	for (;;) {
		TRY(alias_of(q, owner, target, &found, e));
		if (!found)
			return 0;
		if (++s->aliases[i] > DNS_ALIAS_MAX)
			return err_set(e, ERR_NET, "%s: more than %d aliases", owner,
				       DNS_ALIAS_MAX);
		memcpy(owner, target, DNS_NAME_SIZE);
		s->climbed[i] = owner;
	}
}

/* = RFC 2308 3 "Name servers authoritative for a zone MUST include the SOA record of the
 * zone in the authority section of the response" [soa] and so it is the zone's own name. */
static int soa_of(const struct dns_question *q, const char *owner,
		  char zone[DNS_NAME_SIZE], struct err *e)
{
	struct dns_record record;
	struct dns_reply r;
	int rc;

	TRY(dns_reply_open(&r, q->reply.data, q->reply.len, e));
	while ((rc = dns_reply_next(&r, &record, e)) > 0) {
		if (record.section > DNS_AUTHORITY || record.type != DNS_SOA ||
		    record.owner[0] == '\0' || !dns_name_within(owner, record.owner))
			continue;
		memcpy(zone, record.owner, DNS_NAME_SIZE);
		return 0;
	}
	return rc;
}

static int check_code(const struct dns_question *q, struct err *e)
{
	struct dns_reply r;

	TRY(dns_reply_open(&r, q->reply.data, q->reply.len, e));
	return dns_reply_check(&r, q->name, e);
}

static int given_zone(const struct search *s, size_t i, struct err *e)
{
	struct dns_place *p = &s->places[i];

	if (!dns_name_within(p->owner, s->zone))
		return err_set(e, ERR_CONFIG, "%s is not in the zone %s", p->owner,
			       s->zone);
	snprintf(p->zone, sizeof(p->zone), "%s", s->zone);
	return 0;
}

static int take_reply(struct search *s, size_t i, const struct dns_question *q,
		      struct err *e)
{
	const char *asked = s->climbed[i];
	struct dns_place *p = &s->places[i];

	TRY(check_code(q, e));
	if (asked == p->owner)
		TRY(follow(s, i, q, e));
	if (asked == p->owner && strcmp(p->owner, q->name) != 0 && s->zone == NULL) {
		/* The rest of what it leads to may be in the reply, or not. */
		return soa_of(q, p->owner, p->zone, e);
	}
	if (s->zone != NULL)
		return strcmp(p->owner, q->name) == 0 ? given_zone(s, i, e) : 0;
	TRY(soa_of(q, p->owner, p->zone, e));
	if (is_found(s, i))
		return 0;
	s->climbed[i] = dns_name_parent(asked);
	if (s->climbed[i] == NULL)
		return err_set(e, ERR_NET, "%s: no zone that it is in", p->owner);
	return 0;
}

/* -- all names -- */

static int round_of(struct search *s, size_t n_open, struct err *e)
{
	struct dns_question *q = xcalloc(n_open, sizeof(*q));
	size_t k = 0;
	int rc;

	for (size_t i = 0; i < s->n; i++) {
		if (is_found(s, i))
			continue;
		q[k].type = DNS_SOA;
		snprintf(q[k++].name, DNS_NAME_SIZE, "%s", s->climbed[i]);
	}
	rc = dns_resolve(s->asked->resolvers, q, k, s->until_ms, e);
	k = 0;
	for (size_t i = 0; i < s->n && rc == 0; i++)
		if (!is_found(s, i))
			rc = take_reply(s, i, &q[k++], e);
	dns_questions_free(q, n_open);
	return rc;
}

static int search(struct search *s, struct err *e)
{
	for (unsigned round = 0; round < ROUNDS_MAX; round++) {
		size_t n_open = 0;

		for (size_t i = 0; i < s->n; i++)
			n_open += !is_found(s, i);
		if (n_open == 0)
			return 0;
		TRY(round_of(s, n_open, e));
	}
	return err_set(e, ERR_NET, "the name servers lead nowhere");
}

int dns_find(const struct dns_asked *asked, const char *zone, const char *const *names,
	     size_t n, struct dns_place *places, struct err *e)
{
	AUTO_FREE const char **climbed = xcalloc(n + 1, sizeof(*climbed));
	AUTO_FREE unsigned *aliases = xcalloc(n + 1, sizeof(*aliases));
	struct search s = { .asked = asked,
			    .zone = zone,
			    .places = places,
			    .climbed = climbed,
			    .aliases = aliases,
			    .n = n,
			    .until_ms = clock_boot_ms() + DNS_FIND_MS };

	for (size_t i = 0; i < n; i++) {
		places[i] = (struct dns_place){ .zone = "" };
		if (strlen(names[i]) + sizeof(PREFIX) > DNS_NAME_SIZE)
			return err_set(e, ERR_CONFIG, "%s is too long for dns-01",
				       names[i]);
		snprintf(places[i].owner, DNS_NAME_SIZE, PREFIX "%s", names[i]);
		if (!dns_name_is(places[i].owner))
			return err_set(e, ERR_CONFIG, "%s is not a name in DNS",
				       names[i]);
		climbed[i] = places[i].owner;
	}
	return search(&s, e);
}
