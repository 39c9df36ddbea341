#include <stdlib.h>
#include <string.h>

#include "agent/challenge_update.h"
#include "agent/commit.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/dns.h"
#include "base/err.h"
#include "base/mem.h"

#define PLACE "dns " /* what rows begin with, see dns_place() */

/* -- rows: "dns SERVER KEY", and "OWNER ZONE" once they are known -- */

static char *place_of(const struct agent *a, uint32_t challenge)
{
	const struct spec_challenge *c = &a->spec->challenges[challenge];

	return xasprintf(PLACE "%s %s", spec_text(a->spec, c->server),
			 spec_text(a->spec, c->key_name));
}

char *dns_place(const struct agent *a, const struct token *t)
{
	AUTO_FREE char *place = place_of(a, t->challenge);

	if (t->owner == NULL)
		return TAKE(place);
	return xasprintf("%s %s %s", place, t->owner, t->zone);
}

static void load_record(struct token *t, const char *record)
{
	const size_t n = strcspn(record, " ");
	AUTO_FREE char *owner = xasprintf("%.*s", (int)n, record);

	if (record[n] == '\0' || !dns_name_is(owner) || !dns_name_is(record + n + 1))
		return;
	t->owner = TAKE(owner);
	t->zone = xstrdup(record + n + 1);
}

bool dns_load(const struct agent *a, struct token *t, const char *place)
{
	const struct spec *s = a->spec;

	if (strncmp(place, PLACE, strlen(PLACE)) != 0)
		return false;
	t->by_dns = true;
	for (uint32_t i = 0; i < s->n[SPEC_CHALLENGES]; i++) {
		AUTO_FREE char *of = NULL;
		size_t n;

		if (s->challenges[i].server.at == 0)
			continue;
		of = place_of(a, i);
		n = strlen(of);
		if (strncmp(place, of, n) != 0 || (place[n] != ' ' && place[n] != '\0'))
			continue;
		t->challenge = i;
		t->where = spec_text(s, s->challenges[i].server);
		if (place[n] == ' ')
			load_record(t, place + n + 1);
		return true;
	}
	log_warn(
	    "%s: %s is not in the configuration any more; the TXT record may still "
	    "be there",
	    t->name, place);
	return true;
}

/* -- find -- */

/* What is known where it belongs goes on with its zone. */
static void on_noted(struct agent *a, uint32_t number, const struct err *failed)
{
	struct update *u = update_called(a->challenges, number);

	if (u == NULL)
		return;
	if (failed != NULL) {
		update_end(u, failed);
		return;
	}
	for (size_t i = 0; i < u->n; i++) {
		struct token *t = update_member(u, i);

		if (t == NULL)
			continue;
		t->update = 0;
		t->due = t->state != TOKEN_LEAVING;
		if (!t->due)
			token_taken(a, t, NULL); /* it never came */
	}
	update_free(a->challenges, u);
}

static int note_places(struct update *u, struct msg *m, struct err *e)
{
	if (msg_get_u64(m) != u->n)
		return err_set(e, ERR_PROTO, "places of other names");
	for (size_t i = 0; i < u->n; i++) {
		const char *owner = msg_get_str(m);
		const char *zone = msg_get_str(m);
		struct token *t = update_member(u, i);

		if (!dns_name_is(owner) || !dns_name_is(zone))
			return err_set(e, ERR_PROTO, "a place that is no name");
		if (t == NULL)
			continue;
		t->owner = xstrdup(owner);
		t->zone = xstrdup(zone);
		TRY(token_remember(u->agent, t, e));
	}
	return msg_end(m, e);
}

static void on_found(void *arg, uint32_t number, struct msg *m,
		     const struct err *failed)
{
	struct agent *a = arg;
	struct update *u = update_called(a->challenges, number);
	struct err e;

	if (u == NULL)
		return;
	if (failed != NULL)
		update_end(u, failed);
	else if (note_places(u, m, &e) < 0)
		update_end(u, &e);
	else
		commit_then(a, on_noted, number);
}

static int make_find(struct agent *a, uint32_t number, struct msg *m, struct err *e)
{
	const struct update *u = update_called(a->challenges, number);

	if (u == NULL)
		return err_set(e, ERR_BUSY, "it is over");
	msg_begin(m, DNS_FIND, 0);
	msg_put_u64(m, u->challenge);
	msg_put_u64(m, u->n);
	for (size_t i = 0; i < u->n; i++) {
		const struct token *t = update_member(u, i);

		msg_put_str(m, t == NULL ? "gone.invalid" : t->domain);
	}
	return 0;
}

/* -- begin -- */

/* What is asked of a name server is done in the order in which it was asked. */
static bool is_zone_busy(const struct challenges *c, const struct token *t)
{
	for (const struct update *u = c->updates; u != NULL; u = u->next)
		if (u->challenge == t->challenge && u->zone != NULL &&
		    u->step != UPDATE_LOOK && t->zone != NULL &&
		    strcmp(u->zone, t->zone) == 0)
			return true;
	return false;
}

static const struct token *first_due(const struct agent *a)
{
	const struct challenges *c = a->challenges;
	const struct token *t = c->tokens;

	while (t != NULL && (!t->due || is_zone_busy(c, t) || program_is_busy(a, t)))
		t = t->next;
	return t;
}

void dns_turn(struct agent *a)
{
	const struct token *t;

	while ((t = first_due(a)) != NULL) {
		struct update *u = update_new(a, t);

		if (u->zone != NULL && update_has_program(u))
			update_run(u);
		else if (u->zone != NULL)
			update_sign(u);
		else
			update_call(u, make_find, on_found);
	}
}

/* -- for challenge.c -- */

void dns_put(struct agent *a, struct token *t)
{
	const struct update *u = update_called(a->challenges, t->update);
	AUTO_FREE char *failed = TAKE(t->failed);
	struct err e;

	if (failed != NULL) {
		err_set(&e, ERR_NET, "%s", failed);
		token_put_done(a, t, &e);
	} else if (t->seen) {
		token_put_done(a, t, NULL);
	} else if (u != NULL &&
		   update_is_slow(u,
				  t->by_program ? "its program has not ended"
						: "not all name servers show it",
				  &e)) {
		token_put_done(a, t, &e);
	} else {
		t->due = t->update == 0;
	}
}

bool dns_is_there(const struct token *t)
{
	return t->by_program ? t->called : t->owner != NULL;
}

/* One that is looked at is there; one that is on its way is waited for. */
void dns_take(struct agent *a, struct token *t)
{
	const struct update *u = update_called(a->challenges, t->update);

	if (u != NULL && u->step != UPDATE_LOOK)
		return;
	t->update = 0;
	t->due = dns_is_there(t);
	if (!t->due)
		token_taken(a, t, NULL);
}

bool dns_can_wait(const struct agent *a, const struct token *t)
{
	const struct update *u = update_called(a->challenges, t->update);

	return t->group == 0 && u != NULL && u->step == UPDATE_LOOK;
}

void dns_take_over(struct agent *a, struct token *t, struct token *before)
{
	struct update *u = update_called(a->challenges, before->update);

	t->owner = TAKE(before->owner);
	t->zone = TAKE(before->zone);
	t->failed = TAKE(before->failed);
	t->said = TAKE(before->said);
	t->called = before->called;
	t->seen = before->seen;
	t->update = before->update;
	for (size_t i = 0; u != NULL && i < u->n; i++)
		if (u->tokens[i] == before->id)
			u->tokens[i] = t->id;
}

void dns_free(struct agent *a)
{
	struct challenges *c = a->challenges;

	while (c->updates != NULL)
		update_free(c, c->updates);
}
