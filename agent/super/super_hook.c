#include "agent/super/super_hook.h"

#include <stdlib.h>

#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/super/hookrun.h"
#include "agent/super/super.h"
#include "agent/super/super_enrol.h"
#include "base/err.h"

int super_hook(void *role, struct msg *m, struct err *e)
{
	struct super *s = role;
	struct hookrun_start start = { .id = m->id, .in = m->fd };
	uint64_t hook = msg_get_u64(m);

	start.test = msg_get_u64(m) != 0;
	start.call.event = msg_get_str(m);
	start.call.count = msg_get_u64(m);
	start.call.names = msg_get_str(m);
	for (size_t i = 0; i < HOOK_VALUES; i++) {
		const char *value = msg_get_str(m);

		start.call.values[i] = value[0] == '\0' ? NULL : value;
	}
	if (start.call.names[0] == '\0')
		start.call.names = NULL;
	TRY(msg_end(m, e));
	m->type = MSG_LATER; /* when it has ended */
	if (hook >= s->spec.n[SPEC_HOOKS])
		return err_set(e, ERR_PROTO, "there is no hook %llu",
			       (unsigned long long)hook);
	start.hook = (uint32_t)hook;
	start.call.hook = spec_text(&s->spec, s->spec.hooks[start.hook].name);
	return hookrun_start(s->hooks, &start, e);
}

/* Without the end of the message, and what the snapshot says. */
static int get_call(struct msg *m, struct hookrun_program *p,
		    struct dialect_item *items, struct err *e)
{
	const uint64_t challenge = msg_get_u64(m);
	const uint64_t step = msg_get_u64(m);
	uint64_t left;

	p->call.name = msg_get_str(m);
	p->call.all = msg_get_str(m);
	left = msg_get_u64(m);
	p->call.n = (size_t)msg_get_u64(m);
	if (challenge > UINT32_MAX || step >= DIALECT_STEPS || left > LIMIT_IDS ||
	    p->call.n > LIMIT_IDS)
		return err_set(e, ERR_PROTO, "no call of a program");
	p->challenge = (uint32_t)challenge;
	p->call.step = (enum dialect_step)step;
	p->call.left = (unsigned)left;
	for (size_t i = 0; i < p->call.n; i++) {
		items[i].identifier = msg_get_str(m);
		items[i].authorization = msg_get_str(m);
		items[i].digest = msg_get_str(m);
		items[i].record = msg_get_str(m);
		items[i].said = msg_get_str(m);
	}
	p->call.items = items;
	return 0;
}

int super_program(void *role, struct msg *m, struct err *e)
{
	struct super *s = role;
	struct dialect_item items[LIMIT_IDS];
	struct hookrun_program p = { .id = m->id };

	TRY(get_call(m, &p, items, e));
	TRY(msg_end(m, e));
	m->type = MSG_LATER; /* when it has ended */
	return hookrun_program(s->hooks, &p, e);
}

static void put_result(struct super *s, const struct hookrun_result *r)
{
	struct msg *m = &s->msg;

	if (r->is_enrol) {
		super_enrol_put(s, r);
		return;
	}
	msg_begin(m, r->is_program ? SUP_PROGRAM : SUP_HOOK, r->id);
	if (r->is_program) {
		msg_put_u64(m, r->outcome);
	} else {
		msg_put_u64(m, r->ok);
		msg_put_u64(m, r->joined);
	}
	msg_put_i64(m, r->ms);
	msg_put_str(m, r->text);
	if (r->is_program)
		msg_put_str(m, r->said);
	else
		msg_put_u64(m, r->unstarted);
}

static void tell_result(struct super *s, const struct hookrun_result *r)
{
	struct super_proc *agent = super_role(s, ROLE_AGENT);
	struct err e;

	if (r->id == 0 || agent == NULL || agent->sock < 0)
		return; /* the next agent runs it again: at least once */
	put_result(s, r);
	if (msg_send(agent->sock, &s->msg, &e) == 0)
		return;
	log_warn("hook result: %s", e.text);
	super_let_go(agent); /* it would wait for ever */
}

void super_hooks_ended(struct super *s)
{
	struct hookrun_result r;

	while (hookrun_done(s->hooks, &r)) {
		tell_result(s, &r);
		free(r.said);
	}
}
