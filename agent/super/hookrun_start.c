/* hookrun_start: the half of hookrun that begins runs. */
#include "agent/super/hookrun_run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/role/spec.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "hooks/child.h"

static void child(const void *arg)
{
	hook_child(arg);
}

/* Where nothing is configured. */
const char *hookrun_home(const char *home)
{
	if (home == NULL)
		home = geteuid() == 0 ? "/root" : getenv("HOME");
	return home != NULL ? home : "/";
}

/* A pipe that we read from without waiting: who waited would hear nothing else. */
static int make_pipe(int *ours, int *theirs, struct err *e)
{
	int pipes[2];

	if (pipe2(pipes, O_CLOEXEC) != 0)
		return err_sys(e, "pipe");
	*ours = pipes[0];
	*theirs = pipes[1];
	if (fcntl(*ours, F_SETFL, O_NONBLOCK) < 0) /* our end only */
		return err_sys(e, "a pipe that is read without waiting");
	return 0;
}

static int begin_process(struct run *r, struct hook_child *c, struct err *e)
{
	void *shared = mmap(NULL, sizeof(*r->unstarted), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		return err_sys(e, "mmap");
	c->unstarted = shared;
	if (spawn(child, c, &r->p, e) < 0) {
		munmap(shared, sizeof(*r->unstarted));
		return e->code;
	}
	r->unstarted = shared;
	return 0;
}

int hookrun_launch(struct run *r, struct hook_child *c, size_t most, struct err *e)
{
	AUTO_FD int out = -1;
	AUTO_FD int kept = -1;
	AUTO_FD int theirs = -1;
	AUTO_FD int theirs_kept = -1;

	TRY(make_pipe(&out, &theirs, e));
	if (most > 0) {
		TRY(make_pipe(&kept, &theirs_kept, e));
		hookrun_out_keep(&r->told, most);
	}
	c->out = theirs;
	c->kept = theirs_kept;
	TRY(begin_process(r, c, e));
	r->out = take_fd(&out);
	r->kept = take_fd(&kept);
	return 0;
}

const char *hookrun_mark(const struct run *r)
{
	return strchr(r->mark, '=') + 1;
}

static int launch_hook(const struct hookruns *h, struct run *r,
		       const struct hookrun_start *s, struct err *e)
{
	const struct spec_hook *hook = &h->spec->hooks[s->hook];
	AUTO_FREE const char **argv =
	    spec_words(h->spec, s->test ? hook->test : hook->run);
	struct hook_child c = {
		.argv = argv,
		.in = s->in,
		.uid = hook->uid,
		.gid = hook->gid,
		.user = spec_text(h->spec, hook->user),
	};
	struct hook_call call = s->call;
	char **env = NULL;
	int rc;

	call.hook = r->name;
	TRY(hook_env(&call, hookrun_home(spec_text(h->spec, hook->home)),
		     hookrun_mark(r), &env, e));
	c.env = env;
	rc = hookrun_launch(r, &c, 0, e);
	hook_env_free(env);
	return rc;
}

struct run *hookrun_new(struct hookruns *h, uint32_t id, const char *name,
			uint32_t timeout_s)
{
	int64_t now = clock_awake_ms();
	struct run *r = &h->runs[h->n];

	*r = (struct run){
		.ids = { id },
		.n_ids = 1,
		.hook = SPEC_NOBODY,
		.name = xstrdup(name),
		.out = -1,
		.kept = -1,
		.started_ms = now,
		.limit_ms = (int64_t)timeout_s * 1000,
		.next_ms = now + (int64_t)timeout_s * 1000,
	};
	snprintf(r->mark, sizeof(r->mark), "EVERLEAF_RUN=%d.%" PRIu64, getpid(),
		 ++h->n_started);
	hookrun_out_init(&r->said, r->name);
	hookrun_out_init(&r->told, r->name);
	return r;
}

static int begin(struct hookruns *h, const struct hookrun_start *s, struct err *e)
{
	const struct spec_hook *hook = &h->spec->hooks[s->hook];
	struct run *r =
	    hookrun_new(h, s->id, spec_text(h->spec, hook->name), hook->timeout_s);

	r->hook = s->hook;
	r->test = s->test;
	if (launch_hook(h, r, s, e) < 0) {
		auto_free_(&r->name);
		return e->code;
	}
	h->n++;
	return 0;
}

static int join(struct run *r, uint32_t id, struct err *e)
{
	if (r->n_ids == HOOKRUN_IDS_MAX)
		return err_set(e, ERR_BUSY, "hook %s: %d requests wait for it", r->name,
			       HOOKRUN_IDS_MAX);
	r->ids[r->n_ids++] = id;
	return 0;
}

static struct run *running(struct hookruns *h, uint32_t hook, bool test)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->runs[i].hook == hook && h->runs[i].test == test)
			return &h->runs[i];
	return NULL;
}

void hookrun_not_started(struct hookruns *h, struct hookrun_result *r,
			 const struct err *why)
{
	r->unstarted = true;
	snprintf(r->text, sizeof(r->text), "not started: %.*s",
		 (int)sizeof(r->text) - 16, why->text);
	hookrun_add_result(h, r);
}

int hookrun_start(struct hookruns *h, const struct hookrun_start *s, struct err *e)
{
	struct hookrun_result ended = {
		.id = s->id,
		.hook = s->hook,
		.test = s->test,
	};
	const struct spec_hook *hook;
	struct run *r;

	if (s->hook >= h->spec->n[SPEC_HOOKS])
		return err_set(e, ERR_PROTO, "there is no hook %u", s->hook);
	r = running(h, s->hook, s->test);
	if (r != NULL)
		return join(r, s->id, e);
	hook = &h->spec->hooks[s->hook];
	if (s->test && hook->test.n == 0)
		return err_set(e, ERR_PROTO, "hook %u has no test", s->hook);
	if (!s->test && hook->run.n == 0) { /* it is there for its test */
		ended.ok = true;
		hookrun_add_result(h, &ended);
		return 0;
	}
	if (h->n == HOOKRUN_MAX)
		return err_set(e, ERR_BUSY, "%d hooks run already", HOOKRUN_MAX);
	if (begin(h, s, e) < 0)
		hookrun_not_started(h, &ended, e);
	return 0;
}

/* -- programs that show challenges -- */

static int launch_program(const struct hookruns *h, struct run *r,
			  const struct hookrun_program *p, struct err *e)
{
	const struct spec_challenge *of = &h->spec->challenges[p->challenge];
	AUTO_FREE const char **program = spec_words(h->spec, of->hook);
	AUTO_FREE const char **cleanup = spec_words(h->spec, of->cleanup);
	AUTO_DIALECT struct dialect_made made = { 0 };
	struct dialect_call call = p->call;
	struct hook_child c = {
		.in = -1,
		.uid = of->uid,
		.gid = of->gid,
		.user = spec_text(h->spec, of->user),
	};

	call.dialect = (enum dialect)of->dialect;
	call.type = challenge_words[of->type];
	call.program = program;
	call.cleanup = cleanup;
	call.webroot = spec_text(h->spec, of->webroot);
	TRY(dialect_make(&call, hookrun_home(spec_text(h->spec, of->home)),
			 hookrun_mark(r), &made, e));
	if (made.argv[0] == NULL)
		return 0;
	c.argv = (const char *const *)made.argv;
	c.env = made.env;
	c.files = c.argv + made.file;
	c.n_files = made.n_files;
	return hookrun_launch(r, &c, made.keep ? LIMIT_HOOK_KEPT : 0, e);
}

int hookrun_admit(const struct hookruns *h, const char *name, struct err *e)
{
	size_t n_others = 0;

	for (size_t i = 0; i < h->n; i++) {
		if (!h->runs[i].is_program && !h->runs[i].is_enrol)
			continue;
		if (strcmp(h->runs[i].name, name) == 0)
			return err_set(e, ERR_BUSY, "%s still runs", name);
		n_others++;
	}
	if (n_others >= HOOKRUN_OTHERS)
		return err_set(e, ERR_BUSY, "%zu programs run already", n_others);
	if (h->n == HOOKRUN_MAX)
		return err_set(e, ERR_BUSY, "%d hooks run already", HOOKRUN_MAX);
	return 0;
}

static const char *program_name(const struct spec *s, const struct spec_challenge *c)
{
	return spec_text(s, s->words[c->hook.first]);
}

int hookrun_program(struct hookruns *h, const struct hookrun_program *p, struct err *e)
{
	struct hookrun_result ended = { .id = p->id,
					.is_program = true,
					.outcome = DIALECT_REFUSED };
	const struct spec_challenge *of;
	struct run *r;

	if (p->challenge >= h->spec->n[SPEC_CHALLENGES] ||
	    h->spec->challenges[p->challenge].hook.n == 0)
		return err_set(e, ERR_PROTO, "no program shows challenge %u",
			       p->challenge);
	of = &h->spec->challenges[p->challenge];
	TRY(hookrun_admit(h, program_name(h->spec, of), e));
	r = hookrun_new(h, p->id, program_name(h->spec, of), of->timeout_s);
	r->is_program = true;
	r->dialect = (enum dialect)of->dialect;
	r->step = p->call.step;
	if (launch_program(h, r, p, e) < 0) {
		hookrun_not_started(h, &ended, e);
	} else if (r->out >= 0) {
		h->n++;
		return 0;
	} else { /* there was nothing to run */
		ended.ok = true;
		ended.outcome = DIALECT_OK;
		hookrun_add_result(h, &ended);
	}
	auto_free_(&r->name);
	hookrun_out_done(&r->told);
	return 0;
}
