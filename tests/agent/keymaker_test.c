/* keymaker: a key from a child that has nothing else and outlives nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "agent/keeper/keymaker.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/help/inside.h"

static EVP_PKEY *take(struct child *k)
{
	EVP_PKEY *key = NULL;
	struct err e;

	if (keymaker_take(k, &key, &e) < 0)
		fail_msg("%s", e.text);
	return key;
}

/* All children of this test have ended and are waited for. */
static void expect_no_child(void)
{
	assert_int_equal(waitpid(-1, NULL, 0), -1);
	assert_int_equal(errno, ECHILD);
}

static void every_key_is_another(void **state)
{
	AUTO_KEY EVP_PKEY *one = NULL;
	AUTO_KEY EVP_PKEY *two = NULL;
	AUTO_KEY EVP_PKEY *own = NULL;
	struct child first, second;
	struct err e;

	(void)state;
	assert_int_equal(keymaker_start(KEY_RSA_2048, &first, &e), 0);
	assert_int_equal(keymaker_start(KEY_RSA_2048, &second, &e), 0);
	assert_int_equal(key_make(KEY_RSA_2048, &own, &e), 0);
	one = take(&first);
	two = take(&second);
	assert_int_equal(key_type_of(one), KEY_RSA_2048);
	assert_int_equal(key_type_of(two), KEY_RSA_2048);
	assert_false(key_same_public(one, two));
	assert_false(key_same_public(one, own));
	assert_false(key_same_public(two, own));
	expect_no_child();
}

static void makes_a_key(const char *arg)
{
	EVP_PKEY *key = NULL;
	struct child k;
	struct err e;

	(void)arg;
	NEED(keymaker_most() >= 1);
	NEED(keymaker_start(KEY_RSA_2048, &k, &e) == 0);
	NEED(keymaker_take(&k, &key, &e) == 0);
	NEED(key_type_of(key) == KEY_RSA_2048);
	EVP_PKEY_free(key);
}

static void the_sandbox_of_the_keeper_lets_it(void **state)
{
	const struct sandbox box = inside_box(SANDBOX_KEEPER, NULL, 0);

	(void)state;
	inside_run(&box, makes_a_key, NULL);
}

/* -- the child, looked at from outside -- */

static pid_t child_of(pid_t parent)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/task/%d/children", parent, parent);
	FILE *f = fopen(path, "re");
	int pid = 0;

	assert_non_null(f);
	if (fscanf(f, "%d", &pid) != 1)
		pid = 0;
	fclose(f);
	return pid;
}

static unsigned n_open(pid_t pid)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/fd", pid);
	AUTO_DIR DIR *d = opendir(path);
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	return n - 2;
}

/* Until `pid` has let go of what it came with. */
static bool comes_down_to_one(pid_t pid)
{
	int64_t until = clock_boot_ms() + 10000;

	while (n_open(pid) != 1 && clock_boot_ms() < until)
		poll(NULL, 0, 1);
	return n_open(pid) == 1;
}

static void a_child_has_the_pipe_and_nothing_else(void **state)
{
	EVP_PKEY *key = NULL;
	struct child k;
	struct err e;

	(void)state;
	assert_int_equal(keymaker_start(KEY_RSA_4096, &k, &e), 0);
	assert_int_equal(k.pid, child_of(getpid()));
	assert_true(comes_down_to_one(k.pid));
	kill(k.pid, SIGKILL);
	assert_int_equal(keymaker_take(&k, &key, &e), ERR_SYS);
}

static void a_child_that_dies_is_a_key_that_failed(void **state)
{
	EVP_PKEY *key = NULL;
	struct child k;
	struct err e;

	(void)state;
	assert_int_equal(keymaker_start(KEY_RSA_4096, &k, &e), 0);
	kill(k.pid, SIGKILL);
	assert_int_equal(keymaker_take(&k, &key, &e), ERR_SYS);
	assert_non_null(strstr(e.text, "ended too soon"));
	assert_null(key);
	expect_no_child();
}

/* Two steps up: this test, the parent that is killed, its child. */
static void a_child_does_not_outlive_its_parent(void **state)
{
	struct pollfd end = { .events = POLLIN }, gone = end;
	int alive[2];
	pid_t parent;
	pid_t child = 0;
	char byte;

	(void)state;
	/* The write end is in both of them until they let go of it or end. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, alive), 0);
	parent = fork();
	if (parent == 0) {
		struct child k;
		struct err e;

		close(alive[0]);
		if (keymaker_start(KEY_RSA_4096, &k, &e) == 0 &&
		    write(alive[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(alive[1]);
	assert_int_equal(read(alive[0], &byte, 1), 1);
	child = child_of(parent);
	assert_true(child > 0);
	assert_true(comes_down_to_one(child)); /* so the limit on it is set, too */
	end.fd = alive[0];
	gone.fd = pidfd_open(child, 0);
	kill(parent, SIGKILL);
	waitpid(parent, NULL, 0);
	assert_int_equal(poll(&end, 1, 10000), 1);
	assert_int_equal(poll(&gone, 1, 10000), 1);
	close(gone.fd);
	close(alive[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_is_another),
		cmocka_unit_test(the_sandbox_of_the_keeper_lets_it),
		cmocka_unit_test(a_child_has_the_pipe_and_nothing_else),
		cmocka_unit_test(a_child_that_dies_is_a_key_that_failed),
		cmocka_unit_test(a_child_does_not_outlive_its_parent),
	};

	return cmocka_run_group_tests_name("keymaker", tests, NULL, NULL);
}
