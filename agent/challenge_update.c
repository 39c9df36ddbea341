#include "agent/challenge_update.h"

#include <stdlib.h>
#include <string.h>

#include "agent/net/dns_task.h"
#include "agent/pool.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"

_Static_assert(TXT_MAX <= DNS_TASK_MAX, "an update is looked for at once");

#define LOOK_MS     100   /* between the first two looks; then doubled */
#define LOOK_MAX_MS 10000 /* ... up to this */
#define DOWN_MS     10000 /* a CA asks another server, too, where one does not answer */
#define PATIENCE_MS 5000  /* a worker waits with its order for so long; */
#define BACK_MAX_MS 60000 /* comes back after as long as it took so far, or this */

static const struct spec_challenge *challenge_of(const struct update *u)
{
	return &u->agent->spec->challenges[u->challenge];
}

static const char *server_of(const struct update *u)
{
	return spec_text(u->agent->spec, challenge_of(u)->server);
}

struct update *update_called(const struct challenges *c, uint32_t id)
{
	struct update *u = c->updates;

	while (u != NULL && u->id != id)
		u = u->next;
	return u;
}

struct token *update_member(const struct update *u, size_t i)
{
	struct token *t = token_called(u->agent->challenges, u->tokens[i]);

	return t != NULL && t->update == u->id ? t : NULL;
}

void update_free(struct challenges *c, struct update *u)
{
	struct update **at = &c->updates;

	while (*at != u)
		at = &(*at)->next;
	*at = u->next;
	ev_timer_stop(u->agent->loop, &u->timer);
	buf_done(&u->message);
	buf_done(&u->mac);
	free(u->zone);
	free(u->all);
	free(u);
}

static bool go_together(const struct token *a, const struct token *b)
{
	return a->due && a->challenge == b->challenge && a->state == b->state &&
	       (a->zone == NULL) == (b->zone == NULL) &&
	       (a->zone == NULL || strcmp(a->zone, b->zone) == 0) &&
	       (!a->by_program || strcmp(a->name, b->name) == 0);
}

struct update *update_new(struct agent *a, const struct token *first)
{
	struct challenges *c = a->challenges;
	struct update *u = xcalloc(1, sizeof(*u));

	u->next = c->updates;
	u->agent = a;
	u->id = token_next_id(c);
	u->challenge = first->challenge;
	u->add = first->state == TOKEN_PUT;
	u->zone = first->zone == NULL ? NULL : xstrdup(first->zone);
	u->begun_ms = clock_boot_ms();
	c->updates = u;
	for (struct token *t = c->tokens; t != NULL && u->n < TXT_MAX; t = t->next) {
		if (t != first && !go_together(t, first))
			continue;
		t->update = u->id;
		t->due = false;
		u->tokens[u->n++] = t->id;
	}
	return u;
}

/* -- the end of an update -- */

/* One that was to go while it came goes once it is there, or may be. */
static void settle(struct agent *a, struct token *t, bool add, const struct err *failed)
{
	if (!add) {
		token_out(a, t, failed);
	} else if (t->state == TOKEN_LEAVING) {
		t->due = dns_is_there(t);
		if (!t->due)
			token_taken(a, t, NULL);
	} else {
		t->seen = failed == NULL;
		if (failed != NULL && t->group == 0)
			t->failed = xstrdup(failed->text);
		token_put_done(a, t, failed);
	}
}

/* Whoever is told may present or withdraw others: it is nobody's any more by then. */
void update_end(struct update *u, const struct err *failed)
{
	struct agent *a = u->agent;
	struct update ended = *u;

	update_free(a->challenges, u);
	for (size_t i = 0; i < ended.n; i++) {
		struct token *t = token_called(a->challenges, ended.tokens[i]);

		if (t == NULL || t->update != ended.id)
			continue;
		t->update = 0;
		settle(a, t, ended.add, failed);
	}
}

void update_call(struct update *u,
		 int (*make)(struct agent *, uint32_t, struct msg *, struct err *),
		 link_done *done)
{
	const struct pool_task task = {
		.issuer = POOL_PROBE, .number = u->id, .make = make, .done = done
	};

	pool_call(u->agent->pool, &task);
}

static int no_update(struct err *e)
{
	return err_set(e, ERR_BUSY, "it is over");
}

/* -- look -- */

static void on_time(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	update_look(timer->data);
}

bool update_is_slow(const struct update *u, const char *why, struct err *e)
{
	int64_t back_ms = clock_boot_ms() - u->begun_ms;

	if ((u->step != UPDATE_LOOK && u->step != UPDATE_RUN) || back_ms < PATIENCE_MS)
		return false;
	if (back_ms > BACK_MAX_MS)
		back_ms = BACK_MAX_MS;
	err_later(e, clock_now_ms() + back_ms, "%s", why);
	return true;
}

void update_let_workers_go(struct update *u, const char *why)
{
	struct err e;

	if (!update_is_slow(u, why, &e))
		return;
	for (size_t i = 0; i < u->n; i++) {
		struct token *t = update_member(u, i);

		if (t != NULL && t->state == TOKEN_PUT && t->group != 0)
			token_put_done(u->agent, t, &e);
	}
}

static void look_again(struct update *u, const char *why)
{
	const int64_t most_ms = challenge_of(u)->wait_s * 1000;
	char span[TEXT_SPAN_MAX];
	struct err e;

	if (clock_boot_ms() - u->begun_ms >= most_ms) {
		err_set(&e, ERR_NET, "after %s: %s",
			text_span_of(span, challenge_of(u)->wait_s), why);
		update_end(u, &e);
		return;
	}
	update_let_workers_go(u, why);
	u->wait_ms = u->wait_ms == 0 ? LOOK_MS : 2 * u->wait_ms;
	if (u->wait_ms > LOOK_MAX_MS)
		u->wait_ms = LOOK_MAX_MS;
	ev_timer_init(&u->timer, on_time, (double)u->wait_ms / 1000., 0.);
	u->timer.data = u;
	ev_timer_start(u->agent->loop, &u->timer);
}

struct sight {
	uint64_t shown;
	uint64_t late;
	uint64_t down;
	const char *why;
};

/* A server that is down keeps nobody from asking the others, one that is late may be the
 * one that is asked. */
static bool will_do(const struct update *u, const struct sight *s)
{
	if (s->late > 0 || s->shown == 0)
		return false;
	return s->down == 0 || clock_boot_ms() - u->begun_ms >= DOWN_MS;
}

static void on_looked(void *arg, uint32_t number, struct msg *m,
		      const struct err *failed)
{
	struct agent *a = arg;
	struct update *u = update_called(a->challenges, number);
	struct sight s;
	struct err e;

	if (u == NULL)
		return;
	if (failed != NULL) {
		look_again(u, failed->text);
		return;
	}
	s.shown = msg_get_u64(m);
	s.late = msg_get_u64(m);
	s.down = msg_get_u64(m);
	s.why = msg_get_str(m);
	if (msg_end(m, &e) < 0) {
		update_end(u, &e);
	} else if (!will_do(u, &s)) {
		look_again(u, s.why);
	} else {
		if (s.down > 0)
			log_warn("%s: a name server is not waited for: %s", u->zone,
				 s.why);
		update_end(u, NULL);
	}
}

static int make_look(struct agent *a, uint32_t number, struct msg *m, struct err *e)
{
	const struct update *u = update_called(a->challenges, number);
	size_t n = 0;

	if (u == NULL)
		return no_update(e);
	for (size_t i = 0; i < u->n; i++)
		n += update_member(u, i) != NULL;
	msg_begin(m, DNS_LOOK, 0);
	msg_put_u64(m, u->challenge);
	msg_put_str(m, u->zone);
	msg_put_u64(m, n);
	for (size_t i = 0; i < u->n; i++) {
		const struct token *t = update_member(u, i);
		char digest[TXT_VALUE_LEN + 1];

		if (t == NULL)
			continue;
		txt_value(t->authorization, digest);
		msg_put_str(m, t->owner);
		msg_put_str(m, digest);
	}
	return 0;
}

void update_look(struct update *u)
{
	bool any = false;

	for (size_t i = 0; i < u->n && !any; i++)
		any = update_member(u, i) != NULL;
	u->step = UPDATE_LOOK;
	if (any)
		update_call(u, make_look, on_looked);
	else
		update_end(u, NULL);
}

/* -- sign, send, check -- */

static void on_checked(void *arg, uint32_t number, struct msg *m,
		       const struct err *failed)
{
	struct agent *a = arg;
	struct update *u = update_called(a->challenges, number);
	struct err e;

	(void)m;
	if (u == NULL)
		return;
	if (failed == NULL && u->rcode == 0 && u->error == 0) {
		if (u->add && challenge_of(u)->wait_s > 0)
			update_look(u);
		else
			update_end(u, NULL);
		return;
	}
	if (failed != NULL)
		err_set(&e, failed->code, "%s: %s", server_of(u), failed->text);
	else
		err_set(&e, ERR_NET, "%s refuses to change %s: %s", server_of(u),
			u->zone, dns_rcode(u->error != 0 ? u->error : u->rcode));
	update_end(u, &e);
}

/* RFC 8945 5.2 */
static const char *fault_of_key(unsigned error)
{
	switch (error) {
	case 16:
		return ": it has another secret for this key";
	case 17:
		return ": it has no key of this name and algorithm";
	default:
		return "";
	}
}

/* What nobody has signed says at most what is wrong with the key. */
static void refused_unsigned(struct update *u)
{
	struct err e;

	err_set(&e, ERR_NET, "%s does not sign its reply with the key %s: %s%s",
		server_of(u), spec_text(u->agent->spec, challenge_of(u)->key_name),
		dns_rcode(u->error != 0 ? u->error : u->rcode), fault_of_key(u->error));
	update_end(u, &e);
}

static void on_sent(void *arg, uint32_t number, struct msg *m, const struct err *failed)
{
	struct agent *a = arg;
	struct update *u = update_called(a->challenges, number);
	AUTO_MSG struct msg out = MSG_NONE;
	const void *bytes;
	struct err e;
	size_t n;

	if (u == NULL)
		return;
	if (failed != NULL) {
		update_end(u, failed);
		return;
	}
	u->step = UPDATE_CHECK;
	msg_begin(&out, KEEPER_TXT_REPLY, 0);
	msg_put_u64(&out, u->challenge);
	msg_put_bytes(&out, u->mac.data, u->mac.len);
	bytes = msg_get_bytes(m, &n);
	msg_put_bytes(&out, bytes, n);
	msg_put_u64(&out, msg_get_u64(m));
	msg_put_u64(&out, msg_get_u64(m));
	u->error = (unsigned)msg_get_u64(m);
	msg_put_u64(&out, u->error);
	bytes = msg_get_bytes(m, &n);
	msg_put_bytes(&out, bytes, n);
	bytes = msg_get_bytes(m, &n);
	msg_put_bytes(&out, bytes, n);
	u->rcode = (unsigned)msg_get_u64(m);
	if (msg_end(m, &e) < 0)
		update_end(u, &e);
	else if (n == 0)
		refused_unsigned(u);
	else
		link_call(&a->keeper, &out, on_checked, u->id);
}

static int make_send(struct agent *a, uint32_t number, struct msg *m, struct err *e)
{
	const struct update *u = update_called(a->challenges, number);

	if (u == NULL)
		return no_update(e);
	msg_begin(m, DNS_SEND, 0);
	msg_put_u64(m, u->challenge);
	msg_put_str(m, u->zone);
	msg_put_bytes(m, u->message.data, u->message.len);
	return 0;
}

static void on_signed(void *arg, uint32_t number, struct msg *m,
		      const struct err *failed)
{
	struct agent *a = arg;
	struct update *u = update_called(a->challenges, number);
	const void *bytes;
	struct err e;
	size_t n;

	if (u == NULL)
		return;
	if (failed != NULL) {
		update_end(u, failed);
		return;
	}
	bytes = msg_get_bytes(m, &n);
	buf_add(&u->message, bytes, n);
	bytes = msg_get_bytes(m, &n);
	buf_add(&u->mac, bytes, n);
	if (msg_end(m, &e) < 0) {
		update_end(u, &e);
		return;
	}
	u->step = UPDATE_SEND;
	update_call(u, make_send, on_sent);
}

void update_sign(struct update *u)
{
	const struct challenges *c = u->agent->challenges;
	AUTO_MSG struct msg m = MSG_NONE;

	u->step = UPDATE_SIGN;
	msg_begin(&m, KEEPER_TXT, 0);
	msg_put_u64(&m, u->challenge);
	msg_put_str(&m, u->zone);
	msg_put_u64(&m, u->add);
	msg_put_u64(&m, u->n);
	for (const struct token *t = c->tokens; t != NULL; t = t->next) {
		if (t->update != u->id)
			continue;
		msg_put_str(&m, t->owner);
		msg_put_str(&m, t->token);
		msg_put_str(&m, t->authorization);
	}
	link_call(&u->agent->keeper, &m, on_signed, u->id);
}
