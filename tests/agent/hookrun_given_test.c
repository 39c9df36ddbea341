/* hookrun: a hook is given what the contract lists, whole, and nothing else. */
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "tests/agent/hook_world.h"

#define OTHER_UID 65534

/* (glibc keeps its signals 32 and 33 ignored in all that posix_spawn() started: make's
 * children, and no one can change it.) */
static void a_hook_has_its_own_descriptors_signals_and_place(void **state)
{
	static const char script[] =
	    "[ \"$(ls /proc/self/fd | tr '\\n' ' ')\" = '0 1 2 3 ' ] || exit 11\n"
	    "[ -z \"$EVERLEAF_TEST_SECRET\" ] || exit 12\n"
	    "[ \"$(pwd)\" = / ] || exit 13\n"
	    "[ \"$(umask)\" = 0022 ] || exit 14\n"
	    "[ \"$(ulimit -c)\" = 0 ] || exit 15\n"
	    "grep -qE 'SigIgn:.0*(180000000)?$' /proc/self/status || exit 16\n"
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
	/* Nobody waits for the end of what has not begun. */
	assert_true(hookrun_wake_ms(w.runs) <= clock_awake_ms());
	assert_true(hookrun_done(w.runs, &r));
	assert_true(hookrun_wake_ms(w.runs) == INT64_MAX);
	assert_int_equal(r.id, 5);
	assert_false(r.ok);
	assert_string_equal(r.text, "not started: EVERLEAF_ERROR: has a control byte");
	world_close(&w);
}

/* In a child. */
static void run_where_pipes_are_waited_for(void)
{
	const struct scmp_arg_cmp flags = { 1, SCMP_CMP_EQ, F_SETFL, 0 };
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	struct hookrun_result r;
	struct world w;

	world_open(&w);
	add_sh(&w, "h", "exec sleep 3", 30);
	world_start(&w);
	seccomp_rule_add_array(f, SCMP_ACT_ERRNO(EIO), SCMP_SYS(fcntl), 1, &flags);
	if (seccomp_load(f) < 0)
		_exit(77);
	r = run(&w, 0);
	printf("%s\n", r.text);
	fflush(stdout);
	world_close(&w);
	_exit(r.ok ||
	      strcmp(r.text, "not started: a pipe that is read without waiting: "
			     "Input/output error") != 0);
}

/* Its output would be waited for, and nothing else heard: neither its time nor a signal. */
static void a_hook_whose_output_would_be_waited_for_is_not_started(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		run_where_pipes_are_waited_for();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
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

static void a_host_that_is_asleep_takes_no_time_from_a_hook(void **state)
{
	struct hookrun_result r;
	struct world w;

	(void)state;
	world_open(&w);
	add_sh(&w, "h", "sleep 0.3", 30);
	world_start(&w);
	start_on(&w, 0, -1);
	clock_fake_sleep(8 * 3600 * 1000);
	r = result_of(&w);
	clock_fake_sleep(0);
	assert_string_equal(r.text, "");
	assert_true(r.ok && r.ms < 30000);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hook_has_its_own_descriptors_signals_and_place),
		cmocka_unit_test(a_hook_has_the_table_as_its_environment),
		cmocka_unit_test(a_document_arrives_whole_at_each_hook),
		cmocka_unit_test(odd_arguments_arrive_as_they_are),
		cmocka_unit_test(a_long_value_arrives),
		cmocka_unit_test(a_value_that_must_not_be_is_a_result),
		cmocka_unit_test(
		    a_hook_whose_output_would_be_waited_for_is_not_started),
		cmocka_unit_test(a_hook_runs_as_its_user),
		cmocka_unit_test(a_host_that_is_asleep_takes_no_time_from_a_hook),
	};

	return cmocka_run_group_tests_name("hookrun_given", tests, NULL, NULL);
}
