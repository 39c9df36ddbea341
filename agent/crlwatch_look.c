#include <stdio.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/crlwatch.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/rule/schedule.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"

void crlwatch_put_part(struct crl *c, const struct crl_part *p)
{
	struct agent *a = c->agent;
	struct err e;

	if (agent_write(a, &e) < 0 || state_crl_part_put(a->state, c->name, p, &e) < 0)
		log_error("%s: remember: %s", c->name, e.text);
}

/* Of whom all of it revokes, in the order of the CAs; neither 0 nor CRL_TAKEN_AWAY. */
static uint64_t digest_of(const struct crl *c)
{
	uint8_t sum[HASH_LEN];
	uint64_t digest;
	struct hash h;

	hash_begin(&h);
	for (uint32_t i = 0; i < c->n_cas; i++) {
		const struct crl_part *p = &c->cas[i].part;

		hash_add(&h, p->ca, sizeof(p->ca));
		hash_add(&h, p->digest, sizeof(p->digest));
		hash_add(&h, p->scope, sizeof(p->scope));
	}
	hash_end(&h, sum);
	memcpy(&digest, sum, sizeof(digest));
	return digest <= CRL_TAKEN_AWAY ? CRL_TAKEN_AWAY + 1 : digest;
}

/* -- its end -- */

void crlwatch_let_go(struct crl *c)
{
	auto_fd_(&c->staging);
	c->staging = -1;
	c->looking = false;
	agent_pass(c->agent);
}

/* What is taken away when it ends is looked for once more at that moment. */
static int64_t by_its_end(const struct crl *c, int64_t at, int64_t now)
{
	const int64_t until = crlwatch_until(c);

	return spec_crl_takes_any(c->agent->spec, c->spec) && until > now
		   ? clock_sooner(at, until)
		   : at;
}

static void fail(struct crl *c, const struct err *e)
{
	struct agent *a = c->agent;
	struct crl_memory *m = &c->memory;
	const int64_t now = clock_now();
	const int64_t until = crlwatch_until(c);

	m->failures++;
	m->look_at = clock_sooner(schedule_retry_at(e->code, m->failures, now, until,
						    agent_draw(c->agent, c->name)),
				  crl_look_at(crlwatch_from(c), until, now,
					      agent_draw(c->agent, c->name)));
	m->look_at = by_its_end(c, m->look_at, now);
	if (strcmp(m->last_error, e->text) != 0)
		agent_tell(a, c->name, "crl-failed", 0, e->text);
	snprintf(m->last_error, sizeof(m->last_error), "%s", e->text);
	a->n_failed++;
	crlwatch_put(c);
}

static void succeed(struct crl *c)
{
	struct crl_memory *m = &c->memory;
	const int64_t now = clock_now();

	m->failures = 0;
	m->last_error[0] = '\0';
	m->looked_at = now;
	m->look_at = crl_look_at(crlwatch_from(c), crlwatch_until(c), now,
				 agent_draw(c->agent, c->name));
	m->look_at = by_its_end(c, m->look_at, now);
	crlwatch_put(c);
}

static void tell_written(struct crl *c, bool newer)
{
	char at[TEXT_TIME_MAX] = "";
	AUTO_FREE char *text = NULL;
	const int64_t until = crlwatch_until(c);

	if (!newer) {
		agent_tell(c->agent, c->name, "drift", 0,
			   "what somebody had changed of its files is written again");
		return;
	}
	text = xasprintf("%llu revoked%s%s", (unsigned long long)crlwatch_entries(c),
			 until == 0 ? "" : ", good until ",
			 until == 0 ? "" : text_time(at, until));
	agent_tell(c->agent, c->name, "crl-updated", 0, text);
}

/* A file that is lost is one that the server is to give, and the keeper to keep, again. */
static void ask_for_all(struct crl *c)
{
	for (uint32_t i = 0; i < c->n_cas; i++) {
		struct crl_part *p = &c->cas[i].part;

		p->etag[0] = p->last_modified[0] = '\0';
		memset(p->digest, 0, sizeof(p->digest));
		if (p->this_update != 0)
			crlwatch_put_part(c, p);
	}
}

/* Hooks are run for what revokes others, and for what somebody has changed. */
static void take_written(struct crl *c, bool wrote)
{
	struct crl_memory *m = &c->memory;
	const uint64_t digest = digest_of(c);
	const int64_t until = crlwatch_until(c);
	const bool others = digest != m->written;

	if (!wrote && !others && until == m->written_until)
		return;
	tell_written(c, others || c->came);
	m->written = digest;
	m->written_until = until;
	if (others || !c->came || c->spec->hooks.n == 0)
		crlwatch_owe(c);
}

static void take_removed(struct crl *c, bool gone)
{
	char at[TEXT_TIME_MAX];
	AUTO_FREE char *text = NULL;

	if (!gone && c->memory.written <= CRL_TAKEN_AWAY)
		return;
	text = xasprintf("its list has ended at %s, and there is no newer one",
			 text_time(at, crlwatch_until(c)));
	agent_tell(c->agent, c->name, "crl-removed", 0, text);
	c->memory.written = CRL_TAKEN_AWAY;
	c->memory.written_until = 0;
	crlwatch_owe(c);
}

/* What is damaged in the store, too, is looked for at once. */
static void take_mended(struct crl *c, bool wrote, const struct err *failed)
{
	c->mending = false;
	if (failed != NULL) {
		log_error("%s: what somebody has changed is not written again: %s",
			  c->name, failed->text);
		ask_for_all(c);
		c->memory.look_at = 0;
		crlwatch_put(c);
	} else if (wrote) {
		tell_written(c, false);
		crlwatch_owe(c);
	}
	crlwatch_let_go(c);
}

static void on_written(void *arg, uint32_t number, struct msg *m,
		       const struct err *failed)
{
	struct agent *a = arg;
	struct crl *c = &a->crls->crls[number];

	if (c->mending) {
		take_mended(c, failed == NULL && msg_get_u64(m) != 0, failed);
		return;
	}
	if (failed == NULL) {
		const bool wrote = msg_get_u64(m) != 0;

		c->going ? take_removed(c, wrote) : take_written(c, wrote);
	} else {
		ask_for_all(c);
		if (c->failed.code == 0)
			c->failed = *failed;
		else
			err_wrap(&c->failed, "%.200s", failed->text);
	}
	if (c->failed.code != 0) {
		fail(c, &c->failed);
	} else {
		succeed(c);
	}
	crlwatch_let_go(c);
}

void crlwatch_write(struct crl *c)
{
	AUTO_MSG struct msg m = MSG_NONE;
	uint8_t good[LIMIT_CHAIN_CERTS][HASH_LEN];
	const int64_t now = clock_now();
	bool has_ended = false;
	size_t n = 0;

	for (uint32_t i = 0; i < c->n_cas; i++) {
		const struct crl_part *p = &c->cas[i].part;

		if (p->this_update != 0 &&
		    (p->next_update == 0 || p->next_update > now))
			memcpy(good[n++], p->ca, HASH_LEN);
		else
			has_ended = has_ended || p->this_update != 0;
	}
	c->going = has_ended && spec_crl_takes_any(c->agent->spec, c->spec);
	msg_begin(&m, KEEPER_CRL_WRITE, 0);
	msg_put_u64(&m, c->number);
	msg_put_u64(&m, c->going);
	msg_put_bytes(&m, good, n * HASH_LEN);
	link_call(&c->agent->keeper, &m, on_written, c->number);
}

/* -- its begin -- */

static void on_cas(void *arg, uint32_t number, struct msg *m, const struct err *failed)
{
	struct agent *a = arg;
	struct crl *c = &a->crls->crls[number];
	struct err e;

	if (failed != NULL || crlwatch_take_cas(c, m, &e) < 0) {
		fail(c, failed != NULL ? failed : &e);
		crlwatch_let_go(c);
		return;
	}
	crlwatch_ask(c);
}

/* It is what was last known of its CAs: nobody has to be asked. What has ended meanwhile
 * stays until a look says so. */
void crlwatch_mend(struct crl *c)
{
	const int64_t until = crlwatch_until(c);

	if (c->looking || c->memory.written <= CRL_TAKEN_AWAY ||
	    (until != 0 && until <= clock_now()))
		return;
	c->looking = c->mending = true;
	c->came = false;
	crlwatch_write(c);
}

void crlwatch_look(struct crl *c)
{
	AUTO_MSG struct msg m = MSG_NONE;

	c->looking = true;
	c->came = false;
	c->tried = c->agent->request->command != COMMAND_AGENT;
	c->ca = c->url = 0;
	c->why = c->failed = (struct err){ .code = 0 };
	msg_begin(&m, KEEPER_CRL_CAS, 0);
	msg_put_u64(&m, c->number);
	link_call(&c->agent->keeper, &m, on_cas, c->number);
}
