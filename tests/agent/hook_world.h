/*
 * hook_world: a snapshot of hooks that a test makes up, a folder, and the log caught.
 *
 *     world_open(&w); add_sh(&w, "h", "exit 7", 30); world_start(&w);
 *     r = run(&w, 0); ...; world_close(&w);
 *
 * world_close() also looks that no process is left.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/config/snapshot.h"
#include "agent/role/log.h"
#include "agent/role/spec.h"
#include "agent/super/hookrun.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#define PATIENCE_MS 60000 /* the machine may be busy; no test needs it */

/* --- the log, caught --- */

static struct buf logged;

static inline void keep(const char *fmt, va_list ap)
    __attribute__((format(printf, 1, 0)));

static inline void keep(const char *fmt, va_list ap)
{
	char line[2048];

	vsnprintf(line, sizeof(line), fmt, ap);
	buf_printf(&logged, "%s\n", line);
}

#define CAUGHT(name)                    \
	void name(const char *fmt, ...) \
	{                               \
		va_list ap;             \
                                        \
		va_start(ap, fmt);      \
		keep(fmt, ap);          \
		va_end(ap);             \
	}

CAUGHT(log_error)
CAUGHT(log_warn)
CAUGHT(log_info)
CAUGHT(log_debug)

static inline bool was_logged(const char *text)
{
	return logged.data != NULL && strstr(logged.data, text) != NULL;
}

/* --- a world of hooks --- */

struct world {
	struct snapshot *snapshot;
	struct spec spec;
	struct hookruns *runs;
	char *dir;
	uint32_t next_id;
};

/* As the caller, with 30 s. */
static const struct spec_hook plainly = {
	.uid = SPEC_NOBODY,
	.gid = SPEC_NOBODY,
	.timeout_s = 30,
};

static const struct hook_call call = {
	.event = "installed",
	.count = 1,
	.names = "www",
	.values = { [HOOK_NAME] = "www" },
};

static inline void add_hook(struct world *w, const char *name, const char *const *argv,
			    struct spec_hook how)
{
	struct text words[8];
	size_t n = 0;

	for (; argv[n] != NULL; n++)
		words[n] = snapshot_text(w->snapshot, argv[n]);
	how.name = snapshot_text(w->snapshot, name);
	how.run = snapshot_add(w->snapshot, SPEC_WORDS, words, n);
	snapshot_add(w->snapshot, SPEC_HOOKS, &how, 1);
}

/* A hook of the shell, run as the caller. */
static inline void add_sh(struct world *w, const char *name, const char *script,
			  uint32_t limit)
{
	struct spec_hook how = plainly;

	how.timeout_s = limit;
	add_hook(w, name, (const char *[]){ "sh", "-c", script, NULL }, how);
}

static inline void world_open(struct world *w)
{
	const char *tmp = getenv("TMPDIR");

	*w = (struct world){ .snapshot = snapshot_new() };
	w->dir = xasprintf("%s/everleaf-hook-XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(w->dir));
	buf_done(&logged);
}

static inline void world_start(struct world *w)
{
	struct spec_global global = { 0 };
	AUTO_FD int fd = -1;
	struct err e;

	global.state_dir = snapshot_text(w->snapshot, w->dir);
	global.runtime_dir = global.state_dir;
	global.log_level = LEVEL_INFO;
	for (int i = 0; i < SPEC_USERS; i++)
		global.users[i] = (struct spec_user){ SPEC_NOBODY, SPEC_NOBODY };
	snapshot_add(w->snapshot, SPEC_GLOBAL, &global, 1);
	if (snapshot_seal(w->snapshot, &fd, &e) < 0 || spec_map(fd, &w->spec, &e) < 0)
		fail_msg("%s", e.text);
	w->runs = hookruns_new(&w->spec);
}

static inline void world_close(struct world *w)
{
	hookruns_free(w->runs);
	spec_done(&w->spec);
	snapshot_free(w->snapshot);
	assert_return_code(rmdir(w->dir), errno);
	free(w->dir);
	buf_done(&logged);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left behind */
	assert_int_equal(errno, ECHILD);
}

static inline void start_on(struct world *w, uint32_t hook, int in)
{
	struct hookrun_start s = {
		.id = ++w->next_id,
		.hook = hook,
		.in = in,
		.call = call,
	};
	struct err e;

	if (hookrun_start(w->runs, &s, &e) < 0)
		fail_msg("%s", e.text);
}

static inline void turn(struct world *w)
{
	struct pollfd fds[HOOKRUN_FDS];
	int64_t wait = hookrun_wake_ms(w->runs) - clock_awake_ms();

	poll(fds, hookrun_pollfds(w->runs, fds, HOOKRUN_FDS),
	     wait < 0 ? 0 : (int)(wait < 100 ? wait : 100));
	hookrun_step(w->runs);
}

static inline struct hookrun_result result_of(struct world *w)
{
	int64_t until = clock_awake_ms() + PATIENCE_MS;
	struct hookrun_result r;

	while (!hookrun_done(w->runs, &r)) {
		if (clock_awake_ms() > until)
			fail_msg("no result in %d ms", PATIENCE_MS);
		turn(w);
	}
	return r;
}

static inline struct hookrun_result run(struct world *w, uint32_t hook)
{
	start_on(w, hook, -1);
	return result_of(w);
}

/* The result of one script in a world of its own. */
static inline struct hookrun_result run_sh(const char *script, uint32_t limit)
{
	struct hookrun_result r;
	struct world w;

	world_open(&w);
	add_sh(&w, "h", script, limit);
	world_start(&w);
	r = run(&w, 0);
	assert_true(hookruns_idle(w.runs));
	world_close(&w);
	return r;
}

/* The pid that a script left in `name` below the world's folder, which goes. */
static inline pid_t pid_in(struct world *w, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", w->dir, name);
	char text[32] = "";
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

	unlink(path);
	return n > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

static inline char *put(struct world *w, const char *name, const char *text,
			mode_t mode)
{
	char *path = xasprintf("%s/%s", w->dir, name);
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);

	assert_true(fd >= 0);
	assert_true(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	assert_return_code(fchmod(fd, mode), errno);
	return path;
}
