#include "tests/crash/calls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <seccomp.h>

#include "tests/crash/check.h"
#include "tests/crash/daemon.h"
#include "tests/crash/look.h"
#include "tests/crash/prepare.h"
#include "tests/crash/tracer.h"

#define ERRORS_MAX 4

/* What these may fail with, and go on to. What waits may be interrupted, but not for ever. */
static const struct failure {
	const char *call;
	int once[ERRORS_MAX];
	int onward[ERRORS_MAX];
} failures[] = {
	{ "socket", { EMFILE, ENOBUFS, EACCES }, { EMFILE, EACCES } },
	{ "socketpair", { EMFILE, ENFILE, ENOBUFS }, { EMFILE } },
	{ "connect", { ECONNREFUSED, ENETUNREACH, ETIMEDOUT }, { EHOSTUNREACH } },
	{ "bind", { EADDRINUSE, EACCES }, { EADDRNOTAVAIL } },
	{ "listen", { EADDRINUSE }, { EADDRINUSE } },
	{ "accept", { ECONNABORTED, EMFILE, ENOMEM }, { EMFILE } },
	{ "accept4", { ECONNABORTED, EMFILE, ENOMEM }, { EMFILE } },
	{ "sendto", { EPIPE, ENOBUFS, EINTR }, { ENOBUFS } },
	{ "sendmsg", { EPIPE, ENOBUFS, EINTR }, { ENOBUFS } },
	{ "sendmmsg", { EPIPE, ENOBUFS }, { ENOBUFS } },
	{ "recvfrom", { ECONNRESET, ENOMEM, EINTR }, { ENOMEM } },
	{ "recvmsg", { ECONNRESET, ENOMEM, EINTR }, { ENOMEM } },
	{ "epoll_create1", { EMFILE, ENOMEM }, { EMFILE } },
	{ "epoll_ctl", { ENOMEM, ENOSPC }, { ENOMEM } },
	{ "epoll_wait", { EINTR }, { 0 } },
	{ "epoll_pwait", { EINTR }, { 0 } },
	{ "poll", { EINTR, ENOMEM }, { ENOMEM } },
	{ "ppoll", { EINTR, ENOMEM }, { ENOMEM } },
	{ "select", { EINTR, ENOMEM }, { 0 } },
	{ "pselect6", { EINTR, ENOMEM }, { 0 } },
	{ "timerfd_create", { EMFILE, ENOMEM }, { EMFILE } },
	{ "timerfd_settime", { ENOMEM }, { ENOMEM } },
	{ "inotify_init1", { EMFILE, ENOMEM }, { EMFILE } },
	{ "inotify_add_watch", { ENOSPC, ENOMEM, EACCES }, { ENOSPC } },
	{ "signalfd4", { EMFILE, ENOMEM }, { EMFILE } },
	{ "eventfd2", { EMFILE, ENOMEM }, { EMFILE } },
	{ "memfd_create", { EMFILE, ENOMEM }, { ENFILE } },
	{ "clone", { EAGAIN, ENOMEM }, { EAGAIN } },
	{ "clone3", { EAGAIN, ENOMEM }, { EAGAIN } },
	{ "fork", { EAGAIN, ENOMEM }, { EAGAIN } },
	{ "vfork", { EAGAIN, ENOMEM }, { EAGAIN } },
	{ "execve", { ENOMEM, EACCES, ETXTBSY }, { ENOMEM } },
	{ "wait4", { EINTR }, { 0 } },
	{ "waitid", { EINTR }, { 0 } },
	{ "pidfd_open", { EMFILE, ENOMEM }, { EMFILE } },
	{ "getrandom", { EINTR }, { 0 } },
	{ "mmap", { ENOMEM, EAGAIN }, { ENOMEM } },
	{ "mprotect", { ENOMEM }, { ENOMEM } },
	{ "dup", { EMFILE }, { EMFILE } },
	{ "dup2", { EMFILE, EINTR }, { EMFILE } },
	{ "dup3", { EMFILE, EINTR }, { EMFILE } },
	{ "pipe2", { EMFILE, ENFILE }, { EMFILE } },
	{ "chdir", { EACCES }, { EACCES } },
	{ "setgroups", { EPERM, ENOMEM }, { EPERM } },
	{ "setresuid", { EAGAIN, EPERM }, { EAGAIN } },
	{ "setresgid", { EPERM }, { EPERM } },
	{ "capset", { EPERM }, { EPERM } },
	{ "prctl", { EPERM, EINVAL }, { EPERM } },
	{ "landlock_create_ruleset", { ENOSYS, EMFILE }, { EOPNOTSUPP } },
	{ "landlock_add_rule", { ENOMEM }, { ENOMEM } },
	{ "landlock_restrict_self", { EPERM }, { EPERM } },
	{ "seccomp", { ENOMEM, EACCES }, { EINVAL } },
	{ "close_range", { EMFILE }, { EMFILE } },
	{ "openat", { EMFILE, ENFILE }, { EMFILE } },
};

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

struct points {
	struct tracer_plan *all;
	size_t n;
};

static void add(struct points *p, struct tracer_plan plan, enum tracer_what what,
		int error)
{
	if (error == 0)
		return;
	plan.what = what;
	plan.error = error;
	p->all = realloc(p->all, (p->n + 1) * sizeof(*p->all));
	p->all[p->n++] = plan;
}

static void add_call(struct points *p, const struct tracer_plan *plan, const char *name)
{
	for (size_t i = 0; i < COUNT(failures); i++)
		if (strcmp(failures[i].call, name) == 0)
			for (size_t k = 0; k < ERRORS_MAX; k++) {
				add(p, *plan, TRACER_ERRNO, failures[i].once[k]);
				add(p, *plan, TRACER_ONWARD, failures[i].onward[k]);
			}
}

static void enumerate(const struct tracer_result *r, struct points *p)
{
	for (enum tracer_role role = 0; role < TRACER_OTHER; role++)
		for (unsigned k = 1; k <= r->n[role] && k <= TRACER_CALLS; k++) {
			const struct tracer_plan plan = {
				.role = role,
				.at = k,
				.others = true,
				.number = r->number[role][k - 1],
			};
			char *name =
			    seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE,
							     r->number[role][k - 1]);

			if (name != NULL)
				add_call(p, &plan, name);
			free(name);
		}
}

/* -- one point -- */

static bool trace(struct calls *m, const struct crash_case *c, struct tracer_plan plan,
		  struct tracer_result *r)
{
	const struct daemon_drive drive = { c, &m->world, plan.what == TRACER_COUNT };
	struct world_command command;

	if (c->daemon)
		plan.beside = daemon_drive;
	plan.arg = &drive;
	world_command(&m->world, c->command, &command);
	return tracer_run(command.argv, m->world.said, &plan, r);
}

static const char *look(const struct calls *m, const struct crash_case *c,
			const struct tracer_result *r, const struct check_facts *before,
			char why[CHECK_WHY])
{
	const struct world *w = &m->world;
	AUTO_BUF struct buf said = { 0 };

	if (r->hung)
		return "it hung";
	if (r->cpu_s > CALLS_CPU_S) {
		snprintf(why, CHECK_WHY, "it took %.1f s of CPU", r->cpu_s);
		return why;
	}
	if (r->status > 128 || look_crashed(w) != NULL)
		return "it crashed";
	if (r->status != 0 && (!world_read(w, w->said, &said) || said.len == 0))
		return "it failed without a word";
	if (check_cut(c, w, why) != NULL)
		return why;
	return look_next(c, w, before, r->status != 0,
			 (r->status == 0 && !c->daemon ? CHECK_WHOLE : 0) |
			     CHECK_FAILED,
			 why);
}

static void report(const struct calls *m, const struct crash_case *c,
		   const struct tracer_plan *plan, const struct tracer_result *r,
		   const char *why)
{
	printf("  %s: %s %s %u %s %s (exit %d): %s\n", c->name,
	       tracer_what_word(plan->what), tracer_role_word(plan->role), plan->at,
	       r->call, plan->error == 0 ? "" : strerrorname_np(plan->error), r->status,
	       why);
	look_print(&m->world);
}

static bool run_point(struct calls *m, const struct crash_case *c,
		      const struct tracer_plan *plan, struct tracer_result *r)
{
	struct check_facts before;
	char text[CHECK_WHY] = "";
	const char *why = "it could not be traced";

	world_restore(&m->world);
	check_facts(c, &m->world, &before);
	if (trace(m, c, *plan, r))
		why = look(m, c, r, &before, text);
	if (why == NULL && plan->what == TRACER_COUNT && r->status != 0)
		why = "it failed undisturbed";
	if (m->cpu_s < r->cpu_s)
		m->cpu_s = r->cpu_s;
	if (why != NULL)
		report(m, c, plan, r, why);
	return why == NULL;
}

/* -- one case -- */

bool calls_run(struct calls *m, const struct crash_case *c)
{
	const struct tracer_plan count = { .what = TRACER_COUNT, .others = true };
	struct tracer_result *r = calloc(1, sizeof(*r));
	struct points p = { NULL, 0 };
	bool ok = case_prepare(c, &m->world);
	size_t step;

	ok = ok && run_point(m, c, &count, r);
	if (ok)
		enumerate(r, &p);
	m->n_all = (unsigned)p.n;
	step = m->per_case == 0 || p.n < m->per_case ? 1 : p.n / m->per_case;
	for (size_t i = m->seed % step + m->part * step; ok && i < p.n;
	     i += m->parts * step) {
		m->n_failed += !run_point(m, c, &p.all[i], r);
		m->n_points += r->reached;
		m->n_missed += !r->reached;
		m->n_whole += r->status == 0;
	}
	free(p.all);
	free(r);
	return ok;
}
