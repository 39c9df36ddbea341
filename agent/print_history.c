#include <stdio.h>
#include <stdlib.h>

#include "agent/agent.h"
#include "agent/table.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"

struct printing {
	const struct agent *agent;
	struct table table;
	struct json json;
	bool as_json;
	bool any; /* something was put */
};

static int put_event(void *arg, const struct event *ev)
{
	struct printing *p = arg;
	char at[TEXT_TIME_MAX];

	p->any = true;
	if (p->as_json) {
		json_open(&p->json, NULL, '{');
		json_time(&p->json, "at", ev->at);
		json_str(&p->json, "name", ev->name);
		json_str(&p->json, "event", ev->what);
		if (ev->generation == 0)
			json_str(&p->json, "generation", NULL);
		else
			json_int(&p->json, "generation", (int64_t)ev->generation);
		json_str(&p->json, "text", ev->text[0] == '\0' ? NULL : ev->text);
		json_close(&p->json);
		return 0;
	}
	table_put(&p->table, COLOR_NONE, "%s", text_time(at, ev->at));
	table_put(&p->table, COLOR_NONE, "%s", ev->name);
	table_put(&p->table, COLOR_NONE, "%s", ev->what);
	if (ev->generation == 0)
		table_put(&p->table, COLOR_NONE, "-");
	else
		table_put(&p->table, COLOR_NONE, "%llu",
			  (unsigned long long)ev->generation);
	table_put(&p->table, COLOR_NONE, "%s", ev->text);
	return 0;
}

static int each_name(struct agent *a, struct printing *p, struct err *e)
{
	if (a->request->n_names == 0)
		return history_each(a->state, NULL, put_event, p, e);
	for (size_t i = 0; i < a->request->n_names; i++) {
		const char *name = a->request->names[i];

		p->any = false;
		TRY(history_each(a->state, name, put_event, p, e));
		if (p->any || spec_cert_called(a->spec, name) != SPEC_NOBODY)
			continue;
		a->status = EXIT_NO_NAME;
		return err_set(e, ERR_CONFIG, "%s: nothing is known of that name",
			       name);
	}
	return 0;
}

int agent_history(struct agent *a, struct err *e)
{
	static const char *const heads[] = { "WHEN", "NAME", "WHAT", "GENERATION",
					     "DETAIL" };
	AUTO_BUF struct buf out = { 0 };
	struct printing p = { .agent = a };
	int rc;

	p.as_json = (a->request->flags & REQUEST_JSON) != 0;
	table_begin(&p.table, (a->request->flags & REQUEST_COLOR) != 0, heads, 5);
	if (p.as_json) {
		json_begin(&p.json, &out);
		json_open(&p.json, NULL, '{');
		json_int(&p.json, "version", 1);
		json_open(&p.json, "events", '[');
	}
	rc = each_name(a, &p, e);
	if (rc == 0 && p.as_json) {
		json_close(&p.json);
		json_close(&p.json);
		json_end(&p.json);
		puts(out.data);
	} else if (rc == 0) {
		table_print(&p.table, stdout);
	}
	table_done(&p.table);
	return rc < 0 ? rc : EXIT_SUCCESS;
}
