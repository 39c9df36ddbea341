#include "agent/job.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/alarm.h"
#include "agent/batch.h"
#include "agent/event.h"
#include "agent/inventory.h"
#include "agent/log.h"
#include "agent/messages.h"
#include "agent/schedule.h"
#include "agent/verify.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

static int begin_keying(struct agent *a, struct job *j, struct msg *m, struct err *e);
static int begin_ordering(struct agent *a, struct job *j, struct msg *m, struct err *e);
static int begin_verifying(struct agent *a, struct job *j, struct msg *m,
			   struct err *e);
static int end_keying(struct agent *a, struct job *j, struct msg *m, struct err *e);
static int end_ordering(struct agent *a, struct job *j, struct msg *m, struct err *e);
static int end_verifying(struct agent *a, struct job *j, struct msg *m, struct err *e);

/* The states. `begin` makes the request, its answer is given to `end`. What has no
 * begin is driven by the batch, or lasts. */
static const struct state_row {
	const char *word;
	int limit_s;
	int (*begin)(struct agent *a, struct job *j, struct msg *m, struct err *e);
	int (*end)(struct agent *a, struct job *j, struct msg *m, struct err *e);
} rows[JOB_STATES] = {
	[JOB_IDLE] = { "idle", 0, NULL, NULL },
	[JOB_KEYING] = { "keying", 120, begin_keying, end_keying },
	[JOB_ORDERING] = { "ordering", 120, begin_ordering, end_ordering },
	[JOB_PARKED] = { "parked", 0, NULL, NULL },
	[JOB_VERIFYING] = { "verifying", 120, begin_verifying, end_verifying },
	[JOB_INSTALLING] = { "installing", 0, NULL, NULL },
	[JOB_HOOKING] = { "hooking", 0, NULL, NULL },
	[JOB_PROBING] = { "probing", 0, NULL, NULL },
};

const char *job_state_word(enum job_state state)
{
	return state < JOB_STATES ? rows[state].word : "idle";
}

struct job *job_called(struct agent *a, uint32_t id)
{
	for (struct job *j = a->jobs; j != NULL; j = j->next)
		if (j->id == id)
			return j;
	return NULL;
}

struct job *job_of_cert(struct agent *a, uint32_t cert)
{
	for (struct job *j = a->jobs; j != NULL; j = j->next)
		if (j->cert == cert)
			return j;
	return NULL;
}

bool job_any_alone(const struct agent *a)
{
	for (const struct job *j = a->jobs; j != NULL; j = j->next)
		if (j->state > JOB_IDLE && j->state < JOB_INSTALLING &&
		    j->state != JOB_PARKED)
			return true;
	return false;
}

/* -- ends -- */

void job_free(struct job *j)
{
	buf_done(&j->spki);
	buf_done(&j->chain);
	buf_done(&j->anchors);
	free(j->probes);
	free(j->hooks);
	free(j);
}

void job_end(struct agent *a, struct job *j)
{
	struct job **at = &a->jobs;

	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	if (!alarm_keep(a, j))
		job_free(j);
}

void job_fail(struct agent *a, struct job *j, const struct err *e)
{
	struct memory *m = &j->memory;
	int64_t now = clock_now();
	struct err se;

	if (agent_cut_off(a)) {
		job_end(a, j);
		return;
	}
	if (e->code == ERR_LATER) { /* the peer asked for time: not a failure */
		m->retry_at = schedule_later_at(e->retry_at_ms / 1000, now);
	} else {
		m->failures++;
		m->retry_at =
		    schedule_retry_at(e->code, m->failures, now, m->facts.not_after,
				      schedule_draw(a->start.host_id, j->name,
						    strlen(j->name)));
	}
	m->state = JOB_IDLE;
	snprintf(m->last_error, sizeof(m->last_error), "%s", e->text);
	if (agent_write(a, &se) < 0 || state_put(a->state, j->name, m, &se) < 0)
		log_error("%s: remember: %s", j->name, se.text);
	agent_tell(a, j->name, "failed", j->generation, e->text);
	a->certs[j->cert].failures = (uint16_t)m->failures;
	a->certs[j->cert].retry_at = m->retry_at;
	a->certs[j->cert].flags &= ~CERT_ASKED;
	a->n_failed++;
	j->err = *e;
	j->alarms |= 1u << EVENT_FAILED;
	report_job(a, j);
	job_end(a, j);
	agent_pass(a);
}

void job_check_limits(struct agent *a)
{
	int64_t now = clock_boot_ms();
	struct job *next;
	struct err e;

	for (struct job *j = a->jobs; j != NULL; j = next) {
		next = j->next;
		if (rows[j->state].limit_s == 0 ||
		    now - j->since_ms < rows[j->state].limit_s * 1000 ||
		    now - a->keeper.since_ms < rows[j->state].limit_s * 1000)
			continue;
		err_set(&e, ERR_SYS, "%s took longer than %d s", rows[j->state].word,
			rows[j->state].limit_s);
		job_fail(a, j, &e);
		return; /* the list may be another one now; the rest next time */
	}
}

/* -- steps -- */

static void on_answer(void *arg, uint32_t number, struct msg *m,
		      const struct err *failed);

static void enter(struct agent *a, struct job *j, enum job_state state)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	j->state = state;
	j->since_ms = clock_boot_ms();
	if (rows[state].begin == NULL) {
		batch_join(a, j);
		return;
	}
	if (rows[state].begin(a, j, &m, &e) < 0)
		job_fail(a, j, &e);
	else
		link_call(&a->keeper, &m, on_answer, j->id);
}

static void on_answer(void *arg, uint32_t number, struct msg *m,
		      const struct err *failed)
{
	static const enum job_state next[JOB_STATES] = {
		[JOB_KEYING] = JOB_ORDERING,
		[JOB_ORDERING] = JOB_VERIFYING,
		[JOB_VERIFYING] = JOB_INSTALLING,
	};
	struct agent *a = arg;
	struct job *j = job_called(a, number);
	struct err e;

	if (j == NULL || rows[j->state].end == NULL)
		return;
	if (failed != NULL)
		e = *failed;
	if (failed != NULL || rows[j->state].end(a, j, m, &e) < 0) {
		err_wrap(&e, "%s", rows[j->state].word);
		job_fail(a, j, &e);
		return;
	}
	enter(a, j, next[j->state]);
}

static int begin_keying(struct agent *a, struct job *j, struct msg *m, struct err *e)
{
	(void)a;
	(void)e;
	msg_begin(m, KEEPER_KEY, 0);
	msg_put_u64(m, j->cert);
	msg_put_u64(m, why_needs_new_key(j->why));
	return 0;
}

static int end_keying(struct agent *a, struct job *j, struct msg *m, struct err *e)
{
	size_t len;
	const void *spki = msg_get_bytes(m, &len);

	(void)a;
	TRY(msg_end(m, e));
	buf_add(&j->spki, spki, len);
	return 0;
}

/* The first issuer of the list that this version can ask. */
static int choose_issuer(const struct agent *a, struct job *j, struct err *e)
{
	const struct spec *s = a->spec;

	for (uint32_t i = 0; i < j->spec->issuers.n; i++) {
		j->issuer = s->numbers[j->spec->issuers.first + i];
		if (s->issuers[j->issuer].type == ISSUER_LOCAL)
			return 0;
	}
	return err_set(e, ERR_CONFIG,
		       "issuer %s: its type is not in this version (only \"local\" is)",
		       spec_text(s, s->issuers[j->issuer].name));
}

static int begin_ordering(struct agent *a, struct job *j, struct msg *m, struct err *e)
{
	TRY(choose_issuer(a, j, e));
	msg_begin(m, KEEPER_ISSUE, 0);
	msg_put_u64(m, j->cert);
	msg_put_u64(m, j->issuer);
	return 0;
}

static int end_ordering(struct agent *a, struct job *j, struct msg *m, struct err *e)
{
	const char *chain = msg_get_str(m);
	const char *anchors = msg_get_str(m);

	(void)a;
	TRY(msg_end(m, e));
	buf_puts(&j->chain, chain);
	buf_puts(&j->anchors, anchors);
	return 0;
}

static int verify(struct agent *a, struct job *j, STACK_OF(X509) * chain, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *anchors = NULL;
	const struct verify_want want = {
		.spec = a->spec,
		.cert = j->spec,
		.spki = j->spki.data,
		.spki_len = j->spki.len,
		.live_not_after = j->memory.facts.not_after,
		.shorter_ok = j->why == WHY_ASKED || j->why == WHY_ISSUER_DIFFERS,
		.now = clock_now(),
	};
	struct verify_want full = want;

	TRY(x509_chain_from_pem(j->anchors.data, j->anchors.len, &anchors, e));
	full.anchors = anchors;
	return verify_chain(&full, chain, e);
}

static void put_meta(const struct agent *a, const struct job *j, struct buf *out)
{
	char hex[65];
	struct json json;

	text_hex(hex, j->facts.fingerprint, sizeof(j->facts.fingerprint));
	json_begin(&json, out);
	json_open(&json, NULL, '{');
	json_int(&json, "version", 1);
	json_str(&json, "name", j->name);
	json_str(&json, "issuer", spec_text(a->spec, a->spec->issuers[j->issuer].name));
	json_str(&json, "why", why_word(j->why));
	json_str(&json, "serial", j->facts.serial);
	json_str(&json, "fingerprint", hex);
	json_time(&json, "not_before", j->facts.not_before);
	json_time(&json, "not_after", j->facts.not_after);
	json_time(&json, "stored_at", clock_now());
	json_close(&json);
	json_end(&json);
	buf_puts(out, "\n");
}

/* The gate, and only then a message that leads to a file. */
static int begin_verifying(struct agent *a, struct job *j, struct msg *m, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *chain = NULL;
	AUTO_BUF struct buf leaf = { 0 };
	AUTO_BUF struct buf rest = { 0 };
	AUTO_BUF struct buf meta = { 0 };

	TRY(x509_chain_from_pem(j->chain.data, j->chain.len, &chain, e));
	TRY(verify(a, j, chain, e));
	TRY(x509_facts(sk_X509_value(chain, 0), &j->facts, e));
	TRY(x509_to_pem(sk_X509_value(chain, 0), &leaf, e));
	for (int i = 1; i < sk_X509_num(chain); i++)
		TRY(x509_to_pem(sk_X509_value(chain, i), &rest, e));
	put_meta(a, j, &meta);
	msg_begin(m, KEEPER_STORE, 0);
	msg_put_u64(m, j->cert);
	msg_put_str(m, leaf.data);
	msg_put_str(m, rest.data);
	msg_put_str(m, j->anchors.data);
	msg_put_str(m, meta.data);
	return 0;
}

/* Stored and not live yet: it is what the next attempt installs, whatever happens to
 * this one. Committed with what the switch owes. */
static int end_verifying(struct agent *a, struct job *j, struct msg *m, struct err *e)
{
	char until[TEXT_TIME_MAX];
	AUTO_FREE char *text = NULL;

	j->generation = msg_get_u64(m);
	TRY(msg_end(m, e));
	j->memory.held = j->generation;
	j->memory.held_not_after = j->facts.not_after;
	j->memory.held_names_hash = j->facts.names_hash;
	j->memory.held_key = j->facts.key;
	snprintf(j->memory.issuer, sizeof(j->memory.issuer), "%s",
		 spec_text(a->spec, a->spec->issuers[j->issuer].name));
	TRY(agent_write(a, e));
	TRY(state_put(a->state, j->name, &j->memory, e));
	text = xasprintf("%s by %s, until %s", why_word(j->why), j->memory.issuer,
			 text_time(until, j->facts.not_after));
	agent_tell(a, j->name, "issued", j->generation, text);
	return 0;
}

/* -- beginnings -- */

static struct job *job_new(struct agent *a, uint32_t cert, enum why why)
{
	struct job *j = xcalloc(1, sizeof(*j));

	if (++a->last_job == 0)
		a->last_job = 1;
	*j = (struct job){ .id = a->last_job,
			   .cert = cert,
			   .why = why,
			   .spec = &a->spec->certs[cert],
			   .name = agent_cert_name(a, cert),
			   .next = a->jobs };
	j->probes = xcalloc(j->spec->probes.n, sizeof(*j->probes));
	j->hooks = xcalloc(j->spec->hooks.n, sizeof(*j->hooks));
	for (uint32_t k = 0; k < j->spec->hooks.n; k++)
		j->hooks[k] = (struct job_hook){
			.number = a->spec->numbers[j->spec->hooks.first + k],
			.owed = true,
			.passed = true,
		};
	a->jobs = j;
	log_debug("%s: %s", j->name, why_word(why));
	return j;
}

void job_begin(struct agent *a, uint32_t cert, enum why why)
{
	struct job *j = job_new(a, cert, why);
	struct err e;

	if (job_prepare(a, j, &e) < 0)
		job_fail(a, j, &e);
	else
		enter(a, j, j->generation == 0 ? JOB_KEYING : JOB_INSTALLING);
}

void job_begin_rollback(struct agent *a, uint32_t cert, uint64_t generation)
{
	struct job *j = job_new(a, cert, WHY_ASKED);
	struct err e;

	j->by_hand = true;
	j->generation = generation;
	if (job_prepare_rollback(a, j, &e) < 0)
		job_fail(a, j, &e);
	else
		enter(a, j, JOB_INSTALLING);
}

void job_note(struct agent *a, uint32_t cert, enum why why, uint32_t event)
{
	struct job *j = job_new(a, cert, why);
	struct err e;

	j->alarms = 1u << event;
	j->generation = a->certs[cert].generation;
	if (inventory_facts(a, cert, j->generation, &j->facts, &e) < 0)
		log_warn("%s: %s", j->name, e.text);
	job_end(a, j);
}
