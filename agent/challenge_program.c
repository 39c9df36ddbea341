/* challenge_program: what is shown by the programs of other clients, see challenge.h. */
#include <stdlib.h>
#include <string.h>

#include "agent/challenge_update.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "hooks/dialect.h"

#define PLACE   "program " /* what rows begin with, see program_place() */
#define NOWHERE "." /* the zone of what is in none, or in one that is not looked at */

#define PATIENCE_S 5. /* as with name servers */
#define AGAIN_S    1. /* a run for an agent before this one has to end first */

static const struct spec_challenge *challenge_of(const struct agent *a,
						 uint32_t challenge)
{
	return &a->spec->challenges[challenge];
}

static const char *program_of(const struct agent *a, uint32_t challenge)
{
	const struct spec_challenge *c = challenge_of(a, challenge);

	return c->hook.n == 0 ? NULL
			      : spec_text(a->spec, a->spec->words[c->hook.first]);
}

bool update_has_program(const struct update *u)
{
	return program_of(u->agent, u->challenge) != NULL;
}

/* Name servers are asked where somebody wants to know what they say. */
static bool is_looked_for(const struct spec_challenge *c)
{
	return c->type == CHALLENGE_DNS_01 && (c->wait_s > 0 || c->resolvers.n > 0);
}

void program_mark(const struct agent *a, struct token *t)
{
	if (is_looked_for(challenge_of(a, t->challenge)))
		return;
	t->owner = xasprintf("_acme-challenge.%s", t->domain);
	t->zone = xstrdup(NOWHERE);
}

/* -- rows: lines; the last are what it has said -- */

static char *place_of(const struct agent *a, uint32_t challenge)
{
	const struct spec_challenge *c = challenge_of(a, challenge);

	return xasprintf(PLACE "%s %s %s\n", challenge_words[c->type],
			 dialect_words[c->dialect], program_of(a, challenge));
}

char *program_place(const struct agent *a, const struct token *t)
{
	AUTO_FREE char *place = place_of(a, t->challenge);

	return xasprintf("%s%s\n%s\n%s\n%s\n%s", place, t->domain,
			 t->owner == NULL ? "" : t->owner,
			 t->zone == NULL ? "" : t->zone, t->called ? "called" : "",
			 t->said == NULL ? "" : t->said);
}

/* The line at *at, which is behind it then; owned. */
static char *next_line(const char **at)
{
	const size_t n = strcspn(*at, "\n");
	char *line = xasprintf("%.*s", (int)n, *at);

	*at += n + ((*at)[n] == '\n');
	return line;
}

/* What was to be presented may have been: it is taken back as if it had. */
static void load_rest(struct token *t, const char *rest)
{
	AUTO_FREE char *called = NULL;

	t->domain = next_line(&rest);
	t->owner = next_line(&rest);
	t->zone = next_line(&rest);
	called = next_line(&rest);
	t->called = true;
	t->said = xstrdup(rest);
	if (t->owner[0] != '\0' && t->zone[0] != '\0')
		return;
	free(TAKE(t->owner));
	free(TAKE(t->zone));
	t->called = called[0] != '\0';
}

bool program_load(const struct agent *a, struct token *t, const char *place)
{
	if (strncmp(place, PLACE, strlen(PLACE)) != 0)
		return false;
	t->by_program = true;
	for (uint32_t i = 0; i < a->spec->n[SPEC_CHALLENGES]; i++) {
		AUTO_FREE char *of = NULL;

		if (program_of(a, i) == NULL)
			continue;
		of = place_of(a, i);
		if (strncmp(place, of, strlen(of)) != 0)
			continue;
		t->challenge = i;
		t->where = program_of(a, i);
		load_rest(t, place + strlen(of));
		return true;
	}
	log_warn("%s: %.*s is not in the configuration any more; what it presents may "
		 "still be there",
		 t->name, (int)strcspn(place, "\n"), place);
	return true;
}

/* -- when a program is called -- */

bool program_is_busy(const struct agent *a, const struct token *t)
{
	const char *program = t->by_program ? program_of(a, t->challenge) : NULL;

	for (const struct update *u = a->challenges->updates; u != NULL; u = u->next)
		if (program != NULL && u->step == UPDATE_RUN &&
		    strcmp(program_of(a, u->challenge), program) == 0)
			return true;
	return false;
}

static bool is_unchecked(const struct challenges *c, uint32_t group)
{
	for (const struct token *t = c->tokens; t != NULL; t = t->next)
		if (t->by_program && t->group == group && t->state == TOKEN_PUT &&
		    !t->checked && t->update == 0 && !t->due)
			return true;
	return false;
}

static struct token *first_checked(const struct challenges *c, uint32_t group)
{
	struct token *t = c->tokens;

	while (t != NULL && (!t->checked || t->group != group))
		t = t->next;
	return t;
}

/* Whoever is told may present or withdraw others. */
void program_checked(struct agent *a, struct token *t, const struct err *failed)
{
	const uint32_t group = t->group;

	if (failed != NULL)
		token_put_done(a, t, failed);
	else
		t->checked = true;
	if (group != 0 && is_unchecked(a->challenges, group))
		return;
	while ((t = first_checked(a->challenges, group)) != NULL) {
		t->checked = false;
		dns_put(a, t);
	}
}

/* -- a call -- */

static void call_next(struct update *u);

static enum dialect dialect_of(const struct update *u)
{
	return (enum dialect)challenge_of(u->agent, u->challenge)->dialect;
}

/* Those of this call: all, or the one whose turn it is. */
static bool is_called(const struct update *u, size_t i)
{
	const struct token *t = update_member(u, i);

	if (t == NULL || (u->add && (t->called || t->state == TOKEN_LEAVING)))
		return false;
	return i == u->at || (i > u->at && dialect_is_chain(dialect_of(u)));
}

static void set_timer(struct update *u, void (*then)(struct ev_loop *, ev_timer *, int),
		      double after_s)
{
	ev_timer_stop(u->agent->loop, &u->timer);
	ev_timer_init(&u->timer, then, after_s, 0.);
	u->timer.data = u;
	ev_timer_start(u->agent->loop, &u->timer);
}

static void on_slow(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	update_let_workers_go(timer->data, "its program has not ended");
}

static void on_again(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	call_next(timer->data);
}

static void note_presented(struct update *u, struct token *t, const char *said)
{
	struct err e;

	t->called = true;
	free(t->said);
	t->said = xstrdup(said);
	if (token_remember(u->agent, t, &e) < 0)
		log_error("%s: remember a token: %s", t->name, e.text);
}

static void note_withdrawn(struct update *u, struct token *t, const struct err *failed)
{
	t->update = 0;
	token_out(u->agent, t, failed);
}

/* Its order comes back at once, and is told what not to ask for. */
static void note_declined(struct update *u, struct token *t)
{
	struct challenges *c = u->agent->challenges;
	struct declined *d = xcalloc(1, sizeof(*d));
	struct err e;

	*d = (struct declined){ .next = c->declined,
				.challenge = t->challenge,
				.name = xstrdup(t->name),
				.domain = xstrdup(t->domain) };
	c->declined = d;
	log_info("%s: %s declines to show %s", t->name, t->where, t->domain);
	t->update = 0;
	t->state = TOKEN_SHOWN; /* as far as it will be */
	err_later(&e, clock_now_ms(), "%s declines to show %s", t->where, t->domain);
	token_put_done(u->agent, t, &e);
}

void program_forget(struct agent *a, const char *name)
{
	struct declined **at = &a->challenges->declined;

	while (*at != NULL) {
		struct declined *d = *at;

		if (name != NULL && strcmp(d->name, name) != 0) {
			at = &d->next;
			continue;
		}
		*at = d->next;
		free(d->name);
		free(d->domain);
		free(d);
	}
}

/* What is shown of a name is what is shown of its wildcard. */
static void put_declined(const struct declined *d, const char *star, struct msg *m)
{
	AUTO_FREE char *name = xasprintf("%s%s", star, d->domain);

	msg_put_u64(m, d->challenge);
	msg_put_str(m, name);
}

void challenge_put_declined(const struct agent *a, const char *name, size_t *n,
			    struct msg *m)
{
	const struct declined *d =
	    a->challenges == NULL ? NULL : a->challenges->declined;

	for (; d != NULL; d = d->next) {
		if (strcmp(d->name, name) != 0)
			continue;
		*n += 2;
		if (m == NULL)
			continue;
		put_declined(d, "", m);
		put_declined(d, "*.", m);
	}
}

/* Of those that were called for: what became of it. */
static void note(struct update *u, enum dialect_outcome outcome, const char *said,
		 const struct err *failed)
{
	for (size_t i = u->at; i < u->n; i++) {
		struct token *t = update_member(u, i);

		if (!is_called(u, i))
			continue;
		if (!u->add)
			note_withdrawn(u, t, failed);
		else if (outcome == DIALECT_DECLINED)
			note_declined(u, t);
		else
			note_presented(u, t, said);
	}
}

static void on_ended(void *arg, uint32_t number, struct msg *m,
		     const struct err *failed)
{
	struct agent *a = arg;
	struct update *u = update_called(a->challenges, number);
	enum dialect_outcome outcome;
	const char *text, *said;
	struct err e;

	if (u == NULL)
		return;
	if (failed != NULL && failed->code == ERR_BUSY) {
		set_timer(u, on_again, AGAIN_S);
		return;
	}
	if (failed != NULL) {
		update_end(u, failed);
		return;
	}
	outcome = (enum dialect_outcome)msg_get_u64(m);
	(void)msg_get_i64(m);
	text = msg_get_str(m);
	said = msg_get_str(m);
	if (msg_end(m, &e) < 0) {
		update_end(u, &e);
		return;
	}
	if (outcome != DIALECT_OK)
		err_set(&e, ERR_HOOK, "%s: %s", program_of(a, u->challenge), text);
	if (outcome == DIALECT_IGNORED)
		log_warn("%s; that means nothing in its dialect", e.text);
	note(u, outcome, said, outcome == DIALECT_REFUSED ? &e : NULL);
	if (u->add && outcome == DIALECT_REFUSED) {
		update_end(u, &e);
		return;
	}
	u->at = dialect_is_chain(dialect_of(u)) ? u->n : u->at + 1;
	call_next(u);
}

/* Names of what goes together, as it was when it was presented. */
static void name_all(struct update *u)
{
	AUTO_BUF struct buf all = { 0 };

	for (size_t i = 0; i < u->n; i++) {
		const struct token *t = update_member(u, i);

		if (t != NULL)
			buf_printf(&all, "%s%s", all.len == 0 ? "" : ",", t->domain);
	}
	u->all = xstrdup(all.len == 0 ? "" : all.data);
}

static enum dialect_step step_of(const struct update *u, const struct token *t)
{
	if (u->add)
		return DIALECT_PRESENT;
	return t->proven ? DIALECT_WITHDRAW : DIALECT_FAILED;
}

static void put_item(struct msg *m, const struct token *t)
{
	char digest[TXT_VALUE_LEN + 1];

	txt_value(t->authorization, digest);
	msg_put_str(m, t->domain);
	msg_put_str(m, t->authorization);
	msg_put_str(m, digest);
	msg_put_str(m, t->owner);
	msg_put_str(m, t->said);
}

static void call(struct update *u, const struct token *first)
{
	AUTO_MSG struct msg m = MSG_NONE;
	size_t n = 0;

	for (size_t i = u->at; i < u->n; i++)
		n += is_called(u, i);
	msg_begin(&m, SUP_PROGRAM, 0);
	msg_put_u64(&m, u->challenge);
	msg_put_u64(&m, step_of(u, first));
	msg_put_str(&m, first->name);
	msg_put_str(&m, u->all);
	msg_put_u64(&m, u->n - u->at - n);
	msg_put_u64(&m, n);
	for (size_t i = u->at; i < u->n; i++)
		if (is_called(u, i))
			put_item(&m, update_member(u, i));
	link_call(&u->agent->super, &m, on_ended, u->id);
	if (u->add)
		set_timer(u, on_slow, PATIENCE_S);
}

static void call_next(struct update *u)
{
	while (u->at < u->n && !is_called(u, u->at))
		u->at++;
	if (u->at < u->n) {
		call(u, update_member(u, u->at));
	} else if (u->add && challenge_of(u->agent, u->challenge)->wait_s > 0) {
		ev_timer_stop(u->agent->loop, &u->timer);
		u->begun_ms = clock_boot_ms(); /* name servers have had no time yet */
		update_look(u);
	} else {
		update_end(u, NULL);
	}
}

void update_run(struct update *u)
{
	u->step = UPDATE_RUN;
	name_all(u);
	call_next(u);
}
