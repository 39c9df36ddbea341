/* hookrun_enrol: the part of hookrun that begins programs which get certificates. */
#include <stdlib.h>
#include <string.h>

#include "agent/role/spec.h"
#include "agent/super/hookrun_run.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "hooks/env.h"

static int launch(const struct hookruns *h, struct run *r,
		  const struct hookrun_enrol *p, struct err *e)
{
	const struct spec_issuer *of = &h->spec->issuers[p->issuer];
	AUTO_FREE const char **argv = spec_words(h->spec, of->program);
	struct enrol_call call = p->call;
	char **env = NULL;
	struct hook_child c = {
		.argv = argv,
		.in = p->in,
		.uid = of->uid,
		.gid = of->gid,
		.user = spec_text(h->spec, of->user),
	};
	int rc;

	call.dialect = r->enrols = (enum enrol_dialect)of->dialect;
	call.issuer = spec_text(h->spec, of->name);
	TRY(enrol_env(&call, hookrun_home(spec_text(h->spec, of->home)),
		      hookrun_mark(r), &env, e));
	c.env = env;
	rc = hookrun_launch(r, &c, LIMIT_ENROL_SAID, e);
	hook_env_free(env);
	return rc;
}

static bool is_same(const uint8_t *asked, const struct hookrun_enrol *p)
{
	return memcmp(asked, p->asked, HOOKRUN_ASKED) == 0;
}

/* Of somebody who is gone. */
static bool take_over(struct hookruns *h, const struct hookrun_enrol *p)
{
	for (size_t i = 0; i < h->n; i++) {
		struct run *r = &h->runs[i];

		if (r->is_enrol && r->ids[0] == 0 && is_same(r->asked, p)) {
			r->ids[0] = p->id;
			r->issuer = p->issuer;
			return true;
		}
	}
	for (size_t i = 0; i < h->n_results; i++) {
		struct hookrun_result *r = &h->results[i];

		if (hookrun_is_kept(r) && is_same(r->asked, p) &&
		    clock_awake_ms() - r->ended_ms < HOOKRUN_KEPT_MS) {
			r->id = p->id;
			r->issuer = p->issuer;
			return true;
		}
	}
	return false;
}

int hookrun_enrol(struct hookruns *h, const struct hookrun_enrol *p, struct err *e)
{
	struct hookrun_result ended = {
		.id = p->id, .is_enrol = true, .issuer = p->issuer, .status = -1
	};
	AUTO_FREE char *name = NULL;
	const struct spec_issuer *of;
	struct run *r;

	if (p->issuer >= h->spec->n[SPEC_ISSUERS] ||
	    h->spec->issuers[p->issuer].program.n == 0)
		return err_set(e, ERR_PROTO, "issuer %u is no program", p->issuer);
	if (take_over(h, p))
		return 0;
	of = &h->spec->issuers[p->issuer];
	name = xasprintf("%s for %s",
			 spec_text(h->spec, h->spec->words[of->program.first]),
			 p->call.name);
	TRY(hookrun_admit(h, name, e));
	r = hookrun_new(h, p->id, name, of->timeout_s);
	r->is_enrol = true;
	r->issuer = p->issuer;
	memcpy(r->asked, p->asked, sizeof(r->asked));
	r->told.is_answer = true;
	if (launch(h, r, p, e) == 0) {
		h->n++;
		return 0;
	}
	hookrun_not_started(h, &ended, e);
	auto_free_(&r->name);
	hookrun_out_done(&r->told);
	return 0;
}
