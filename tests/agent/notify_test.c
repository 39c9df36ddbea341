/*
 * notify: what a service manager hears, on a socket as sd_notify(3) has it.
 */
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "agent/super/super.h"
#include "agent/super/super_daemon.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/mem.h"
#include "tests/help/tree.h"

#define HEARD 8192

struct manager {
	struct tree *tree;
	int fd;
	char *variable;    /* owned */
	char heard[HEARD]; /* all of it */
};

static void listen_as_manager(struct manager *m)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	const struct scratch *s = m->tree->scratch;

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%.80s/notify", s->path);
	m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(m->fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
	m->variable = xasprintf("NOTIFY_SOCKET=%s", sa.sun_path);
}

/* The agent with a manager that listens. */
static void begin(struct manager *m, struct tree *t)
{
	*m = (struct manager){ .tree = t };
	listen_as_manager(m);
	t->variables[0] = m->variable;
	tree_configure(t, "");
	scratch_put(t->scratch, "go", "");
	tree_start(t, (const char *const[]){ "agent", NULL });
}

static void hear(struct manager *m)
{
	size_t len = strlen(m->heard);
	ssize_t n;

	while ((n = recv(m->fd, m->heard + len, HEARD - 2 - len, 0)) > 0) {
		len += (size_t)n;
		m->heard[len++] = '\n';
		m->heard[len] = '\0';
	}
}

/* Where `words` begin, once they are said after `from`. */
static const char *until(struct manager *m, const char *from, const char *words)
{
	const size_t at = (size_t)(from - m->heard);

	for (int i = 0; i < 2000; i++) {
		const char *found;

		hear(m);
		found = strstr(m->heard + at, words);
		if (found != NULL)
			return found;
		poll(NULL, 0, 10);
	}
	fail_msg("never heard \"%s\", but:\n%s", words, m->heard);
	return NULL;
}

static void end(struct manager *m)
{
	kill(m->tree->pid, SIGTERM);
	assert_int_equal(tree_wait(m->tree, 20000), 0);
	until(m, m->heard, "STOPPING=1\n");
	close(m->fd);
	free(m->variable);
}

static void it_is_ready_when_it_decides_and_says_what_comes_next(void **state)
{
	struct manager m;

	begin(&m, *state);
	until(&m, m.heard, "READY=1\n");
	until(&m, m.heard, "STATUS=next: www at ");
	assert_null(strstr(m.heard, "WATCHDOG"));
	end(&m);
}

static void a_reload_is_announced_and_ends_when_the_next_one_decides(void **state)
{
	struct manager m;
	const char *at;

	begin(&m, *state);
	at = until(&m, m.heard, "STATUS=next: www at ");
	kill(m.tree->pid, SIGHUP);
	at = until(&m, at, "RELOADING=1\nMONOTONIC_USEC=");
	at = until(&m, at, "READY=1\n");
	scratch_put(m.tree->scratch, "everleaf.conf", "certificates = 7;\n");
	kill(m.tree->pid, SIGHUP);
	at = until(&m, at, "RELOADING=1\n");
	until(&m, at, "READY=1\nSTATUS=the new configuration is not valid");
	end(&m);
}

static void the_watchdog_is_fed_by_an_agent_that_decides_and_by_no_other(void **state)
{
	struct tree *t = *state;
	struct manager m;
	const char *at;
	int64_t until_ms;
	pid_t agent;

	t->variables[1] = "WATCHDOG_USEC=600000";
	begin(&m, t);
	at = until(&m, m.heard, "READY=1\n");
	for (int i = 0; i < 3; i++)
		at = until(&m, at + 1, "WATCHDOG=1\n");
	agent = tree_role(t, "agent", 0);
	kill(agent, SIGSTOP);
	until_ms = clock_boot_ms() + 20000;
	do { /* what was on its way */
		hear(&m);
		m.heard[0] = '\0';
		poll(NULL, 0, 800);
		hear(&m);
	} while (m.heard[0] != '\0' && clock_boot_ms() < until_ms);
	assert_string_equal(m.heard, "");
	kill(agent, SIGCONT);
	until(&m, m.heard, "WATCHDOG=1\n");
	end(&m);
}

/* It may take hours: a daemon that were killed for it would not get further the next time. */
static void the_watchdog_is_fed_as_long_as_what_a_person_has_asked_for_is_done(
    void **state)
{
	struct tree *t = *state;
	struct manager m;
	struct tree person;
	const char *at;

	t->variables[1] = "WATCHDOG_USEC=1500000";
	begin(&m, t);
	at = until(&m, m.heard, "STATUS=next: www at ");
	person = (struct tree){ .scratch = t->scratch };
	assert_int_equal(unlinkat(((const struct scratch *)t->scratch)->fd, "go", 0),
			 0);
	tree_start(&person, (const char *const[]){ "renew", "--force", "www", NULL });
	tree_until_hook(t, 2);
	for (int i = 0; i < 3; i++)
		at = until(&m, at + 1, "READY=1\nSTATUS=at work\n");
	tree_let_hook_end(t);
	assert_int_equal(tree_wait(&person, 20000), 0);
	end(&m);
}

/* Its watchdog stands still meanwhile, and so does the agent. */
static void a_host_that_was_asleep_has_a_watchdog_that_is_fed(void **state)
{
	const struct request agent = { .command = COMMAND_AGENT };
	struct super *s = test_calloc(1, sizeof(*s));
	struct manager m = { .tree = *state };

	s->request = &agent;
	s->msg = (struct msg)MSG_NONE;
	for (size_t i = 0; i < SUPER_PROCS; i++)
		s->procs[i] =
		    (struct super_proc){ .process = { .pidfd = -1 }, .sock = -1 };
	listen_as_manager(&m);
	setenv("NOTIFY_SOCKET", strchr(m.variable, '=') + 1, 1);
	setenv("WATCHDOG_USEC", "30000000", 1);
	super_notify_begin(s);
	super_alive(s, 20000);
	super_feed(s);
	hear(&m);
	assert_string_equal(m.heard, "WATCHDOG=1\n");
	clock_fake_sleep(8 * 3600 * 1000);
	s->feed_ms -= 10000; /* by now, awake */
	super_feed(s);
	hear(&m);
	assert_string_equal(m.heard, "WATCHDOG=1\nWATCHDOG=1\n");
	super_feed(s); /* it is not time */
	hear(&m);
	clock_fake_sleep(0);
	unsetenv("WATCHDOG_USEC");
	unsetenv("NOTIFY_SOCKET");
	assert_string_equal(m.heard, "WATCHDOG=1\nWATCHDOG=1\n");
	msg_done(&s->msg);
	close(m.fd);
	free(m.variable);
	test_free(s);
}

int main(void)
{
#define TREE(f) cmocka_unit_test_setup_teardown(f, tree_in, tree_out)
	const struct CMUnitTest tests[] = {
		TREE(it_is_ready_when_it_decides_and_says_what_comes_next),
		TREE(a_reload_is_announced_and_ends_when_the_next_one_decides),
		TREE(the_watchdog_is_fed_by_an_agent_that_decides_and_by_no_other),
		TREE(
		    the_watchdog_is_fed_as_long_as_what_a_person_has_asked_for_is_done),
		TREE(a_host_that_was_asleep_has_a_watchdog_that_is_fed),
	};

	return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
