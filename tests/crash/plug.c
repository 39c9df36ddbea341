/* The plug is pulled at a call: see power.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/crash/outside.h"
#include "tests/crash/power.h"
#include "tests/crash/tracer.h"

static bool trace(struct power *p, const struct tracer_plan *plan,
		  struct tracer_result *r)
{
	struct world_command command;
	char words[128];

	snprintf(words, sizeof(words), "-v %s", p->crash->command);
	world_command(&p->world, words, &command);
	return tracer_run(command.argv, p->world.said, plan, r);
}

/* The disk as it was, whatever was written on it. */
static void forget(struct power *p)
{
	struct disk_log log = disk_take_log(&p->disk);

	disk_copy(&log, p->disk.now, p->stable);
	disk_log_done(&log);
}

static bool count(struct power *p, struct tracer_result *r)
{
	const struct tracer_plan plan = { .what = TRACER_COUNT };
	bool ok;

	if (!volume_mount(&p->volume))
		return false;
	ok = trace(p, &plan, r) && r->status == 0;
	ok = volume_umount(&p->volume) && ok;
	forget(p);
	return ok;
}

static void look(struct power *p, const struct tracer_plan *plan,
		 const struct tracer_result *r)
{
	AUTO_BUF struct buf said = { 0 };
	struct disk_log touched = disk_take_log(&p->disk);
	char what[96];

	world_read(&p->world, p->world.said, &said);
	buf_puts(&said, "");
	snprintf(what, sizeof(what), "cut off at call %u of the %s, %s", plan->at,
		 tracer_role_word(plan->role), r->call);
	p->figures.n_cuts++;
	power_look(p, &touched, said.data == NULL ? "" : said.data, said.len, what);
	disk_log_done(&touched);
}

static bool pull(struct power *p, enum tracer_role role, unsigned at)
{
	struct tracer_plan plan = { .what = TRACER_CUT, .role = role, .at = at };
	struct tracer_result *r = calloc(1, sizeof(*r));
	unsigned ordered = outside_orders(&p->world);
	bool ok = volume_mount(&p->volume);

	if (ok) {
		plan.handle = volume_handle(&p->volume);
		ok = trace(p, &plan, r) && !r->hung;
		close(plan.handle);
		ok = volume_umount(&p->volume) && ok;
	}
	p->n_ordered = outside_orders(&p->world) - ordered;
	if (ok && r->reached)
		look(p, &plan, r);
	p->figures.n_missed += !r->reached;
	forget(p);
	free(r);
	return ok;
}

bool power_plug(struct power *p)
{
	static const enum tracer_role roles[] = { TRACER_SUPERVISOR, TRACER_CONFIG,
						  TRACER_AGENT, TRACER_KEEPER };
	struct tracer_result *r = calloc(1, sizeof(*r));
	bool ok = count(p, r);

	for (size_t i = 0; ok && i < sizeof(roles) / sizeof(*roles); i++)
		for (unsigned k = 1; ok && k <= r->n[roles[i]] && k <= TRACER_CALLS;
		     k++)
			if (r->changes[roles[i]][k - 1] && power_takes(p))
				ok = pull(p, roles[i], k);
	free(r);
	return ok;
}
