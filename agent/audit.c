#include "agent/audit.h"

#include <assert.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/drift.h"
#include "agent/inventory.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/err.h"

/* -- stamps -- */

void stamps_begin(struct stamps *s, uint32_t first, uint32_t end)
{
	*s = (struct stamps){ .asked = first, .known = first, .end = end };
}

static int ask_more(struct stamps *s, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;

	while (s->asked < s->end &&
	       s->asked - s->known < STAMPS_AT_ONCE * STAMPS_AHEAD) {
		const uint32_t left = s->end - s->asked;
		const uint32_t n = left < STAMPS_AT_ONCE ? left : STAMPS_AT_ONCE;

		msg_begin(&m, KEEPER_STAMP, 0);
		msg_put_u64(&m, s->asked);
		msg_put_u64(&m, n);
		TRY(msg_send(ROLE_FD_PEER, &m, e));
		s->asked += n;
	}
	return 0;
}

static int take(struct stamps *s, struct err *e)
{
	const uint32_t left = s->asked - s->known;
	AUTO_MSG struct msg m = MSG_NONE;
	const void *bytes;
	size_t len;

	TRY(link_answer(ROLE_FD_PEER, KEEPER_STAMP, &m, e));
	bytes = msg_get_bytes(&m, &len);
	TRY(msg_end(&m, e));
	s->n = left < STAMPS_AT_ONCE ? left : STAMPS_AT_ONCE;
	if (len != s->n * sizeof(s->last[0]))
		return err_set(e, ERR_PROTO, "%zu bytes of stamps", len);
	memcpy(s->last, bytes, len);
	s->known += s->n;
	return 0;
}

int stamps_get(struct stamps *s, uint32_t i, uint64_t *stamp, struct err *e)
{
	assert(i < s->end && (s->n == 0 || i >= s->known - s->n));
	while (i >= s->known) {
		TRY(ask_more(s, e));
		TRY(take(s, e));
	}
	*stamp = s->last[s->n - (s->known - i)];
	return 0;
}

void stamps_end(struct stamps *s)
{
	struct err e;

	while (s->known < s->asked && take(s, &e) == 0)
		;
}

/* -- in full -- */

struct audited audited_as(const struct memory *m)
{
	return (struct audited){ m->disk_stamp, (m->flags & CERT_FILES_DIFFER) != 0 };
}

bool audited_stands(const struct audited *before, uint64_t stamp)
{
	return before->stamp == stamp && !before->told;
}

static int take_answer(struct agent *a, uint32_t i, struct msg *m, bool *whole,
		       struct err *e)
{
	struct cert *c = &a->certs[i];

	drift_damaged(a, i, CERT_DAMAGED, msg_get_str(m));
	drift_take(a, i, m);
	*whole = (c->flags & (CERT_UNREADABLE | CERT_DAMAGED | CERT_FILES_DIFFER |
			      CERT_BY_HAND)) == 0;
	return msg_end(m, e);
}

/* With the leaf that the stamp is of: it will be taken for that as long as the stamp
 * stands. `told`: what is there is not whole, and is left as it is. */
static int remember(struct agent *a, uint32_t i, uint64_t stamp, bool told,
		    struct err *e)
{
	struct memory m = { .failures = 0 };
	bool found;

	if (a->state == NULL || !request_writes(a->request))
		return 0;
	TRY(state_get(a->state, agent_cert_name(a, i), &m, &found, e));
	if (!found)
		return 0;
	inventory_see(a, i, &m);
	m.disk_stamp = stamp;
	m.flags &= ~(unsigned)CERT_FILES_DIFFER;
	m.flags |= told ? CERT_FILES_DIFFER : 0;
	TRY(agent_write(a, e));
	return state_put(a->state, agent_cert_name(a, i), &m, e);
}

/* What the keeper says in `m` of what has that stamp. */
static int compare(struct agent *a, uint32_t i, uint64_t stamp,
		   const struct audited *before, struct msg *m, struct err *e)
{
	bool whole = false;

	TRY(take_answer(a, i, m, &whole, e));
	a->drift[i].is_new = !before->told || before->stamp != stamp;
	if (!whole && ((a->certs[i].flags & CERT_DAMAGED) != 0 || !drift_stays(a, i)))
		return 0;
	return a->drift[i].is_new || whole ? remember(a, i, stamp, !whole, e) : 0;
}

static void ask(struct msg *m, uint32_t i, uint64_t number)
{
	msg_begin(m, KEEPER_AUDIT, 0);
	msg_put_u64(m, i);
	msg_put_u64(m, number);
}

int audit_ask(struct agent *a, uint32_t i, uint64_t stamp, const struct audited *before,
	      struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;

	ask(&m, i, 0);
	if (link_ask(ROLE_FD_PEER, &m, e) == 0)
		return compare(a, i, stamp, before, &m, e);
	if (m.type != MSG_FAILED)
		return e->code;
	log_error("%s: its key and files could not be looked at: %s",
		  agent_cert_name(a, i), e->text);
	a->drift[i].unseen = true;
	a->n_failed += a->wanted[i];
	return 0;
}

int audit_generation(uint32_t i, uint64_t number, struct err *damage, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;

	ask(&m, i, number);
	TRY(link_ask(ROLE_FD_PEER, &m, e));
	err_set(damage, ERR_TRUST, "%s", msg_get_str(&m));
	return m.broken ? err_set(e, ERR_PROTO, "its damage is not told") : 0;
}

int audit_take(struct agent *a, uint32_t i, uint64_t stamp, struct msg *m,
	       struct err *e)
{
	struct memory row = { .failures = 0 };
	struct audited before;
	bool found;

	TRY(state_get(a->state, agent_cert_name(a, i), &row, &found, e));
	before = audited_as(&row);
	return compare(a, i, stamp, &before, m, e);
}
