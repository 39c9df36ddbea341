#include "agent/report.h"

#include <stdio.h>

#include "agent/agent.h"
#include "agent/job.h"
#include "agent/progress.h"
#include "base/clock.h"
#include "base/text.h"

#define DAY_LEN 10 /* of "2027-02-19T05:54:36Z" */

static const char *result_of(const struct job *j)
{
	if (j->err.code != 0)
		return "failed";
	if (j->by_hand)
		return "rolled-back";
	if (j->why == WHY_FILES_DIFFER)
		return "repaired";
	if (j->why == WHY_ROOTS_CHANGED)
		return why_word(j->why);
	if (j->why == WHY_NOT_SERVED)
		return "hooked";
	if (j->spki.len == 0)
		return "installed"; /* it was held */
	return j->why == WHY_MISSING ? "issued" : "renewed";
}

static void put(struct agent *a, uint32_t i, const char *result, enum why why)
{
	struct json *json = &a->report.json;

	json_open(json, NULL, '{');
	json_str(json, "name", agent_cert_name(a, i));
	json_str(json, "result", result);
	json_str(json, "why", why_word(why));
}

static void put_job(struct agent *a, const struct job *j)
{
	struct json *json = &a->report.json;
	const struct cert *c = &a->certs[j->cert];

	put(a, j->cert, result_of(j), j->by_hand ? WHY_ASKED : j->why);
	json_int(json, "generation", (int64_t)c->generation);
	json_time(json, "not_after", c->not_after);
	json_str(json, "error", j->err.code == 0 ? NULL : j->err.text);
	json_time(json, "next_at", agent_due(a, j->cert, clock_now()).at);
	json_close(json);
}

/* A day is enough to know, but for what lives shorter than a few of them. */
static void print_job(const struct job *j, int64_t not_after)
{
	char until[TEXT_TIME_MAX];

	text_time(until, not_after);
	if (not_after - clock_now() > 10 * 86400)
		until[DAY_LEN] = '\0';
	printf("%s: %s, generation %llu, until %s\n", j->name, result_of(j),
	       (unsigned long long)j->generation, until);
	fflush(stdout);
}

void report_job(struct agent *a, const struct job *j)
{
	progress_hide(a);
	if (a->report.as_json)
		put_job(a, j);
	else if (a->report.lines && j->err.code == 0)
		print_job(j, j->facts.not_after);
}

void report_waiting(struct agent *a, uint32_t i, const char *result, enum why why,
		    const char *error)
{
	struct json *json = &a->report.json;
	const struct cert *c = &a->certs[i];

	if (!a->report.as_json)
		return;
	put(a, i, result, why);
	json_int(json, "generation", (int64_t)c->generation);
	json_time(json, "not_after", c->not_after);
	json_str(json, "error", error);
	json_time(json, "next_at", c->retry_at);
	json_close(json);
}

void report_begin(struct agent *a)
{
	struct report *r = &a->report;
	const unsigned flags = a->request->flags;

	/* Of `crl --update` the lists are the document. */
	r->as_json =
	    (flags & REQUEST_JSON) != 0 && a->request->command == COMMAND_RENEW;
	r->lines = (flags & (REQUEST_JSON | REQUEST_QUIET)) == 0 &&
		   a->request->command != COMMAND_AGENT;
	if (!r->as_json)
		return;
	json_begin(&r->json, &r->document);
	json_open(&r->json, NULL, '{');
	json_int(&r->json, "version", 1);
	json_open(&r->json, "certificates", '[');
}

void report_end(struct agent *a)
{
	struct report *r = &a->report;

	if (r->as_json && !agent_cut_off(a)) {
		json_close(&r->json);
		json_close(&r->json);
		json_end(&r->json);
		puts(r->document.data);
	}
	buf_done(&r->document);
}
