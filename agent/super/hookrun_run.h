/* hookrun_run: what hookrun.c and hookrun_start.c share (see hookrun.h). */
#pragma once

#include "agent/super/hookrun.h"
#include "agent/super/hookrun_out.h"
#include "agent/super/spawn.h"
#include "hooks/child.h"

enum phase {
	PHASE_RUN,
	PHASE_TERM,
	PHASE_KILL,
};

struct run {
	uint32_t ids[HOOKRUN_IDS_MAX];
	size_t n_ids;
	uint32_t hook;
	bool is_program; /* that shows a challenge: no hook, but with */
	enum dialect dialect;
	enum dialect_step step;
	bool is_enrol; /* that gets a certificate, from */
	uint32_t issuer;
	enum enrol_dialect enrols; /* as it has it */
	uint8_t asked[HOOKRUN_ASKED];
	bool test;
	char *name; /* owned: the run may outlive the snapshot */
	char mark[64];
	struct spawned p; /* not reaped before all of the run has ended, so that its
			     number cannot become another's session */
	int out;          /* owned; -1: closed by the hook */
	int kept;         /* owned; its stdout, where that is apart; -1: as above */
	volatile bool *unstarted; /* owned, shared with its process: see child.h */
	int64_t started_ms;
	int64_t limit_ms;
	enum phase phase;
	int64_t next_ms; /* when this phase is over */
	struct hookrun_out said;
	struct hookrun_out told; /* on its stdout */
};

struct hookruns {
	const struct spec *spec; /* borrowed */
	struct run runs[HOOKRUN_MAX];
	size_t n;
	struct hookrun_result *results; /* owned; the oldest first */
	size_t n_results;
	uint64_t n_started;
};

/* For who asks for the same: nobody waits for it. */
bool hookrun_is_kept(const struct hookrun_result *r);
void hookrun_add_result(struct hookruns *h, const struct hookrun_result *r);

/* -- hookrun_start.c -- */

/* In the place behind those that run; it counts as one of them from h->n++ on. */
struct run *hookrun_new(struct hookruns *h, uint32_t id, const char *name,
			uint32_t timeout_s);

/* `c` is whole but for its output; `most`: how much is kept of its stdout, which then is
 * apart. */
int hookrun_launch(struct run *r, struct hook_child *c, size_t most, struct err *e);

/* ERR_BUSY: too many run, the places that are left are for hooks, or `name` does, which is
 * no hook: who asked for that is gone, and its outcome with him. */
int hookrun_admit(const struct hookruns *h, const char *name, struct err *e);

void hookrun_not_started(struct hookruns *h, struct hookrun_result *r,
			 const struct err *why);
const char *hookrun_home(const char *home);
const char *hookrun_mark(const struct run *r);
