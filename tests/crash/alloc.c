#include "tests/crash/alloc.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <unistd.h>

#include "base/buf.h"
#include "tests/crash/check.h"
#include "tests/crash/daemon.h"
#include "tests/crash/look.h"
#include "tests/crash/prepare.h"

#define HUNG_SECONDS 30
#define STATUS_HUNG  124

static const char *const programs[ALLOC_ROLES] = {
	"everleaf",        "everleaf-config", "everleaf-agent",     "everleaf-keeper",
	"everleaf-worker", "everleaf-probe",  "everleaf-responder", "everleaf-inspect",
};

struct point {
	unsigned role;
	uint32_t at;
	bool onward;
};

struct points {
	struct point *all;
	size_t n;
};

/* -- which points there are -- */

static void add(struct points *p, unsigned role, uint32_t at)
{
	p->all = realloc(p->all, (p->n + 2) * sizeof(*p->all));
	p->all[p->n++] = (struct point){ role, at, false };
	p->all[p->n++] = (struct point){ role, at, true };
}

static int by_number(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The first allocation of each place of `role`, by sorting {who, K}. */
static size_t places(const struct alloc_role *role, uint32_t n, uint64_t *first)
{
	uint64_t last = UINT64_MAX;
	size_t kept = 0;

	for (uint32_t k = 0; k < n; k++)
		first[k] = (uint64_t)role->who[k] << 32 | (k + 1);
	qsort(first, n, sizeof(*first), by_number);
	for (uint32_t k = 0; k < n; k++) {
		const uint64_t one = first[k];

		if (one >> 32 != last)
			first[kept++] = one & UINT32_MAX;
		last = one >> 32;
	}
	qsort(first, kept, sizeof(*first), by_number);
	return kept;
}

static void enumerate(struct alloc *a, struct points *p)
{
	uint64_t *first = calloc(ALLOC_MAX, sizeof(*first));

	for (unsigned i = 0; i < ALLOC_ROLES; i++) {
		const struct alloc_role *role = &a->page->roles[i];
		uint32_t n = role->n < ALLOC_MAX ? role->n : ALLOC_MAX;
		size_t kept = places(role, n, first);

		a->n_allocations += role->n;
		a->n_places += (unsigned)kept;
		for (uint32_t k = 0; k < (a->every ? n : kept); k++)
			add(p, i, a->every ? k + 1 : (uint32_t)first[k]);
	}
	free(first);
}

/* -- one run -- */

static void arm(struct alloc *a, const struct point *p)
{
	for (unsigned i = 0; i < ALLOC_ROLES; i++) {
		struct alloc_role *role = &a->page->roles[i];

		role->n = 0;
		role->reached = false;
		role->traces = p == NULL;
		role->at = p != NULL && p->role == i ? p->at : 0;
		role->onward = p != NULL && p->onward;
	}
}

/* Its exit status; 125: it left a process. */
static int run(const struct alloc *a, const struct crash_case *c, bool is_patient)
{
	const struct daemon_drive drive = { c, &a->world, is_patient };
	struct world_command command;
	pid_t pid;
	int status;

	world_command(&a->world, c->command, &command);
	setenv(ALLOC_PAGE, a->path, 1);
	pid = world_begin(command.argv, a->world.said);
	unsetenv(ALLOC_PAGE);
	if (c->daemon && fork() == 0) {
		daemon_drive(&drive, pid);
		_exit(0);
	}
	status = world_wait(pid, HUNG_SECONDS);
	return world_no_stray() ? status : 125;
}

/* Each line of the file `was` is in that of the run. */
static const char *check_lines(const struct world *w, const struct buf *was,
			       char why[CHECK_WHY])
{
	for (const char *at = was->data; at != NULL && *at != '\0';) {
		char line[CHECK_WHY / 2];

		snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
		if (!look_said(w, line)) {
			snprintf(why, CHECK_WHY, "it succeeded without \"%s\"", line);
			return why;
		}
		at += strcspn(at, "\n");
		at += *at == '\n';
	}
	return NULL;
}

/* What no lack of memory may make of a role: it ends in good order, or by abort() in
 * base/mem.c. (A library of which that is known ends so, too.) libconfig does not look
 * whether it got memory, and has no say in which: its role, which reads and nothing else,
 * may be killed for that. */
static const char *check_end(const struct world *w, int status)
{
	const char *crash = look_crashed(w);
	AUTO_BUF struct buf said = { 0 };

	if (status == STATUS_HUNG)
		return "it hung";
	if (status == 125)
		return "it left a process behind";
	if (crash != NULL && !look_said(w, "the config was killed by signal 11"))
		return crash;
	if (status > 128 && status != 128 + 6)
		return "the supervisor was killed";
	if (status != 0 && (!world_read(w, w->said, &said) || said.len == 0))
		return "it failed without a word";
	return NULL;
}

static const char *look(const struct alloc *a, const struct alloc_case *c, int status,
			const struct buf *was, const struct check_facts *before,
			char why[CHECK_WHY])
{
	const struct world *w = &a->world;
	const char *end = check_end(w, status);

	if (end != NULL)
		return end;
	if (c->says && status == 0 && check_lines(w, was, why) != NULL)
		return why;
	if (check_cut(c->run, w, why) != NULL)
		return why;
	return look_next(c->run, w, before, status != 0,
			 (status == 0 && !c->run->daemon ? CHECK_WHOLE : 0) |
			     CHECK_FAILED,
			 why);
}

static void report(const struct alloc *a, const struct alloc_case *c,
		   const struct point *p, int status, const char *why)
{
	printf("  %s: %s %u%s (exit %d): %s\n", c->run->name,
	       p == NULL ? "undisturbed" : programs[p->role], p == NULL ? 0 : p->at,
	       p != NULL && p->onward ? " onward" : "", status, why);
	look_print(&a->world);
}

static void run_point(struct alloc *a, const struct alloc_case *c,
		      const struct point *p, const struct buf *was)
{
	struct check_facts before;
	char text[CHECK_WHY] = "";
	const char *why;
	int status;

	world_restore(&a->world);
	check_facts(c->run, &a->world, &before);
	arm(a, p);
	status = run(a, c->run, false);
	why = look(a, c, status, was, &before, text);
	if (a->page->roles[p->role].reached)
		a->n_points++;
	else
		a->n_missed++;
	a->n_whole += status == 0;
	if (why != NULL) {
		a->n_failed++;
		report(a, c, p, status, why);
	}
}

/* -- one case -- */

bool alloc_open(struct alloc *a, const struct alloc_case *c)
{
	char *name;
	int fd;

	/* The same code stands at the same address in each process. */
	personality(ADDR_NO_RANDOMIZE);
	/* Who is killed by a signal is known by it, sanitized or not. */
	setenv("ASAN_OPTIONS", "handle_segv=0", 0);
	if (!world_open(&a->world, c->run->outside, c->run->served))
		return false;
	name = strrchr(a->world.program, '/');
	snprintf(name, sizeof(a->world.program) - (size_t)(name - a->world.program),
		 "/alloc/everleaf");
	snprintf(a->path, sizeof(a->path), "%s/page", a->world.base);
	fd = open(a->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(*a->page)) < 0)
		return false;
	a->page =
	    mmap(NULL, sizeof(*a->page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (a->page == MAP_FAILED)
		return false;
	for (unsigned i = 0; i < ALLOC_ROLES; i++)
		snprintf(a->page->roles[i].program, sizeof(a->page->roles[i].program),
			 "%s", programs[i]);
	return true;
}

void alloc_done(struct alloc *a)
{
	munmap(a->page, sizeof(*a->page));
	world_done(&a->world);
}

/* Undisturbed: what the others are compared with. */
static bool count(struct alloc *a, const struct alloc_case *c, struct buf *was)
{
	struct check_facts before;
	char text[CHECK_WHY] = "";
	const char *why;
	int status;

	world_restore(&a->world);
	check_facts(c->run, &a->world, &before);
	arm(a, NULL);
	status = run(a, c->run, true);
	(void)world_read(&a->world, a->world.said, was);
	why = look(a, c, status, was, &before, text);
	if (why == NULL && status != 0)
		why = "it failed";
	if (why != NULL)
		report(a, c, NULL, status, why);
	return why == NULL;
}

bool alloc_run(struct alloc *a, const struct alloc_case *c)
{
	AUTO_BUF struct buf was = { 0 };
	struct points p = { NULL, 0 };
	bool ok = case_prepare(c->run, &a->world);
	size_t step;

	if (!ok) {
		printf("  %s: it could not be prepared\n", c->run->name);
		look_print(&a->world);
	}
	ok = ok && count(a, c, &was);
	if (ok)
		enumerate(a, &p);
	step = a->per_case == 0 || p.n < a->per_case ? 1 : p.n / a->per_case;
	for (size_t i = a->seed % step + a->part * step; ok && i < p.n;
	     i += a->parts * step)
		run_point(a, c, &p.all[i], &was);
	free(p.all);
	return ok;
}
