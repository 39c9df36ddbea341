/* hookrun_stray: what a hook leaves behind ends with it if it must, and is reaped. */
#include <signal.h>
#include <sys/stat.h>

#include "agent/super/spawn.h"
#include "tests/agent/hook_world.h"

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
	assert_true(clock_boot_ms() - began < PATIENCE_MS);
	assert_int_equal(kill(stray, 0), -1);
}

/* Runs one hook, as the supervisor does, until it is killed itself. */
static void supervise(const void *arg)
{
	struct world *w = xcalloc(1, sizeof(*w));

	*w = *(const struct world *)arg;
	w->runs = hookruns_new(&w->spec);
	start_on(w, 0, -1);
	for (;;)
		turn(w);
}

static void a_hook_goes_on_when_the_supervisor_is_killed(void **state)
{
	AUTO_FREE char *script = NULL, *path = NULL;
	int64_t until = clock_boot_ms() + PATIENCE_MS;
	struct spawned supervisor;
	struct world w;
	struct stat st;
	struct err e;

	(void)state;
	world_open(&w);
	path = xasprintf("%s/pid", w.dir);
	script = xasprintf("echo $$ >%s; while [ -s %s ]; do sleep 0.02; done; rm %s",
			   path, path, path);
	add_sh(&w, "h", script, 600);
	world_start(&w);
	assert_int_equal(spawn(supervise, &w, &supervisor, &e), 0);
	while (stat(path, &st) != 0 || st.st_size == 0)
		assert_true(clock_boot_ms() < until);
	kill(supervisor.pid, SIGKILL);
	assert_int_equal(waitpid(supervisor.pid, NULL, 0), supervisor.pid);
	close(supervisor.pidfd);

	assert_return_code(truncate(path, 0), errno); /* it still looks, and ends */
	while (stat(path, &st) == 0)
		assert_true(clock_boot_ms() < until);
	while (waitpid(-1, NULL, 0) > 0) /* ours now: this test is a subreaper too */
		;
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stray_is_left_alone_after_a_good_end),
		cmocka_unit_test(strays_are_killed_when_the_time_is_over),
		cmocka_unit_test(a_role_is_neither_killed_nor_reaped),
		cmocka_unit_test(freeing_ends_everything),
		cmocka_unit_test(a_hook_goes_on_when_the_supervisor_is_killed),
	};

	return cmocka_run_group_tests_name("hookrun_stray", tests, NULL, NULL);
}
