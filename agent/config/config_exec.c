#include "agent/config/config_exec.h"

#include "agent/config/config_host.h"
#include "agent/config/config_reach.h"
#include "agent/config/config_report.h"
#include "agent/config/config_value.h"
#include "agent/role/spec_issuer.h"
#include "hooks/enrol.h"

#define TIMEOUT_MAX_S 3600

void config_exec_program(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_program(r, s, &((struct spec_issuer *)into)->program);
}

void config_exec_dialect(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_choice(r, s, enrol_words, &((struct spec_issuer *)into)->dialect);
}

void config_exec_user(struct config_reader *r, const config_setting_t *s, void *into)
{
	struct spec_issuer *i = into;
	struct config_owner o;

	if (!config_user(r, s, &o))
		return;
	i->user = o.name;
	i->home = o.home;
	i->uid = o.uid;
	i->gid = o.gid;
}

void config_exec_timeout(struct config_reader *r, const config_setting_t *s, void *into)
{
	int64_t span;

	if (config_span(r, s, 1, TIMEOUT_MAX_S, &span))
		((struct spec_issuer *)into)->timeout_s = (uint32_t)span;
}

void config_exec_check(struct config_reader *r, const config_setting_t *s,
		       const struct spec_issuer *i)
{
	if (config_member(s, "program") == NULL)
		config_missing(r, s, "program", "a program and its arguments");
	config_runs(r, s, i->uid);
}
