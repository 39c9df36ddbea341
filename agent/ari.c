#include "agent/ari.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "acme/ari.h"
#include "agent/agenda.h"
#include "agent/agent.h"
#include "agent/pool.h"
#include "agent/progress.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/rule/schedule.h"
#include "agent/state/state_ari.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "store/generation.h"

#define FIRST_S 3600

/* One certificate that its CA is being asked about. */
struct ari_ask {
	struct ari_ask *next;
	uint32_t cert;
	uint64_t generation;
	uint32_t draw;
	int64_t soonest_at; /* no window has it renewed before */
	int64_t since_ms;   /* clock_boot_ms() */
	bool late;          /* nobody waits for it any more */
	struct buf id;
};

static void ask_free(struct ari_ask *ask)
{
	buf_done(&ask->id);
	free(ask);
}

/* -- what is known -- */

static bool follows(const struct agent *a, uint32_t i)
{
	const uint32_t unfit =
	    CERT_UNREADABLE | CERT_DAMAGED | CERT_REVOKED | CERT_ROLLED_BACK;
	const struct cert *c = &a->certs[i];
	const struct spec_issuer *issuer;

	if ((c->flags & (CERT_PRESENT | unfit)) != CERT_PRESENT ||
	    c->issuer == SPEC_NOBODY)
		return false;
	issuer = &a->spec->issuers[c->issuer];
	return issuer->type == ISSUER_ACME && issuer->ari != 0;
}

bool ari_counts(const struct agent *a, uint32_t i, const struct ari_row *row)
{
	return row->generation == a->certs[i].generation && follows(a, i);
}

/* No CA is asked that late: the clock was wrong. */
static bool is_lost(int64_t ask_at, int64_t now)
{
	return ask_at != ARI_NEVER && ask_at > now && ask_at - now > ARI_LATE_S;
}

bool ari_is_silent(const struct agent *a, uint32_t issuer)
{
	const int64_t now = clock_now();

	return a->silent != NULL && a->silent[issuer] > now &&
	       !is_lost(a->silent[issuer], now);
}

void ari_hear(struct agent *a, uint32_t issuer, bool offers)
{
	if (a->silent == NULL)
		a->silent = xcalloc(a->spec->n[SPEC_ISSUERS], sizeof(*a->silent));
	a->silent[issuer] = offers ? 0 : clock_now() + ARI_LATE_S;
}

static void apply(struct cert *c, const struct ari_row *row)
{
	c->ari_at = row->renew_at;
	c->ari_end = row->end_at;
	c->ari_ask_at = row->ask_at;
}

static int take_row(void *arg, const struct ari_row *row)
{
	struct agent *a = arg;
	uint32_t i = spec_cert_called(a->spec, row->name);

	if (i != SPEC_NOBODY && ari_counts(a, i, row))
		apply(&a->certs[i], row);
	return 0;
}

int ari_load(struct agent *a, struct err *e)
{
	return state_ari_each(a->state, NULL, take_row, a, e);
}

void ari_keep(struct cert *to, const struct cert *from)
{
	if (to->generation != from->generation || (to->flags & CERT_ROLLED_BACK) != 0)
		return;
	to->ari_at = from->ari_at;
	to->ari_end = from->ari_end;
	to->ari_ask_at = from->ari_ask_at;
	to->ari_asking = from->ari_asking;
}

/* What was issued together is not asked about together, nor later than a day from now. */
static int64_t spread(const struct agent *a, const struct ari_row *row)
{
	const int64_t now = clock_now();
	const uint32_t draw = agent_draw(a, row->name);

	if (row->ask_at == ARI_NEVER)
		return ARI_NEVER;
	return clock_sooner(schedule_spread(row->ask_at, draw, now), now + ARI_LATE_S);
}

static void put(struct agent *a, uint32_t i, const struct ari_row *row)
{
	struct ari_row later = *row;
	struct err e;

	later.ask_at = spread(a, row);
	apply(&a->certs[i], &later);
	if (agent_write(a, &e) < 0 || state_ari_put(a->state, &later, &e) < 0)
		log_error("%s: remember: %s", row->name, e.text);
}

/* -- what the CA says -- */

/* A row with strings of its own: what was known before. */
struct known {
	struct agent *agent;
	uint32_t cert;
	struct ari_row row;
	struct buf explanation;
};

static int take_known(void *arg, const struct ari_row *row)
{
	struct known *k = arg;

	if (!ari_counts(k->agent, k->cert, row))
		return 0;
	k->row = *row;
	buf_puts(&k->explanation, row->explanation);
	return 0;
}

static void look_up(struct agent *a, uint32_t i, struct known *k)
{
	struct err e;

	*k = (struct known){ .agent = a, .cert = i };
	if (state_ari_each(a->state, agent_cert_name(a, i), take_known, k, &e) < 0)
		log_error("%s: %s", agent_cert_name(a, i), e.text);
	k->row.name = agent_cert_name(a, i);
	k->row.generation = a->certs[i].generation;
	k->row.explanation = k->explanation.data;
}

/* Nothing that could be known: asked again later. */
static void remember_nothing(struct agent *a, uint32_t i, int64_t ask_at)
{
	struct known k;

	look_up(a, i, &k);
	k.row.ask_at = ask_at;
	k.row.failures = 0;
	put(a, i, &k.row);
	buf_done(&k.explanation);
}

static void remember_silence(struct agent *a, uint32_t i)
{
	const uint32_t issuer = a->certs[i].issuer;

	ari_hear(a, issuer, false);
	remember_nothing(a, i, a->silent[issuer]);
}

static void remember_failure(struct agent *a, uint32_t i, const struct err *why)
{
	const int64_t now = clock_now();
	struct known k;

	look_up(a, i, &k);
	k.row.failures++;
	k.row.ask_at = why->code == ERR_LATER
			   ? ari_ask_at(why->retry_at_ms / 1000, now)
			   : ari_retry_at(why->code == ERR_NET, k.row.failures, now);
	put(a, i, &k.row);
	buf_done(&k.explanation);
}

static void tell(struct agent *a, const struct ari_row *row, int64_t now)
{
	const bool explained = row->explanation[0] != '\0';
	char start[TEXT_TIME_MAX], end[TEXT_TIME_MAX];
	AUTO_FREE char *text =
	    xasprintf("its CA would have it renewed between %s and %s%s%s",
		      text_time(start, row->start_at), text_time(end, row->end_at),
		      explained ? ": see " : "", row->explanation);

	progress_hide(a);
	if (row->end_at <= now) /* which is how a CA says that it will revoke */
		log_warn("%s: %s", row->name, text);
	else
		log_info("%s: %s", row->name, text);
}

static void remember_window(struct agent *a, const struct ari_ask *ask,
			    struct ari_row *new, int64_t now)
{
	struct known k;

	look_up(a, ask->cert, &k);
	new->name = k.row.name;
	new->generation = k.row.generation;
	new->renew_at = k.row.renew_at;
	if (k.row.start_at != new->start_at || k.row.end_at != new->end_at) {
		new->renew_at = schedule_point(new->start_at, new->end_at, ask->draw);
		if (new->renew_at < ask->soonest_at)
			new->renew_at = ask->soonest_at;
		tell(a, new, now);
	}
	put(a, ask->cert, new);
	buf_done(&k.explanation);
}

/* The worker's words are bounded here too: it has spoken to strangers. */
static int take_answer(struct agent *a, const struct ari_ask *ask, struct msg *m,
		       struct err *e)
{
	const int64_t now = clock_now();
	struct ari_row row = { .explanation = "" };
	const bool offered = msg_get_u64(m) != 0;

	row.start_at = msg_get_i64(m);
	row.end_at = msg_get_i64(m);
	row.ask_at = ari_ask_at(msg_get_i64(m), now);
	row.explanation = msg_get_str(m);
	TRY(msg_end(m, e));
	if (row.explanation[0] != '\0' && !ari_url_is_plain(row.explanation))
		row.explanation = "";
	if (!offered)
		remember_silence(a, ask->cert);
	else if (row.start_at >= row.end_at)
		return err_set(e, ERR_PROTO, "a window that is none");
	else
		remember_window(a, ask, &row, now);
	return 0;
}

static void take_failure(struct agent *a, uint32_t i, const struct err *e)
{
	log_info("%s: its CA does not say when to renew it: %s", agent_cert_name(a, i),
		 e->text);
	remember_failure(a, i, e);
}

/* -- asking -- */

/* The one that was begun and not answered yet: there is one. */
static struct ari_ask *ask_about(const struct agent *a, uint32_t cert)
{
	struct ari_ask *ask = a->ari;

	while (ask != NULL && ask->cert != cert)
		ask = ask->next;
	assert(ask != NULL);
	return ask;
}

static int make(struct agent *a, uint32_t number, struct msg *m, struct err *e)
{
	const struct ari_ask *ask = ask_about(a, number);

	(void)e;
	msg_begin(m, WORKER_ARI, 0);
	msg_put_u64(m, a->certs[number].issuer);
	msg_put_str(m, ask->id.data);
	return 0;
}

static void take_out(struct agent *a, const struct ari_ask *ask)
{
	struct ari_ask **at = &a->ari;

	while (*at != NULL && *at != ask)
		at = &(*at)->next;
	assert(*at != NULL);
	*at = ask->next;
	a->n_ari--;
}

static void on_answer(void *arg, uint32_t number, struct msg *m,
		      const struct err *failed)
{
	struct agent *a = arg;
	struct ari_ask *ask = ask_about(a, number);
	const bool same = a->certs[number].generation == ask->generation;
	struct err e;

	take_out(a, ask);
	if (failed != NULL)
		e = *failed;
	if (same && !agent_cut_off(a) &&
	    (failed != NULL || take_answer(a, ask, m, &e) < 0))
		take_failure(a, number, &e);
	if (same)
		a->certs[number].ari_asking = false;
	agenda_look(a, number);
	ask_free(ask);
	agent_pass(a);
}

/* The file is as old as what is in it has been here. */
static int64_t soonest_of(const struct x509_facts *f, const struct stat *st)
{
	const int64_t part = (f->not_after - f->not_before) / 20;

	return st->st_mtim.tv_sec + (part < FIRST_S ? part : FIRST_S);
}

static int read_leaf(const struct agent *a, struct ari_ask *ask, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *chain = NULL;
	AUTO_BUF struct buf pem = { 0 };
	AUTO_FD int dir = -1;
	struct x509_facts facts;
	struct stat st;

	TRY(generation_open(a->root, agent_cert_name(a, ask->cert), ask->generation,
			    &dir, e));
	TRY(file_read(dir, "cert.pem", LIMIT_CHAIN_BYTES, &pem, e));
	TRY(x509_chain_from_pem(pem.data, pem.len, &chain, e));
	TRY(x509_facts(sk_X509_value(chain, 0), &facts, e));
	if (fstatat(dir, "cert.pem", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "cert.pem");
	ask->soonest_at = soonest_of(&facts, &st);
	ask->draw = agent_draw(a, facts.serial);
	if (!ari_id(sk_X509_value(chain, 0), &ask->id))
		buf_done(&ask->id);
	return 0;
}

static void begin(struct agent *a, uint32_t i)
{
	struct ari_ask *ask = xcalloc(1, sizeof(*ask));
	const struct pool_task task = {
		.issuer = a->certs[i].issuer,
		.number = i,
		.make = make,
		.done = on_answer,
	};
	struct err e;
	int rc;

	*ask = (struct ari_ask){ .cert = i,
				 .generation = a->certs[i].generation,
				 .since_ms = clock_boot_ms(),
				 .next = a->ari };
	rc = read_leaf(a, ask, &e);
	if (rc < 0)
		take_failure(a, i, &e);
	else if (ask->id.len == 0)
		remember_nothing(a, i, ARI_NEVER);
	if (rc < 0 || ask->id.len == 0) {
		ask_free(ask);
		return;
	}
	a->ari = ask;
	a->n_ari++;
	a->certs[i].ari_asking = true;
	pool_call(a->pool, &task);
}

/* What has expired is not asked about (RFC 9773 4.3), nor what is replaced now for another
 * reason. */
static bool is_moot(const struct agent *a, uint32_t i, int64_t now)
{
	struct due d = agent_due(a, i, now);

	return a->certs[i].not_after <= now ||
	       (d.at <= now && d.why != WHY_ARI && d.why != WHY_EXPIRING);
}

int64_t ari_look(struct agent *a, uint32_t i, int64_t now)
{
	const bool stays = a->request->command == COMMAND_AGENT;
	const struct cert *c = &a->certs[i];

	if (a->stopping || (!stays && a->request->command != COMMAND_RENEW) ||
	    c->ari_asking || !follows(a, i))
		return INT64_MAX;
	if (c->ari_ask_at > now && !is_lost(c->ari_ask_at, now))
		return stays ? c->ari_ask_at : INT64_MAX;
	if (is_moot(a, i, now))
		return INT64_MAX;
	if (ari_is_silent(a, c->issuer)) {
		remember_nothing(a, i, a->silent[c->issuer]);
		return stays ? c->ari_ask_at : INT64_MAX;
	}
	if (a->n_ari >= ARI_AT_ONCE) {
		heap_put(&a->unasked, i, c->ari_ask_at);
		return INT64_MAX;
	}
	begin(a, i);
	return stays && !c->ari_asking ? c->ari_ask_at : INT64_MAX;
}

void ari_admit(struct agent *a)
{
	unsigned n = a->n_ari;
	uint32_t i;
	int64_t at;

	while (n++ < ARI_AT_ONCE && heap_first(&a->unasked, &i, &at)) {
		heap_take(&a->unasked, i);
		agenda_look(a, i);
	}
}

bool ari_busy(const struct agent *a)
{
	for (const struct ari_ask *ask = a->ari; ask != NULL; ask = ask->next)
		if (!ask->late)
			return !a->stopping;
	return false;
}

void ari_check(struct agent *a)
{
	const int64_t now_ms = clock_boot_ms();
	struct err e;

	for (struct ari_ask *ask = a->ari; ask != NULL; ask = ask->next) {
		if (ask->late || now_ms - ask->since_ms < ARI_WAIT_MS)
			continue;
		ask->late = true;
		err_set(&e, ERR_NET, "no answer within %d s", ARI_WAIT_MS / 1000);
		if (a->certs[ask->cert].generation == ask->generation) {
			take_failure(a, ask->cert, &e);
			a->certs[ask->cert].ari_asking = false;
		}
		agenda_look(a, ask->cert);
		agent_pass(a);
	}
}

void ari_free(struct agent *a)
{
	while (a->ari != NULL) {
		struct ari_ask *ask = a->ari;

		a->ari = ask->next;
		ask_free(ask);
	}
	a->n_ari = 0;
	free(a->silent);
	a->silent = NULL;
}
