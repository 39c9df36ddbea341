#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/batch.h"
#include "agent/crlwatch.h"
#include "agent/drift.h"
#include "agent/inventory_load.h"
#include "agent/job.h"
#include "agent/owncrl.h"
#include "agent/pool.h"
#include "agent/progress.h"
#include "agent/renew.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/rule/schedule.h"
#include "agent/strangers.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/sandbox.h"

const char *agent_cert_name(const struct agent *a, uint32_t i)
{
	return spec_text(a->spec, a->spec->certs[i].name);
}

uint64_t agent_config_id(const struct agent *a)
{
	uint64_t id;

	memcpy(&id, a->spec->global->digest, sizeof(id));
	return id == 0 ? 1 : id;
}

bool agent_cut_off(const struct agent *a)
{
	return a->loop != NULL &&
	       (link_is_over(&a->keeper, 0) || link_is_over(&a->super, 0) ||
		state_is_damaged(a->state));
}

/* The sockets of a process that was killed end one after the other: that of a worker to
 * the keeper may do so before ours. */
#define GOING_MS 200

bool agent_cut_off_by(const struct agent *a, const struct err *e)
{
	if (e->sysno == EPIPE)
		(void)link_is_over(&a->keeper, GOING_MS);
	return agent_cut_off(a);
}

struct due agent_due(const struct agent *a, uint32_t i, int64_t now)
{
	const struct spec_cert *c = &a->spec->certs[i];

	return due(c, a->spec->numbers + c->issuers.first, &a->certs[i], now);
}

uint32_t agent_issuer_number(const struct agent *a, uint32_t i)
{
	const struct list list = a->spec->certs[i].issuers;
	const uint32_t place = a->certs[i].asked < list.n ? a->certs[i].asked : 0;

	return a->spec->numbers[list.first + place];
}

const char *agent_issuer(const struct agent *a, uint32_t i)
{
	return spec_text(a->spec, a->spec->issuers[agent_issuer_number(a, i)].name);
}

int agent_asked_issuer(struct agent *a, uint32_t type, const char *otherwise,
		       uint32_t *issuer, struct err *e)
{
	const char *name = a->request->names[0];
	const uint32_t i = spec_issuer_called(a->spec, name);

	if (i == SPEC_NOBODY) {
		a->status = EXIT_NO_NAME;
		return err_set(e, ERR_CONFIG, "%s: no issuer has that name", name);
	}
	if (a->spec->issuers[i].type != type)
		return err_set(e, ERR_CONFIG, "%s: %s", name, otherwise);
	*issuer = i;
	return 0;
}

int agent_write(struct agent *a, struct err *e)
{
	if (a->writing)
		return 0;
	TRY(state_begin(a->state, e));
	a->writing = true;
	return 0;
}

int64_t agent_disk_ms(const struct agent *a, int64_t now)
{
	return link_busy_ms(&a->keeper, now) + a->committing_ms;
}

/* So far, without the time in which the keeper was at work. */
static int64_t without_keeper_ms(const struct agent *a)
{
	const int64_t now = clock_awake_ms();

	return now - link_busy_ms(&a->keeper, now);
}

static int commit(struct agent *a, struct err *e)
{
	const int64_t begun_ms = without_keeper_ms(a);
	const int rc = state_commit(a->state, e);

	a->committing_ms += without_keeper_ms(a) - begun_ms;
	return rc;
}

int agent_commit(struct agent *a, struct err *e)
{
	if (!a->writing)
		return 0;
	a->writing = false;
	if (commit(a, e) == 0) {
		if (a->full)
			log_info("what happens is remembered again");
		a->full = false;
		return 0;
	}
	if (!a->full && !state_is_damaged(a->state))
		log_error("nothing that happens can be remembered: %s: it is tried "
			  "again with all that comes; make room in %s/agent",
			  e->text, a->state_dir);
	a->full = true;
	a->lost = *e;
	return e->code;
}

void agent_tell(struct agent *a, const char *name, const char *what,
		uint64_t generation, const char *text)
{
	const struct event ev = { .at = clock_now(),
				  .name = name,
				  .what = what,
				  .generation = generation,
				  .text = text };
	const char *colon = text[0] == '\0' ? "" : ": ";
	char number[40] = "";
	struct err e;

	if (generation != 0)
		snprintf(number, sizeof(number), " generation %llu",
			 (unsigned long long)generation);

	progress_hide(a);
	if (strstr(what, "failed") != NULL || strcmp(what, "expiring") == 0 ||
	    strcmp(what, "not-served") == 0 || strcmp(what, "crl-stale") == 0 ||
	    strcmp(what, "crl-removed") == 0)
		log_error("%s: %s%s%s", name, what, colon, text);
	else if (strcmp(what, "drift") == 0 || strcmp(what, "left-out") == 0 ||
		 strcmp(what, "chain") == 0)
		log_warn("%s: %s", name, text);
	else if (strcmp(what, "rolled-back") == 0)
		log_warn("%s: %s to generation %llu%s%s", name, what,
			 (unsigned long long)generation, colon, text);
	else
		log_info("%s: %s%s%s%s", name, what, number, colon, text);
	if (agent_write(a, &e) < 0 || history_add(a->state, &ev, &e) < 0)
		log_error("%s: history: %s", name, e.text);
}

/* -- beginning -- */

static int confine(struct agent *a, struct err *e)
{
	AUTO_FREE char *archive = xasprintf("%s/archive", a->state_dir);
	AUTO_FREE char *live = xasprintf("%s/live", a->state_dir);
	AUTO_FREE char *ca = xasprintf("%s/ca", a->state_dir);
	AUTO_FREE char *roots = xasprintf("%s/roots", a->state_dir);
	AUTO_FREE char *own = xasprintf("%s/agent", a->state_dir);
	const struct sandbox_path paths[] = {
		{ archive, SANDBOX_READ }, { live, SANDBOX_READ }, { ca, SANDBOX_READ },
		{ roots, SANDBOX_READ },   { own, SANDBOX_WRITE },
	};

	a->root = open(a->state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* Only one that is not there yet is empty. */
	if (a->root < 0 && (errno != ENOENT || request_writes(a->request)))
		return err_sys(e, "open %s", a->state_dir);
	TRY(role_confine(&a->start, paths, sizeof(paths) / sizeof(*paths), e));
	if (a->start.missing != 0)
		log_info("sandbox: %s", sandbox_missing(a->start.missing));
	return 0;
}

static int open_state(struct agent *a, struct err *e)
{
	AUTO_FREE char *own = xasprintf("%s/agent", a->state_dir);

	TRY(state_open(own, !request_writes(a->request), &a->state, e));
	TRY(state_claim(a->state, a->start.store, e));
	if (state_news(a->state) != NULL)
		log_warn("%s", state_news(a->state));
	return 0;
}

uint32_t agent_draw(const struct agent *a, const char *text)
{
	return schedule_draw(a->start.host_id, text, strlen(text));
}

int agent_choose(struct agent *a, struct err *e)
{
	const struct request *r = a->request;

	if (r->command == COMMAND_CRL) /* names of others: crlwatch_load() */
		return 0;
	for (size_t k = 0; k < r->n_names; k++) {
		uint32_t i = spec_cert_called(a->spec, r->names[k]);

		if (i == SPEC_NOBODY) {
			a->status = EXIT_NO_NAME;
			return err_set(e, ERR_CONFIG,
				       "%s: no certificate has that name; `everleaf "
				       "status` lists them",
				       r->names[k]);
		}
		a->wanted[i] = true;
	}
	for (uint32_t i = 0; r->n_names == 0 && i < a->spec->n[SPEC_CERTS]; i++)
		a->wanted[i] = true;
	return 0;
}

/* The first run of all has nothing to lose, and one that has begun again has said it. */
static void note_loss(const struct agent *a)
{
	if (!state_is_new(a->state) || (a->request->flags & REQUEST_AGAIN) != 0)
		return;
	for (uint32_t i = 0; i < a->spec->n[SPEC_CERTS]; i++)
		if ((a->certs[i].flags & CERT_PRESENT) != 0) {
			log_warn("state.db was missing: begun anew from what the store "
				 "holds");
			return;
		}
}

/* Damage that only a sum has told: once more without what is remembered. */
static int take_inventory(struct agent *a, struct err *e)
{
	if (inventory_load(a, e) == 0) {
		note_loss(a);
		return 0;
	}
	if (!state_is_damaged(a->state))
		return e->code;
	log_warn("%s", state_news(a->state));
	a->writing = false;
	state_close(a->state);
	a->state = NULL;
	if (request_writes(a->request))
		TRY(open_state(a, e));
	return inventory_load(a, e);
}

/* The daemon does so later; who has named certificates of ours is about them. */
static bool looks_at_strangers(const struct agent *a)
{
	const struct request *r = a->request;

	return a->spec->n[SPEC_WATCH] > 0 && r->n_names == 0 &&
	       (r->command == COMMAND_STATUS ||
		(r->command == COMMAND_RENEW && request_writes(r)));
}

static int load(struct agent *a, struct err *e)
{
	uint32_t n = a->spec->n[SPEC_CERTS];

	a->certs = xcalloc(n, sizeof(*a->certs));
	if (a->request->command == COMMAND_STATUS)
		a->memories = xcalloc(n, sizeof(*a->memories));
	a->drift = xcalloc(n, sizeof(*a->drift));
	strangers_begin(a);
	a->wanted = xcalloc(n, sizeof(*a->wanted));
	a->tried = xcalloc(n, sizeof(*a->tried));
	a->orders = xcalloc(a->spec->n[SPEC_ISSUERS], sizeof(*a->orders));
	a->hooked = xcalloc(a->spec->n[SPEC_HOOKS], sizeof(*a->hooked));
	heap_init(&a->agenda, n);
	heap_init(&a->due, n);
	heap_init(&a->unasked, n);
	TRY(agent_choose(a, e));
	TRY(open_state(a, e));
	TRY(take_inventory(a, e));
	TRY(crlwatch_load(a, e));
	if (looks_at_strangers(a))
		strangers_load(a);
	return owncrl_load(a, e);
}

/* -- which command -- */

static int show(struct agent *a, struct err *e)
{
	if (a->request->command == COMMAND_STATUS)
		return agent_status(a, e);
	if (a->request->command == COMMAND_CRL)
		return agent_crl(a, e);
	return a->request->command == COMMAND_PLAN ? agent_plan(a, e)
						   : agent_history(a, e);
}

/* `crl --update` writes, in transactions of its own. */
int agent_show(struct agent *a, struct err *e)
{
	const bool looking = !request_writes(a->request) && state_look(a->state);
	const int rc = show(a, e);

	state_looked(a->state, looking);
	return rc;
}

static int run(struct agent *a, struct err *e)
{
	switch (a->request->command) {
	case COMMAND_AGENT:
	case COMMAND_RENEW:
	case COMMAND_ROLLBACK:
	case COMMAND_REVOKE:
		TRY(load(a, e));
		return request_writes(a->request) ? agent_renew(a, e)
						  : agent_dry_run(a, e);
	case COMMAND_PLAN:
	case COMMAND_STATUS:
	case COMMAND_CRL:
		TRY(load(a, e));
		return agent_show(a, e);
	case COMMAND_HISTORY:
		TRY(open_state(a, e));
		return agent_show(a, e);
	case COMMAND_FORGET:
		TRY(open_state(a, e));
		return agent_forget(a, e);
	case COMMAND_CA_REVOKE:
		TRY(open_state(a, e));
		return agent_ca(a, e);
	case COMMAND_CA_INIT:
	case COMMAND_CA_SIGN:
	case COMMAND_CA_CRL:
	case COMMAND_CA_ROLLOVER:
		return agent_ca(a, e);
	case COMMAND_ACCOUNT:
		return agent_account(a, e);
	case COMMAND_CHECK:
		return agent_check_online(a, e);
	case COMMAND_INSPECT:
	case COMMANDS:
		break;
	}
	return err_set(e, ERR_CONFIG, "the agent has nothing to do for this command");
}

static int begin(struct agent *a, struct err *e)
{
	TRY(role_begin(ROLE_AGENT, &a->start, e));
	a->spec = &a->start.spec;
	a->request = &a->start.request;
	a->state_dir = spec_text(a->spec, a->spec->global->state_dir);
	TRY(confine(a, e));
	return run(a, e);
}

int agent_exit_status(const struct agent *a, const struct err *e)
{
	if (a->status != 0)
		return a->status;
	if (e->code == ERR_NET && e->sysno == EPIPE) /* a role is gone, no CA */
		return EXIT_AGAIN;
	return e->code == ERR_CONFIG ? EXIT_USAGE : EXIT_FAILURE;
}

/* What is damaged is set aside now, and all begins again without it. */
static int say_damage(const struct agent *a)
{
	struct err e;

	if (request_writes(a->request)) {
		log_warn("%s", state_news(a->state));
		return EXIT_AGAIN;
	}
	err_set(&e, ERR_SYS, "%s", state_news(a->state));
	return role_fail(a->request, &e, EXIT_FAILURE);
}

int agent_role(void)
{
	struct agent a = { .root = -1 };
	struct err e = { 0 };
	int rc = begin(&a, &e);

	if (state_is_damaged(a.state))
		rc = say_damage(&a);
	else if (rc < 0) {
		rc = agent_exit_status(&a, &e);
		rc = role_fail(rc == EXIT_AGAIN ? NULL : a.request, &e, rc);
	}
	rc = role_printed(rc, a.request != NULL && request_prints(a.request));
	crlwatch_free(&a);
	strangers_free(&a);
	owncrl_free(&a);
	state_close(a.state);
	free(a.certs);
	free(a.memories);
	drift_free(&a);
	free(a.wanted);
	free(a.tried);
	free(a.orders);
	free(a.hooked);
	free(a.ledger_lines);
	heap_done(&a.agenda);
	heap_done(&a.due);
	heap_done(&a.unasked);
	auto_fd_(&a.root);
	role_end(&a.start);
	return rc;
}
