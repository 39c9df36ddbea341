/* The probe role's part in dns-01: what the agent asks, and what it is told (dns_task.h). */
#include <stdlib.h>

#include "agent/net/dns_talk.h"
#include "agent/net/dns_task.h"
#include "agent/role/messages.h"
#include "agent/role/spec.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/msg.h"

static const struct spec_challenge *find(const struct spec *s, uint64_t n,
					 struct err *e)
{
	if (n < s->n[SPEC_CHALLENGES] && s->challenges[n].type == CHALLENGE_DNS_01)
		return &s->challenges[n];
	err_set(e, ERR_PROTO, "there is no challenge %llu of dns-01",
		(unsigned long long)n);
	return NULL;
}

static int get_count(struct msg *m, size_t *out, struct err *e)
{
	const uint64_t n = msg_get_u64(m);

	if (n > DNS_TASK_MAX)
		return err_set(e, ERR_PROTO, "%llu names at once",
			       (unsigned long long)n);
	*out = (size_t)n;
	return 0;
}

int dns_on_find(void *spec, struct msg *m, struct err *e)
{
	const struct spec *s = spec;
	const uint64_t challenge = msg_get_u64(m);
	AUTO_FREE struct dns_place *places = NULL;
	AUTO_FREE const char **resolvers = NULL;
	const char *names[DNS_TASK_MAX];
	const struct spec_challenge *c;
	const uint32_t id = m->id;
	struct dns_asked asked;
	size_t n = 0;

	TRY(get_count(m, &n, e));
	for (size_t i = 0; i < n; i++)
		names[i] = msg_get_str(m);
	TRY(msg_end(m, e));
	c = find(s, challenge, e);
	if (c == NULL)
		return e->code;
	resolvers = spec_words(s, c->resolvers);
	asked = (struct dns_asked){ .resolvers = resolvers };
	places = xcalloc(n, sizeof(*places));
	TRY(dns_find(&asked, spec_text(s, c->zone), names, n, places, e));
	msg_begin(m, DNS_FIND, id);
	msg_put_u64(m, n);
	for (size_t i = 0; i < n; i++) {
		msg_put_str(m, places[i].owner);
		msg_put_str(m, places[i].zone);
	}
	return 0;
}

int dns_on_send(void *spec, struct msg *m, struct err *e)
{
	const struct spec *s = spec;
	const uint64_t challenge = msg_get_u64(m);
	const char *zone = msg_get_str(m);
	AUTO_BUF struct buf update = { 0 };
	AUTO_BUF struct buf bytes = { 0 };
	const struct spec_challenge *c;
	const uint32_t id = m->id;
	struct dns_sent sent;
	const void *data;
	size_t n;

	data = msg_get_bytes(m, &n);
	TRY(msg_end(m, e));
	c = find(s, challenge, e);
	if (c == NULL)
		return e->code;
	buf_add(&update, data, n);
	TRY(dns_send(spec_text(s, c->server), zone, &update, &sent, e));
	bytes = sent.bytes;
	msg_begin(m, DNS_SEND, id);
	msg_put_bytes(m, bytes.data, sent.len);
	msg_put_u64(m, sent.at);
	msg_put_u64(m, sent.fudge);
	msg_put_u64(m, sent.error);
	msg_put_bytes(m, sent.other, sent.n_other);
	msg_put_bytes(m, sent.mac, sent.n_mac);
	msg_put_u64(m, sent.rcode);
	return 0;
}

int dns_on_look(void *spec, struct msg *m, struct err *e)
{
	const struct spec *s = spec;
	const uint64_t challenge = msg_get_u64(m);
	const char *zone = msg_get_str(m);
	struct dns_shown records[DNS_TASK_MAX];
	AUTO_FREE const char **resolvers = NULL;
	const struct spec_challenge *c;
	const uint32_t id = m->id;
	struct dns_asked asked;
	struct dns_sight sight;
	size_t n = 0;

	TRY(get_count(m, &n, e));
	for (size_t i = 0; i < n; i++) {
		records[i].owner = msg_get_str(m);
		records[i].value = msg_get_str(m);
	}
	TRY(msg_end(m, e));
	c = find(s, challenge, e);
	if (c == NULL)
		return e->code;
	resolvers = spec_words(s, c->resolvers);
	asked = (struct dns_asked){ .resolvers = resolvers, .port = "53" };
	TRY(dns_look(&asked, zone, records, n, &sight, e));
	msg_begin(m, DNS_LOOK, id);
	msg_put_u64(m, sight.shown);
	msg_put_u64(m, sight.late);
	msg_put_u64(m, sight.down);
	msg_put_str(m, sight.why);
	return 0;
}

/* How many, and their strings, a NULL after them. */
static int get_words(struct msg *m, const char *words[DNS_TASK_MAX + 1], size_t *n,
		     struct err *e)
{
	TRY(get_count(m, n, e));
	for (size_t i = 0; i < *n; i++)
		words[i] = msg_get_str(m);
	words[*n] = NULL;
	return 0;
}

static int look_ahead(const struct spec *s, const struct spec_challenge *c,
		      const struct dns_ca *ca, const char *const *names, size_t n,
		      struct msg *answer, struct err *e)
{
	AUTO_FREE struct dns_ahead *found = xcalloc(n + 1, sizeof(*found));
	AUTO_FREE const char **resolvers = spec_words(s, c->resolvers);

	for (size_t i = 0; i < n; i++)
		found[i].name = names[i];
	TRY(dns_ahead(&(struct dns_asked){ .resolvers = resolvers }, ca,
		      challenge_words[c->type], found, n, e));
	msg_put_u64(answer, n);
	for (size_t i = 0; i < n; i++)
		msg_put_str(answer, found[i].is_bad ? found[i].why.text : "");
	return 0;
}

int dns_on_ahead(void *spec, struct msg *m, struct err *e)
{
	const struct spec *s = spec;
	AUTO_MSG struct msg asked = MSG_NONE; /* its strings outlive the answer's */
	const char *identities[DNS_TASK_MAX + 1], *names[DNS_TASK_MAX + 1];
	struct dns_ca ca = { .identities = identities };
	const uint32_t id = m->id;
	uint64_t challenge;
	size_t n = 0;

	msg_move(&asked, m);
	challenge = msg_get_u64(&asked);
	ca.account = msg_get_str(&asked);
	if (ca.account[0] == '\0')
		ca.account = NULL;
	TRY(get_words(&asked, identities, &n, e));
	TRY(get_words(&asked, names, &n, e));
	TRY(msg_end(&asked, e));
	if (challenge >= s->n[SPEC_CHALLENGES])
		return err_set(e, ERR_PROTO, "there is no challenge %llu",
			       (unsigned long long)challenge);
	msg_begin(m, DNS_AHEAD, id);
	return look_ahead(s, &s->challenges[challenge], &ca, names, n, m, e);
}
