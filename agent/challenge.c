#include "agent/challenge.h"

#include <stdlib.h>
#include <string.h>

#include "acme/token.h"
#include "agent/challenge_token.h"
#include "agent/commit.h"
#include "agent/job.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/state/state_order.h"
#include "agent/state/state_token.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"

/* Tokens that were presented with one call, and who waits for them. */
struct group {
	struct group *next;
	uint32_t id;
	char *name; /* owned */
	size_t left;
	struct err err; /* code 0: all is well so far */
	challenge_done *done;
	uint32_t number;
};

uint32_t token_next_id(struct challenges *c)
{
	return ++c->last_id == 0 ? ++c->last_id : c->last_id;
}

/* -------- lists */

struct token *token_called(const struct challenges *c, uint32_t id)
{
	struct token *t = c->tokens;

	while (t != NULL && t->id != id)
		t = t->next;
	return t;
}

static struct group *group_called(const struct challenges *c, uint32_t id)
{
	struct group *g = c->groups;

	while (g != NULL && g->id != id)
		g = g->next;
	return g;
}

static void token_free(struct challenges *c, struct token *t)
{
	struct token **at = &c->tokens;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	free(t->name);
	free(t->identifier);
	free(t->token);
	free(t->authorization);
	free(t->domain);
	free(t->owner);
	free(t->zone);
	free(t->failed);
	free(t->said);
	free(t);
}

static void group_free(struct challenges *c, struct group *g)
{
	struct group **at = &c->groups;

	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	free(g->name);
	free(g);
}

static struct token *token_new(struct challenges *c, const char *name,
			       const char *token, const char *authorization)
{
	struct token *t = xcalloc(1, sizeof(*t));
	struct token **at = &c->tokens;

	*t = (struct token){ .id = token_next_id(c),
			     .name = xstrdup(name),
			     .token = xstrdup(token),
			     .authorization = xstrdup(authorization) };
	while (*at != NULL)
		at = &(*at)->next;
	*at = t;
	return t;
}

/* Another token than `t` with the same row. */
static struct token *same_row(const struct challenges *c, const struct token *t)
{
	struct token *o = c->tokens;

	while (o != NULL &&
	       (o == t || o->state == TOKEN_LEAVING ||
		strcmp(o->token, t->token) != 0 || strcmp(o->name, t->name) != 0))
		o = o->next;
	return o;
}

/* Two orders may share an authorization: it is shown until both are done with it. */
static bool is_wanted_by_others(const struct challenges *c, const struct token *t)
{
	for (const struct token *o = c->tokens; o != NULL; o = o->next)
		if (o != t && o->state != TOKEN_LEAVING &&
		    strcmp(o->token, t->token) == 0 && strcmp(o->where, t->where) == 0)
			return true;
	return false;
}

/* -------- places */

static bool is_by_keeper(const struct agent *a, const struct token *t)
{
	return a->spec->challenges[t->challenge].webroot.at != 0;
}

static void ask_keeper(struct agent *a, const struct token *t, uint32_t type,
		       link_done *done)
{
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, type, 0);
	msg_put_u64(&m, t->challenge);
	msg_put_str(&m, t->token);
	if (type == KEEPER_PRESENT)
		msg_put_str(&m, t->authorization);
	link_call(&a->keeper, &m, done, t->id);
}

/* Its group may end with this, and whoever is told may withdraw or present others. */
void token_put_done(struct agent *a, struct token *t, const struct err *failed)
{
	struct group *g = group_called(a->challenges, t->group);
	struct group ended;

	t->group = 0;
	if (t->state == TOKEN_PUT && (failed == NULL || failed->code != ERR_LATER))
		t->state = TOKEN_SHOWN;
	responder_open(a->challenges);
	if (g == NULL) {
		if (failed != NULL && !agent_cut_off(a))
			log_warn("%s: present a token again: %s", t->name,
				 failed->text);
		return;
	}
	if (failed != NULL)
		job_way_failed(a, t->name, t->identifier, t->challenge, failed);
	if (failed != NULL && (g->err.code == 0 || g->err.code == ERR_LATER))
		g->err = *failed;
	if (--g->left > 0)
		return;
	ended = *g;
	group_free(a->challenges, g);
	ended.done(a, ended.number, ended.err.code != 0 ? &ended.err : NULL);
}

void token_taken(struct agent *a, struct token *t, const struct err *failed)
{
	/* Its row stays: the next start tries again. */
	if (failed != NULL && !agent_cut_off(a))
		log_warn("%s: withdraw a token: %s", t->name, failed->text);
	if (failed == NULL && same_row(a->challenges, t) == NULL)
		token_forget(a, t);
	token_free(a->challenges, t);
	if (!challenge_busy(a))
		agent_pass(a);
}

static void on_presented(void *arg, uint32_t id, struct msg *m,
			 const struct err *failed)
{
	struct agent *a = arg;
	struct token *t = token_called(a->challenges, id);

	(void)m;
	if (t == NULL || t->state != TOKEN_PUT)
		return;
	if (t->by_program)
		program_checked(a, t, failed);
	else if (failed == NULL && !is_by_keeper(a, t))
		responder_put(a, t);
	else
		token_put_done(a, t, failed);
}

static void on_withdrawn(void *arg, uint32_t id, struct msg *m,
			 const struct err *failed)
{
	struct agent *a = arg;
	struct token *t = token_called(a->challenges, id);

	(void)m;
	if (t != NULL)
		token_taken(a, t, failed);
}

void token_out(struct agent *a, struct token *t, const struct err *failed)
{
	if (failed == NULL && t->by_program && is_by_keeper(a, t))
		ask_keeper(a, t, KEEPER_WITHDRAW, on_withdrawn);
	else
		token_taken(a, t, failed);
}

static void put(struct agent *a, struct token *t)
{
	t->state = TOKEN_PUT;
	if (t->by_dns)
		dns_put(a, t);
	else
		ask_keeper(a, t, KEEPER_PRESENT, on_presented);
}

/* Requests to one role are done in the order they were made: it follows its put. */
static void take(struct agent *a, struct token *t)
{
	bool was_put = t->state != TOKEN_NEW;

	t->state = TOKEN_LEAVING;
	t->group = 0;
	if (!was_put || is_wanted_by_others(a->challenges, t))
		token_taken(a, t, NULL);
	else if (t->by_dns || t->by_program)
		dns_take(a, t);
	else if (is_by_keeper(a, t))
		ask_keeper(a, t, KEEPER_WITHDRAW, on_withdrawn);
	else
		responder_take(a, t);
}

/* -------- present */

/* Whether the challenge is one of that certificate's has been seen to. */
static int check(const struct agent *a, const struct challenge_token *token,
		 struct err *e)
{
	const struct spec *s = a->spec;

	if (token->challenge >= s->n[SPEC_CHALLENGES] ||
	    token_place(s, token->challenge) == NULL)
		return err_set(e, ERR_PROTO, "there is no challenge %u",
			       token->challenge);
	if (!token_is_authorization(token->token, token->authorization))
		return err_set(e, ERR_PROTO, "not a token and its key authorization");
	return 0;
}

/* Who was there first stays first. `t` is the last. */
static void take_place(struct challenges *c, struct token *t,
		       const struct token *before)
{
	struct token **at = &c->tokens, **last;

	while (*at != NULL && *at != before)
		at = &(*at)->next;
	last = at;
	while (*last != NULL && *last != t)
		last = &(*last)->next;
	*last = NULL;
	t->next = *at;
	*at = t;
}

/* One that comes again is put again, with what it says now. */
static int accept_token(struct agent *a, struct group *g,
			const struct challenge_token *token, struct err *e)
{
	struct challenges *c = a->challenges;
	struct token *t, *before;

	TRY(check(a, token, e));
	t = token_new(c, g->name, token->token, token->authorization);
	t->challenge = token->challenge;
	t->identifier = xstrdup(token->name);
	token_mark(a, t, token->name);
	before = same_row(c, t);
	if (before != NULL && before->group != 0)
		before = NULL; /* somebody waits for that one */
	if (before != NULL && before->by_dns == t->by_dns &&
	    (t->by_dns || (t->by_program && before->challenge == t->challenge)))
		dns_take_over(a, t, before);
	TRY(token_remember(a, t, e));
	t->group = g->id;
	g->left++;
	if (before != NULL) {
		take_place(c, t, before);
		token_free(c, before);
	}
	return 0;
}

static struct token *first_new(const struct challenges *c, uint32_t group)
{
	struct token *t = c->tokens;

	while (t != NULL && (t->state != TOKEN_NEW || t->group != group))
		t = t->next;
	return t;
}

/* What is told at once may change the list: it is begun again for each. */
static void on_committed(struct agent *a, uint32_t id, const struct err *failed)
{
	struct challenges *c = a->challenges;
	struct group *g = group_called(c, id);
	struct token *t;

	if (g == NULL)
		return;
	if (failed != NULL && g->err.code == 0)
		g->err = *failed;
	if (g->err.code != 0 || g->left == 0) {
		struct group ended = *g;

		group_free(c, g);
		ended.done(a, ended.number, ended.err.code != 0 ? &ended.err : NULL);
		return;
	}
	while ((t = first_new(c, id)) != NULL)
		put(a, t);
}

void challenge_present(struct agent *a, const char *name,
		       const struct challenge_token *tokens, size_t n,
		       challenge_done *done, uint32_t number)
{
	struct challenges *c = a->challenges;
	struct group *g = xcalloc(1, sizeof(*g));
	struct err e = { 0 };

	*g = (struct group){ .next = c->groups,
			     .id = token_next_id(c),
			     .name = xstrdup(name),
			     .done = done,
			     .number = number };
	c->groups = g;
	for (size_t i = 0; i < n && e.code == 0; i++)
		(void)accept_token(a, g, &tokens[i], &e);
	g->err = e;
	commit_then(a, on_committed, g->id);
}

/* -------- withdraw */

static struct token *first_of(const struct challenges *c, const char *name)
{
	struct token *t = c->tokens;

	while (t != NULL && (t->state == TOKEN_LEAVING || strcmp(t->name, name) != 0))
		t = t->next;
	return t;
}

void challenge_withdraw(struct agent *a, const char *name, bool proven)
{
	struct challenges *c = a->challenges;
	struct group *next;
	struct token *t;

	for (struct group *g = c->groups; g != NULL; g = next) {
		next = g->next;
		if (strcmp(g->name, name) == 0)
			group_free(c, g);
	}
	program_forget(a, name);
	while ((t = first_of(c, name)) != NULL) {
		t->proven = proven;
		take(a, t);
	}
}

bool challenge_busy(const struct agent *a)
{
	const struct challenges *c = a->challenges;

	if (c == NULL)
		return false;
	for (const struct token *t = c->tokens; t != NULL; t = t->next)
		if ((t->state == TOKEN_PUT && !(a->stopping && dns_can_wait(a, t))) ||
		    t->state == TOKEN_LEAVING)
			return true;
	return c->groups != NULL;
}

/* -------- what a run before has left */

static int load(void *arg, const struct token_row *row)
{
	struct agent *a = arg;
	struct token *t =
	    token_new(a->challenges, row->name, row->token, row->authorization);

	t->state = TOKEN_KEPT;
	token_load(a, t, row->where);
	return 0;
}

static int note_order(void *arg, const struct order_row *o)
{
	(void)o;
	*(bool *)arg = true;
	return 0;
}

static bool has_order(struct agent *a, const char *name)
{
	bool found = false;
	struct err e;

	if (state_order_each(a->state, name, note_order, &found, &e) < 0)
		log_error("%s: orders: %s", name, e.text);
	return found;
}

/* What this run does not go on with is left as it is. */
static void settle(struct agent *a, struct token *t)
{
	uint32_t cert = spec_cert_called(a->spec, t->name);

	if (t->challenge == SPEC_NOBODY) {
		token_forget(a, t);
		token_free(a->challenges, t);
	} else if (cert == SPEC_NOBODY || !has_order(a, t->name)) {
		take(a, t);
	} else if (!a->wanted[cert]) {
		token_free(a->challenges, t);
	} else if (a->request->command == COMMAND_AGENT) {
		put(a, t); /* a CA may come for it at any time, and finds us */
	}
}

void challenge_resume(struct agent *a, const char *name)
{
	for (struct token *t = a->challenges->tokens; t != NULL; t = t->next)
		if (t->state == TOKEN_KEPT && strcmp(t->name, name) == 0)
			put(a, t);
}

void challenge_begin(struct agent *a)
{
	struct token *next;
	struct err e;

	a->challenges = xcalloc(1, sizeof(*a->challenges));
	responder_begin(a);
	if (state_token_each(a->state, NULL, load, a, &e) < 0)
		log_error("tokens: %s", e.text);
	for (struct token *t = a->challenges->tokens; t != NULL; t = next) {
		next = t->next;
		settle(a, t);
	}
}

void challenge_free(struct agent *a)
{
	struct challenges *c = a->challenges;

	if (c == NULL)
		return;
	while (c->tokens != NULL)
		token_free(c, c->tokens);
	while (c->groups != NULL)
		group_free(c, c->groups);
	dns_free(a);
	program_forget(a, NULL);
	responder_close(a);
	free(c);
	a->challenges = NULL;
}
