#include "agent/print_setback.h"

#include "agent/agent.h"
#include "agent/role/log.h"
#include "agent/setback.h"
#include "agent/table.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"

/* Of most, that have one way, there is nothing to be told. */
static bool has_choice(const struct setbacks *s)
{
	for (uint32_t k = 0; k < s->cert->names.n; k++)
		if (s->spec->names[s->cert->names.first + k].optional != 0)
			return true;
	return s->ways.n > 1;
}

static void load(const struct agent *a, uint32_t i, struct setbacks *s)
{
	struct err e;

	setbacks_begin(s, a->spec, i);
	if (has_choice(s) && setbacks_load(s, a->state, &e) < 0)
		log_error("%s: what has failed: %s", agent_cert_name(a, i), e.text);
}

/* Of the only way that there is `last_error` says it. */
static bool is_news(const struct setbacks *s, const struct setback *b)
{
	uint32_t next;

	return b->way == SPEC_NOBODY ||
	       (setbacks_next(s, b->name, &next) && next != b->way);
}

void setback_note(const struct agent *a, uint32_t i, struct table *t)
{
	AUTO_SETBACKS struct setbacks s = { .n = 0 };

	load(a, i, &s);
	for (size_t k = 0; k < s.n; k++) {
		const struct setback *b = &s.list[k];
		const char *name = setbacks_word(&s, b->name);
		AUTO_FREE char *way = NULL;
		char at[TEXT_TIME_MAX];

		if (b->way == SPEC_NOBODY) {
			table_note(t, "%s is left out until %s: %s", name,
				   text_time(at, b->retry_at), b->why);
		} else if (is_news(&s, b)) {
			way = setback_way(a->spec, b->way);
			table_note(t, "%s is not shown by %s (failed %s): %s", name,
				   way, text_time(at, b->at), b->why);
		}
	}
}

void setback_json(const struct agent *a, uint32_t i, struct json *j)
{
	AUTO_SETBACKS struct setbacks s = { .n = 0 };

	load(a, i, &s);
	json_open(j, "setbacks", '[');
	for (size_t k = 0; k < s.n; k++) {
		const struct setback *b = &s.list[k];
		AUTO_FREE char *way =
		    b->way == SPEC_NOBODY ? NULL : setback_way(a->spec, b->way);

		json_open(j, NULL, '{');
		json_str(j, "name", setbacks_word(&s, b->name));
		json_str(j, "challenge", way);
		json_bool(j, "left_out", b->way == SPEC_NOBODY);
		json_time(j, "at", b->at);
		json_time(j, "retry_at", b->retry_at);
		json_int(j, "failures", b->failures);
		json_str(j, "why", b->why);
		json_close(j);
	}
	json_close(j);
}
