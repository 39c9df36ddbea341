/*
 * check --online: what a CA will find, before it is asked. That its directory answers; and
 * for each name, whether there is an address where it is to come to one, and whether the
 * CAA records let this CA issue, validated so, for our account (acme/caa.h).
 *
 * Nothing is ordered and nothing written. What this host's resolver says is what is known
 * here; the CA asks from elsewhere.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/borrow.h"
#include "agent/net/dns_task.h"
#include "agent/role/lend.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"

/* One CA, and the names that wait to be looked at together. */
struct online {
	struct agent *a;
	int probe; /* owned; -1: none yet */
	uint32_t issuer;
	struct msg ca; /* owned: WORKER_CA's answer, where these are in */
	const char *account;
	const char *identities[DNS_TASK_MAX];
	size_t n_identities;
	uint32_t challenge;
	const char *names[DNS_TASK_MAX];
	size_t n;
	uint32_t blind; /* a challenge whose resolvers do not answer, or SPEC_NOBODY */
	unsigned n_unseen;
	unsigned n_names;
	unsigned n_bad;
};

static const char *issuer_name(const struct online *o)
{
	return spec_text(o->a->spec, o->a->spec->issuers[o->issuer].name);
}

/* Text from elsewhere, a line of it. */
static void say(struct online *o, const char *about, const char *text, bool is_bad)
{
	AUTO_BUF struct buf safe = { 0 };

	o->n_bad += is_bad;
	if (!is_bad && (o->a->request->flags & REQUEST_QUIET) != 0)
		return;
	text_escape(&safe, text, strlen(text), SIZE_MAX);
	printf("%s: %s: %s\n", issuer_name(o), about, safe.data);
	fflush(stdout);
}

/* -- the CA -- */

static int read_ca(struct online *o, struct err *e)
{
	uint64_t n;

	o->account = msg_get_str(&o->ca);
	n = msg_get_u64(&o->ca);
	for (uint64_t i = 0; i < n && i < DNS_TASK_MAX; i++)
		o->identities[o->n_identities++] = msg_get_str(&o->ca);
	return msg_end(&o->ca, e);
}

static void look_at_ca(struct online *o)
{
	const struct spec_issuer *i = &o->a->spec->issuers[o->issuer];
	const struct lend_ticket t = { .what = LEND_LOOK,
				       .issuer = o->issuer,
				       .cert = SPEC_NOBODY };
	struct err e;

	o->n_identities = 0;
	o->account = "";
	msg_begin(&o->ca, WORKER_CA, 0);
	msg_put_u64(&o->ca, o->issuer);
	if (borrow(&t, &o->ca, &e) < 0 || read_ca(o, &e) < 0) {
		say(o, "no answer", e.text, true);
		return;
	}
	say(o, spec_text(o->a->spec, i->url),
	    o->account[0] == '\0' ? "answers; no account there yet"
				  : "answers; there is an account",
	    false);
}

/* -- names -- */

static int read_answer(struct online *o, struct msg *m, struct err *e)
{
	if (msg_get_u64(m) != o->n)
		return err_set(e, ERR_PROTO, "not what was asked");
	for (size_t i = 0; i < o->n; i++) {
		const char *why = msg_get_str(m);

		if (why[0] != '\0')
			say(o, o->names[i], why, true);
	}
	return msg_end(m, e);
}

static int ask(struct online *o, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;

	if (o->probe < 0)
		TRY(borrow_role(SUP_PROBE, &o->probe, e));
	msg_begin(&m, DNS_AHEAD, 0);
	msg_put_u64(&m, o->challenge);
	msg_put_str(&m, o->account);
	msg_put_u64(&m, o->n_identities);
	for (size_t i = 0; i < o->n_identities; i++)
		msg_put_str(&m, o->identities[i]);
	msg_put_u64(&m, o->n);
	for (size_t i = 0; i < o->n; i++)
		msg_put_str(&m, o->names[i]);
	TRY(borrow_ask(o->probe, &m, e));
	return read_answer(o, &m, e);
}

/* Whether names are looked up in the same way for both. */
static bool asks_alike(const struct spec *s, uint32_t one, uint32_t other)
{
	const struct spec_challenge *x = &s->challenges[one];
	const struct spec_challenge *y = &s->challenges[other];
	uint32_t i = 0;

	if (x->type != y->type || x->resolvers.n != y->resolvers.n)
		return false;
	while (i < x->resolvers.n &&
	       strcmp(spec_text(s, s->words[x->resolvers.first + i]),
		      spec_text(s, s->words[y->resolvers.first + i])) == 0)
		i++;
	return i == x->resolvers.n;
}

/* Resolvers that do not answer are not waited for again. */
static void flush(struct online *o)
{
	struct err e;

	if (o->blind != SPEC_NOBODY && asks_alike(o->a->spec, o->blind, o->challenge)) {
		o->n_unseen += (unsigned)o->n;
	} else if (o->n > 0 && ask(o, &e) < 0) {
		say(o, "names cannot be looked up", e.text, true);
		if (e.code == ERR_NET)
			o->blind = o->challenge;
	}
	o->n_names += (unsigned)o->n;
	o->n = 0;
}

static void look_at_name(struct online *o, struct list ways,
			 const struct spec_name *name)
{
	const struct spec *s = o->a->spec;
	uint32_t k = ways.first;

	while (k < ways.first + ways.n &&
	       !spec_challenge_is_for(s, &s->challenges[k], name))
		k++;
	if (k == ways.first + ways.n)
		return;
	if (o->n == DNS_TASK_MAX || (o->n > 0 && !asks_alike(s, k, o->challenge)))
		flush(o);
	o->challenge = k;
	o->names[o->n++] = spec_text(s, name->value);
}

static void look_at_names(struct online *o, const struct spec_cert *c)
{
	const struct spec *s = o->a->spec;
	const struct list ways =
	    c->challenges.n > 0 ? c->challenges : s->issuers[o->issuer].challenges;

	for (uint32_t i = c->names.first; i < c->names.first + c->names.n; i++)
		if (s->names[i].kind == NAME_DNS)
			look_at_name(o, ways, &s->names[i]);
}

/* -- all of them -- */

static bool is_by(const struct spec *s, const struct spec_cert *c, uint32_t issuer)
{
	for (uint32_t i = 0; i < c->issuers.n; i++)
		if (s->numbers[c->issuers.first + i] == issuer)
			return true;
	return false;
}

static void look_at(struct online *o, uint32_t issuer)
{
	const struct spec *s = o->a->spec;
	AUTO_FREE char *unseen = NULL;
	bool asked = false;

	o->issuer = issuer;
	o->n_unseen = 0;
	for (uint32_t i = 0; i < s->n[SPEC_CERTS]; i++) {
		if (!is_by(s, &s->certs[i], issuer))
			continue;
		if (!asked)
			look_at_ca(o);
		asked = true;
		look_at_names(o, &s->certs[i]);
	}
	flush(o);
	unseen = xasprintf("%u more name%s", o->n_unseen, o->n_unseen == 1 ? "" : "s");
	if (o->n_unseen > 0)
		say(o, "not looked up either", unseen, true);
}

static void say_well(const struct online *o)
{
	if ((o->a->request->flags & REQUEST_QUIET) != 0)
		return;
	if (o->n_names == 0)
		puts("no name is shown to a CA: nothing to look up");
	else
		printf("%u name%s looked up: nothing in the way\n", o->n_names,
		       o->n_names == 1 ? "" : "s");
}

int agent_check_online(struct agent *a, struct err *e)
{
	struct online o = { .a = a, .probe = -1, .blind = SPEC_NOBODY, .ca = MSG_NONE };

	(void)e;
	for (uint32_t i = 0; i < a->spec->n[SPEC_ISSUERS]; i++)
		if (a->spec->issuers[i].type == ISSUER_ACME)
			look_at(&o, i);
	if (o.n_bad == 0)
		say_well(&o);
	msg_done(&o.ca);
	auto_fd_(&o.probe);
	return o.n_bad == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
