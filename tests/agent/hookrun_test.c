/* hookrun: whatever a hook does, it ends in time and its result is told. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/hookrun.h"
#include "agent/hookrun_out.h"
#include "agent/log.h"
#include "agent/snapshot.h"
#include "agent/spawn.h"
#include "agent/spec.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#define PATIENCE_MS 30000 /* the machine may be busy; no test needs it */
#define OTHER_UID   65534

/* --- the log, caught --- */

static struct buf logged;

static void keep(const char *fmt, va_list ap)
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

static bool was_logged(const char *text)
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

static void add_hook(struct world *w, const char *name, const char *const *argv,
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
static void add_sh(struct world *w, const char *name, const char *script,
		   uint32_t limit)
{
	struct spec_hook how = plainly;

	how.timeout_s = limit;
	add_hook(w, name, (const char *[]){ "sh", "-c", script, NULL }, how);
}

static void world_open(struct world *w)
{
	const char *tmp = getenv("TMPDIR");

	*w = (struct world){ .snapshot = snapshot_new() };
	w->dir = xasprintf("%s/everleaf-hook-XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(w->dir));
	buf_done(&logged);
}

static void world_start(struct world *w)
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

static void world_close(struct world *w)
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

static void start_on(struct world *w, uint32_t hook, int in)
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

static void turn(struct world *w)
{
	struct pollfd fds[2 * HOOKRUN_MAX];
	int64_t wait = hookrun_wake_ms(w->runs) - clock_boot_ms();

	poll(fds, hookrun_pollfds(w->runs, fds, 2 * HOOKRUN_MAX),
	     wait < 0 ? 0 : (int)(wait < 100 ? wait : 100));
	hookrun_step(w->runs);
}

static struct hookrun_result result_of(struct world *w)
{
	int64_t until = clock_boot_ms() + PATIENCE_MS;
	struct hookrun_result r;

	while (!hookrun_done(w->runs, &r)) {
		if (clock_boot_ms() > until)
			fail_msg("no result in %d ms", PATIENCE_MS);
		turn(w);
	}
	return r;
}

static struct hookrun_result run(struct world *w, uint32_t hook)
{
	start_on(w, hook, -1);
	return result_of(w);
}

/* The result of one script in a world of its own. */
static struct hookrun_result run_sh(const char *script, uint32_t limit)
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
static pid_t pid_in(struct world *w, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", w->dir, name);
	char text[32] = "";
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

	unlink(path);
	return n > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

static char *put(struct world *w, const char *name, const char *text, mode_t mode)
{
	char *path = xasprintf("%s/%s", w->dir, name);
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);

	assert_true(fd >= 0);
	assert_true(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	assert_return_code(fchmod(fd, mode), errno);
	return path;
}

/* --- ends --- */

static void every_end_is_told(void **state)
{
	static const struct {
		const char *script, *text;
		bool ok;
	} rows[] = {
		{ "exit 0", "", true },
		{ "echo fine", "", true },
		{ "exit 7", "exited with 7", false },
		{ "echo first; echo 'it is broken' >&2; exit 1",
		  "exited with 1: it is broken", false },
		{ "kill -KILL $$", "killed by signal 9", false },
		{ "kill -SEGV $$", "killed by signal 11", false },
		{ "printf 'no newline'; exit 3", "exited with 3: no newline", false },
		{ "printf 'a\\033[1mb\\tc\\000d\\n'; exit 3",
		  "exited with 3: a?[1mb c?d", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct hookrun_result r = run_sh(rows[i].script, 30);

		if (r.ok != rows[i].ok || r.timed_out ||
		    strcmp(r.text, rows[i].text) != 0)
			fail_msg("%s: %d \"%s\"", rows[i].script, r.ok, r.text);
	}
}

static void what_hangs_and_ignores_term_is_killed(void **state)
{
	struct hookrun_result r =
	    run_sh("echo waiting; trap '' TERM; while :; do sleep 1; done", 1);

	(void)state;
	assert_false(r.ok);
	assert_true(r.timed_out);
	assert_string_equal(r.text, "ran longer than 1s: waiting");
	assert_true(r.ms >= 3000 && r.ms < 3000 + 5000);
}

static void what_heeds_term_has_time_to_clean_up(void **state)
{
	struct hookrun_result r =
	    run_sh("trap 'echo cleaned; exit 0' TERM; while :; do sleep 0.1; done", 1);

	(void)state;
	assert_false(r.ok);
	assert_true(r.timed_out);
	assert_string_equal(r.text, "ran longer than 1s: cleaned");
	assert_true(r.ms >= 1000);
}

static void what_is_no_program_says_so(void **state)
{
	struct world w;
	AUTO_FREE char *plain = NULL, *other = NULL, *closed = NULL, *text = NULL;
	struct hookrun_result r;

	(void)state;
	world_open(&w);
	plain = put(&w, "plain", "echo a shell ran this\n", 0755);
	other = put(&w, "other", "#!/bin/sh\nexit 0\n", 0777);
	closed = put(&w, "closed", "#!/bin/sh\nexit 0\n", 0644);
	add_hook(&w, "missing", (const char *[]){ "/nonexistent/x", NULL }, plainly);
	add_hook(&w, "nowhere", (const char *[]){ "everleaf-none", NULL }, plainly);
	add_hook(&w, "plain", (const char *[]){ plain, NULL }, plainly);
	add_hook(&w, "writable", (const char *[]){ other, NULL }, plainly);
	add_hook(&w, "closed", (const char *[]){ closed, NULL }, plainly);
	world_start(&w);

	assert_string_equal(run(&w, 0).text, "exited with 127: /nonexistent/x: "
					     "No such file or directory");
	r = run(&w, 1);
	assert_non_null(strstr(r.text, "exited with 127: everleaf-none: not found in"));
	text = xasprintf("exited with 126: %s: Exec format error", plain);
	assert_string_equal(run(&w, 2).text, text);
	r = run(&w, 3);
	assert_non_null(strstr(r.text, "others can write other (mode 0777)"));
	r = run(&w, 4);
	assert_non_null(strstr(r.text, "closed: Permission denied"));
	assert_false(was_logged("a shell ran this"));
	unlink(plain);
	unlink(other);
	unlink(closed);
	world_close(&w);
}

/* --- output --- */

static void a_flood_is_cut_and_drained(void **state)
{
	struct hookrun_result r;
	struct world w;

	(void)state;
	world_open(&w);
	add_sh(&w, "h", "head -c 67108864 /dev/zero; exit 4", 60);
	world_start(&w);
	r = run(&w, 0);
	assert_false(r.timed_out);
	assert_memory_equal(r.text, "exited with 4: ????", 19);
	assert_true(logged.len < 2 * LIMIT_HOOK_OUT);
	assert_true(was_logged("hook h: 67043328 more bytes of output not kept"));
	world_close(&w);
}

static void short_lines_are_counted_too(void **state)
{
	struct world w;
	size_t n = 0;

	(void)state;
	world_open(&w);
	add_sh(&w, "h", "yes | head -n 20000", 60);
	world_start(&w);
	assert_true(run(&w, 0).ok);
	for (size_t i = 0; i < logged.len; i++)
		n += logged.data[i] == '\n';
	assert_int_equal(n, LIMIT_HOOK_LINES + 1);
	assert_true(was_logged("hook h: 38000 more bytes of output not kept"));
	world_close(&w);
}

static void lines_go_to_the_log(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	add_sh(&w, "nginx", "echo one; echo; echo two >&2; printf three; exec >&- 2>&-",
	       30);
	world_start(&w);
	assert_true(run(&w, 0).ok);
	assert_string_equal(logged.data,
			    "hook nginx: one\nhook nginx: two\nhook nginx: three\n");
	world_close(&w);
}

/* --- what is left behind --- */

/* Forked away twice into a session of its own; $1 is where its pid goes. */
#define STRAY                                                          \
	"setsid sh -c 'sleep 600 & echo $! >%s/stray' >/dev/null 2>&1" \
	" & while [ ! -s %s/stray ]; do sleep 0.02; done; "

static void a_stray_is_left_alone_after_a_good_end(void **state)
{
	AUTO_FREE char *script = NULL;
	struct world w;
	pid_t stray;

	(void)state;
	world_open(&w);
	script = xasprintf(STRAY "exit 0", w.dir, w.dir);
	add_sh(&w, "h", script, 30);
	world_start(&w);
	assert_true(run(&w, 0).ok);
	stray = pid_in(&w, "stray");
	assert_true(stray > 1);
	assert_return_code(kill(stray, 0), errno);

	/* It was re-parented to us: when it ends, it is reaped. */
	assert_return_code(kill(stray, SIGKILL), errno);
	for (int i = 0; i < 1000 && kill(stray, 0) == 0; i++) {
		poll(NULL, 0, 10);
		hookrun_step(w.runs);
	}
	assert_int_equal(kill(stray, 0), -1);
	world_close(&w);
}

static void strays_are_killed_when_the_time_is_over(void **state)
{
	AUTO_FREE char *script = NULL, *first = NULL;
	struct world w;
	pid_t stray, other;

	(void)state;
	world_open(&w);
	first = xasprintf(STRAY "exit 0", w.dir, w.dir);
	script = xasprintf(STRAY "sleep 600", w.dir, w.dir);
	add_sh(&w, "good", first, 30);
	add_sh(&w, "slow", script, 1);
	world_start(&w);
	assert_true(run(&w, 0).ok);
	other = pid_in(&w, "stray");
	assert_true(run(&w, 1).timed_out);
	stray = pid_in(&w, "stray");
	assert_true(stray > 1 && other > 1 && stray != other);
	assert_int_equal(kill(stray, 0), -1);
	assert_return_code(kill(other, 0), errno); /* another run's */
	kill(other, SIGKILL);
	while (waitpid(other, NULL, 0) > 0)
		;
	world_close(&w);
}

static void linger(const void *arg)
{
	(void)arg;
	for (;;)
		pause();
}

static void a_role_is_neither_killed_nor_reaped(void **state)
{
	AUTO_FREE char *script = NULL;
	struct spawned role;
	struct world w;
	siginfo_t end = { 0 };
	struct err e;

	(void)state;
	world_open(&w);
	script = xasprintf(STRAY "sleep 600", w.dir, w.dir);
	add_sh(&w, "h", script, 1);
	world_start(&w);
	assert_int_equal(spawn(linger, NULL, &role, &e), 0);
	assert_true(run(&w, 0).timed_out);
	pid_in(&w, "stray");
	assert_return_code(kill(role.pid, SIGTERM), errno);
	poll(&(struct pollfd){ role.pidfd, POLLIN, 0 }, 1, PATIENCE_MS);
	hookrun_step(w.runs);
	assert_return_code(waitid(P_PIDFD, (id_t)role.pidfd, &end, WEXITED), errno);
	assert_int_equal(end.si_status, SIGTERM);
	close(role.pidfd);
	world_close(&w);
}

static void freeing_ends_everything(void **state)
{
	AUTO_FREE char *script = NULL;
	struct world w;
	int64_t began;
	pid_t stray = 0;

	(void)state;
	world_open(&w);
	script = xasprintf(STRAY "trap '' TERM; sleep 600", w.dir, w.dir);
	add_sh(&w, "h", script, 600);
	add_sh(&w, "i", "sleep 600", 600);
	world_start(&w);
	start_on(&w, 0, -1);
	start_on(&w, 1, -1);
	began = clock_boot_ms();
	while (stray == 0 && clock_boot_ms() < began + PATIENCE_MS) {
		AUTO_FREE char *path = xasprintf("%s/stray", w.dir);
		struct stat st;

		turn(&w);
		if (stat(path, &st) == 0 && st.st_size > 1)
			stray = pid_in(&w, "stray");
	}
	assert_true(stray > 1);
	began = clock_boot_ms();
	world_close(&w); /* which looks for children */
	assert_true(clock_boot_ms() - began < 2000);
	assert_int_equal(kill(stray, 0), -1);
}

/* --- what it is given --- */

static void a_hook_has_its_own_descriptors_signals_and_place(void **state)
{
	static const char script[] =
	    "[ \"$(ls /proc/self/fd | tr '\\n' ' ')\" = '0 1 2 3 ' ] || exit 11\n"
	    "[ -z \"$EVERLEAF_TEST_SECRET\" ] || exit 12\n"
	    "[ \"$(pwd)\" = / ] || exit 13\n"
	    "[ \"$(umask)\" = 0022 ] || exit 14\n"
	    "[ \"$(ulimit -c)\" = 0 ] || exit 15\n"
	    "grep -q 'SigIgn:.0*$' /proc/self/status || exit 16\n"
	    "grep -q 'SigBlk:.0*$' /proc/self/status || exit 17\n"
	    "[ \"$(cut -d' ' -f6 /proc/$$/stat)\" = $$ ] || exit 18\n"
	    "echo x >/dev/stderr || exit 19\n"
	    "[ -z \"$(cat)\" ] || exit 20\n";
	int leaked[] = { dup(0), open("/dev/null", O_RDONLY) };
	struct hookrun_result r;

	(void)state;
	setenv("EVERLEAF_TEST_SECRET", "hmac", 1);
	signal(SIGUSR1, SIG_IGN);
	umask(077);
	r = run_sh(script, 30);
	signal(SIGUSR1, SIG_DFL);
	umask(022);
	close(leaked[0]);
	close(leaked[1]);
	assert_string_equal(r.text, "");
}

static void a_hook_has_the_table_as_its_environment(void **state)
{
	AUTO_FREE char *want = NULL;
	struct world w;

	(void)state;
	setenv("HOME", "/tmp", 1);
	want = xasprintf("hook h: PATH=" HOOK_PATH "\n"
			 "hook h: LANG=C.UTF-8\n"
			 "hook h: HOME=%s\n"
			 "hook h: EVERLEAF_RUN=%d.1\n"
			 "hook h: EVERLEAF_EVENT=installed\n"
			 "hook h: EVERLEAF_HOOK=h\n"
			 "hook h: EVERLEAF_COUNT=1\n"
			 "hook h: EVERLEAF_NAMES=www\n"
			 "hook h: EVERLEAF_NAME=www\n",
			 geteuid() == 0 ? "/root" : "/tmp", getpid());
	world_open(&w);
	add_hook(&w, "h", (const char *[]){ "env", NULL }, plainly);
	world_start(&w);
	assert_true(run(&w, 0).ok);
	assert_string_equal(logged.data, want);
	world_close(&w);
}

static void a_document_arrives_whole_at_each_hook(void **state)
{
	enum { SIZE = 5 << 20 };
	AUTO_FREE char *data = xcalloc(SIZE, 1);
	AUTO_FD int fd = memfd_create("document", MFD_CLOEXEC);
	struct world w;

	(void)state;
	memset(data, 'j', SIZE);
	assert_true(write(fd, data, SIZE) == SIZE);
	world_open(&w);
	for (uint32_t i = 0; i < 4; i++) {
		char name[] = { (char)('a' + (int)i), '\0' };

		add_sh(&w, name, "[ \"$(tr -d -c j | wc -c)\" = 5242880 ]", 60);
	}
	world_start(&w);
	for (uint32_t i = 0; i < 4; i++)
		start_on(&w, i, fd);
	for (uint32_t i = 0; i < 4; i++)
		assert_true(result_of(&w).ok);
	world_close(&w);
}

/* Each argument comes back from the hook as a line of hexadecimal digits. */
static void odd_arguments_arrive_as_they_are(void **state)
{
	static const char *const odd[] = {
		"",     " ",     "\"",    "'",   "`id`",     "$(id)",    "$HOME",
		"; id", "| cat", "&",     "*",   "~",        "-c",       "--",
		"-e",   "-rf /", "\\",    "%s",  "a\nb",     "\t",       "\xff",
		"=",    "#",     "a b c", "<>(", "\xc3\xbc", "\\x41\\n", "\001",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		const char *argv[] = {
			"sh",
			"-c",
			"printf %s \"$1\" | od -An -v -tx1 | tr -d ' \\n'",
			"sh",
			odd[i],
			NULL
		};
		AUTO_BUF struct buf want = { 0 };
		struct world w;

		world_open(&w);
		add_hook(&w, "h", argv, plainly);
		world_start(&w);
		if (odd[i][0] != '\0')
			buf_puts(&want, "hook h: ");
		for (const char *c = odd[i]; *c != '\0'; c++)
			buf_printf(&want, "%02x", (unsigned)(unsigned char)*c);
		assert_true(run(&w, 0).ok);
		if (want.len > 0 && !was_logged(want.data))
			fail_msg("row %zu: %s is not %s", i, logged.data, want.data);
		if (want.len == 0)
			assert_int_equal(logged.len, 0);
		world_close(&w);
	}
}

/* The largest value the table allows comes through exec. */
static void a_long_value_arrives(void **state)
{
	AUTO_FREE char *value = xcalloc(LIMIT_HOOK_VALUE + 1, 1);
	struct hookrun_start s = { .id = 1, .in = -1, .call = call };
	struct world w;
	struct err e;

	(void)state;
	memset(value, 'x', LIMIT_HOOK_VALUE);
	world_open(&w);
	add_sh(&w, "h", "[ ${#EVERLEAF_DOMAINS} = 122880 ]", 30);
	world_start(&w);
	s.call.values[HOOK_DOMAINS] = value;
	assert_int_equal(hookrun_start(w.runs, &s, &e), 0);
	assert_string_equal(result_of(&w).text, "");
	world_close(&w);
}

static void a_value_that_must_not_be_is_a_result(void **state)
{
	struct hookrun_result r;
	struct world w;
	struct err e;
	struct hookrun_start s = { .id = 5, .in = -1, .call = call };

	(void)state;
	world_open(&w);
	add_sh(&w, "h", "exit 0", 30);
	world_start(&w);
	s.call.values[HOOK_ERROR] = "a\nb";
	assert_int_equal(hookrun_start(w.runs, &s, &e), 0);
	assert_true(hookrun_done(w.runs, &r));
	assert_int_equal(r.id, 5);
	assert_false(r.ok);
	assert_string_equal(r.text, "not started: EVERLEAF_ERROR: has a control byte");
	world_close(&w);
}

static void a_hook_runs_as_its_user(void **state)
{
	static const char script[] = "[ \"$(id -u):$(id -g):$(id -G)\" = "
				     "65534:65534:65534 ] || exit 11\n"
				     "cat /etc/shadow >/dev/null 2>&1 && exit 12\n"
				     "[ \"$HOME\" = /nonexistent ] || exit 13\n"
				     "echo said >/dev/stderr || exit 14\n";
	const char *argv[] = { "sh", "-c", script, NULL };
	struct hookrun_result r;
	struct world w;

	(void)state;
	if (geteuid() != 0) {
		print_message("needs root: becomes another user\n");
		skip();
	}
	world_open(&w);
	add_hook(&w, "h", argv,
		 (struct spec_hook){ .uid = OTHER_UID,
				     .gid = OTHER_UID,
				     .home = snapshot_text(w.snapshot, "/nonexistent"),
				     .timeout_s = 30 });
	world_start(&w);
	r = run(&w, 0);
	assert_string_equal(r.text, "");
	assert_true(was_logged("hook h: said"));
	world_close(&w);
}

/* --- side by side --- */

static void a_hook_that_runs_is_joined(void **state)
{
	struct hookrun_result a, b;
	AUTO_FREE char *script = NULL, *path = NULL;
	struct world w;
	struct stat st;

	(void)state;
	world_open(&w);
	script = xasprintf("echo x >>%s/times; sleep 0.3", w.dir);
	path = xasprintf("%s/times", w.dir);
	add_sh(&w, "h", script, 30);
	world_start(&w);
	start_on(&w, 0, -1);
	start_on(&w, 0, -1);
	a = result_of(&w);
	b = result_of(&w);
	assert_true(a.ok && b.ok);
	assert_int_equal(a.id, 1);
	assert_int_equal(b.id, 2);
	assert_false(a.joined);
	assert_true(b.joined);
	assert_return_code(stat(path, &st), errno);
	assert_int_equal(st.st_size, 2); /* it ran once */
	assert_true(hookruns_idle(w.runs));
	unlink(path);
	world_close(&w);
}

static void sixteen_run_at_once_and_no_more(void **state)
{
	struct hookrun_start s = {
		.id = 99, .hook = HOOKRUN_MAX, .in = -1, .call = call
	};
	struct world w;
	int64_t began;
	struct err e;

	(void)state;
	world_open(&w);
	for (int i = 0; i <= HOOKRUN_MAX; i++) {
		char name[] = { (char)('a' + i), '\0' };

		add_sh(&w, name, "sleep 0.5", 30);
	}
	world_start(&w);
	began = clock_boot_ms();
	for (uint32_t i = 0; i < HOOKRUN_MAX; i++)
		start_on(&w, i, -1);
	assert_int_equal(hookrun_start(w.runs, &s, &e), ERR_BUSY);
	for (uint32_t i = 0; i < HOOKRUN_MAX; i++)
		assert_true(result_of(&w).ok);
	assert_true(clock_boot_ms() - began < HOOKRUN_MAX * 500);
	assert_int_equal(hookrun_start(w.runs, &s, &e), 0);
	assert_int_equal(result_of(&w).id, 99);
	world_close(&w);
}

static void what_is_not_in_the_snapshot_is_not_run(void **state)
{
	struct hookrun_start s = { .id = 1, .hook = 1, .in = -1, .call = call };
	struct world w;
	struct err e;

	(void)state;
	world_open(&w);
	add_sh(&w, "h", "exit 0", 30);
	world_start(&w);
	assert_int_equal(hookrun_start(w.runs, &s, &e), ERR_PROTO);
	s.hook = SPEC_NOBODY;
	assert_int_equal(hookrun_start(w.runs, &s, &e), ERR_PROTO);
	s.hook = 0;
	s.test = true; /* it has none */
	assert_int_equal(hookrun_start(w.runs, &s, &e), ERR_PROTO);
	assert_true(hookruns_idle(w.runs));
	world_close(&w);
}

static void a_run_outlives_its_snapshot(void **state)
{
	struct hookrun_result r;
	struct world w, next;

	(void)state;
	world_open(&w);
	world_open(&next);
	add_sh(&w, "h", "sleep 0.2; echo still here; exit 5", 30);
	add_sh(&w, "gone", "sleep 0.4; exit 6", 30);
	add_sh(&next, "new", "exit 0", 30);
	add_sh(&next, "h", "exit 0", 30);
	world_start(&w);
	world_start(&next);
	start_on(&w, 0, -1);
	start_on(&w, 1, -1);
	hookruns_use(w.runs, &next.spec);
	spec_done(&w.spec);
	w.spec = (struct spec){ 0 };
	r = result_of(&w);
	assert_int_equal(r.hook, 1); /* as the new one numbers it */
	assert_string_equal(r.text, "exited with 5: still here");
	assert_int_equal(result_of(&w).hook, SPEC_NOBODY);
	world_close(&w);
	world_close(&next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_end_is_told),
		cmocka_unit_test(what_hangs_and_ignores_term_is_killed),
		cmocka_unit_test(what_heeds_term_has_time_to_clean_up),
		cmocka_unit_test(what_is_no_program_says_so),
		cmocka_unit_test(a_flood_is_cut_and_drained),
		cmocka_unit_test(short_lines_are_counted_too),
		cmocka_unit_test(lines_go_to_the_log),
		cmocka_unit_test(a_stray_is_left_alone_after_a_good_end),
		cmocka_unit_test(strays_are_killed_when_the_time_is_over),
		cmocka_unit_test(a_role_is_neither_killed_nor_reaped),
		cmocka_unit_test(freeing_ends_everything),
		cmocka_unit_test(a_hook_has_its_own_descriptors_signals_and_place),
		cmocka_unit_test(a_hook_has_the_table_as_its_environment),
		cmocka_unit_test(a_document_arrives_whole_at_each_hook),
		cmocka_unit_test(odd_arguments_arrive_as_they_are),
		cmocka_unit_test(a_long_value_arrives),
		cmocka_unit_test(a_value_that_must_not_be_is_a_result),
		cmocka_unit_test(a_hook_runs_as_its_user),
		cmocka_unit_test(a_hook_that_runs_is_joined),
		cmocka_unit_test(sixteen_run_at_once_and_no_more),
		cmocka_unit_test(what_is_not_in_the_snapshot_is_not_run),
		cmocka_unit_test(a_run_outlives_its_snapshot),
	};

	return cmocka_run_group_tests_name("hookrun", tests, NULL, NULL);
}
