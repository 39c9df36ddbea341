#include "agent/probing.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/agent.h"
#include "agent/inventory.h"
#include "agent/job.h"
#include "agent/role/event.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/msg.h"
#include "store/generation.h"

void probing_old(const struct agent *a, uint32_t i, uint64_t live, uint8_t old[32])
{
	AUTO_FREE uint64_t *numbers = NULL;
	struct x509_facts facts;
	struct err e;
	size_t n = 0;

	memset(old, 0, 32);
	if (generation_list(a->root, agent_cert_name(a, i), &numbers, &n, &e) < 0)
		return;
	while (n > 0 && numbers[n - 1] == live)
		n--;
	if (n > 0 && inventory_facts(a, i, numbers[n - 1], NULL, &facts, &e) == 0)
		memcpy(old, facts.fingerprint, 32);
}

struct probing_patience probing_patience(int64_t whole_ms, int64_t spent_ms,
					 bool was_up)
{
	const int64_t left = spent_ms < whole_ms ? whole_ms - spent_ms : 0;
	const int64_t least = whole_ms < PROBE_GLANCE_MS ? whole_ms : PROBE_GLANCE_MS;

	return (struct probing_patience){
		.deadline_ms = was_up         ? whole_ms
			       : left > least ? left
					      : least,
		.stale_ms = left,
	};
}

void probing_ask(struct msg *m, const struct spec *s, const struct spec_probe *p,
		 const uint8_t wanted[32], const uint8_t old[32], bool chained,
		 const struct probing_patience *patience)
{
	msg_begin(m, PROBE_LOOK, 0);
	msg_put_str(m, spec_text(s, p->host));
	msg_put_str(m, spec_text(s, p->port));
	msg_put_str(m, spec_text(s, p->name));
	msg_put_u64(m, p->proto);
	msg_put_bytes(m, wanted, 32);
	msg_put_bytes(m, old, 32);
	msg_put_u64(m, chained);
	msg_put_i64(m, patience->deadline_ms);
	msg_put_i64(m, patience->stale_ms);
}

void probing_take(struct job_probe *p, struct msg *m, const struct err *failed)
{
	const void *seen;
	uint64_t verdict, chain;
	size_t len = 0;

	p->verdict = PROBE_OTHER;
	p->asked = failed == NULL;
	p->chain = CHAIN_WHOLE;
	memset(p->seen, 0, sizeof(p->seen));
	if (failed != NULL) {
		snprintf(p->detail, sizeof(p->detail), "%.255s", failed->text);
		return;
	}
	verdict = msg_get_u64(m);
	seen = msg_get_bytes(m, &len);
	if (len == sizeof(p->seen))
		memcpy(p->seen, seen, len);
	snprintf(p->detail, sizeof(p->detail), "%s", msg_get_str(m));
	chain = msg_get_u64(m);
	if (!m->broken && verdict < PROBE_VERDICTS)
		p->verdict = (enum probe_verdict)verdict;
	if (!m->broken && chain < PROBE_CHAINS)
		p->chain = (enum probe_chain)chain;
}

bool probing_chained(const struct agent *a, uint32_t i, uint64_t generation)
{
	AUTO_FREE char *path =
	    xasprintf("archive/%s/%010llu/chain.pem", agent_cert_name(a, i),
		      (unsigned long long)generation);
	struct stat st;

	return fstatat(a->root, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > 0;
}

uint32_t probing_chain(struct agent *a, uint32_t i, const struct job_probe *probes,
		       bool known)
{
	const struct list list = a->spec->certs[i].probes;
	AUTO_FREE char *words = NULL;
	uint32_t k = 0;

	while (k < list.n && (probes[k].verdict != PROBE_NEW || !probes[k].asked ||
			      probes[k].chain == CHAIN_WHOLE))
		k++;
	if (k == list.n)
		return 0;
	if (known)
		return CERT_CHAIN;
	words = xasprintf("%s serves %s chain: clients that do not know the CA in "
			  "between refuse it; let the server read fullchain.pem",
			  spec_text(a->spec, a->spec->probes[list.first + k].label),
			  probes[k].chain == CHAIN_NONE ? "no" : "another");
	agent_tell(a, agent_cert_name(a, i), "chain", a->certs[i].generation, words);
	job_note(a, i, WHY_NOT_SERVED, EVENT_NOT_SERVED, words);
	return CERT_CHAIN;
}

enum probe_verdict probing_worst(const struct spec_cert *c,
				 const struct job_probe *probes)
{
	enum probe_verdict worst = PROBE_NEW;

	for (uint32_t k = 0; k < c->probes.n; k++)
		if (probes[k].verdict > worst)
			worst = probes[k].verdict;
	return worst;
}

int probing_blame(const struct spec *s, const struct spec_cert *c,
		  const struct job_probe *probes, struct err *e)
{
	const enum probe_verdict worst = probing_worst(c, probes);
	uint32_t k = 0;

	if (worst == PROBE_NEW)
		return 0;
	while (probes[k].verdict != worst)
		k++;
	return err_set(e, ERR_HOOK, "probe %s: %s: %s",
		       spec_text(s, s->probes[c->probes.first + k].label),
		       probes[k].asked ? probe_word(worst) : "could not be looked at",
		       probes[k].detail);
}

int probing_remember(struct agent *a, uint32_t i, const struct job_probe *probes,
		     struct err *e)
{
	const struct list list = a->spec->certs[i].probes;
	const char *name = agent_cert_name(a, i);

	for (uint32_t k = 0; k < list.n; k++) {
		const struct spec_probe *p = &a->spec->probes[list.first + k];
		struct served v = {
			.endpoint = spec_text(a->spec, p->label),
			.verdict = probe_word(probes[k].verdict),
			.detail = probes[k].detail,
			.at = clock_now(),
		};

		if (!probes[k].asked)
			continue;
		memcpy(v.fingerprint, probes[k].seen, sizeof(v.fingerprint));
		TRY(state_served_put(a->state, name, &v, e));
	}
	return 0;
}

bool probing_has(const struct agent *a, uint32_t i, const char *endpoint)
{
	const struct list list = a->spec->certs[i].probes;

	for (uint32_t k = 0; k < list.n; k++)
		if (strcmp(endpoint,
			   spec_text(a->spec, a->spec->probes[list.first + k].label)) ==
		    0)
			return true;
	return false;
}
