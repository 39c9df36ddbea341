/*
 * super: the supervisor as it is, with roles that do not behave.
 *
 * The supervisor finds the programs of the roles beside its own: here all are this test,
 * which plays what it is called. What to play is the first name of the request.
 */
#include <poll.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/role/roles.h"
#include "agent/super/super.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "hooks/dialect.h"
#include "hooks/env.h"
#include "tests/help/alone.h"
#include "tests/scratch.h"

#define PAST   (MESSAGES + 5)
#define TWO_32 (UINT64_C(1) << 32)

#define PLAYED_WELL 40 /* exit status of the agent, and so of the supervisor */

/* -- in the roles -- */

static void ended(const char *what)
{
	dprintf(STDERR_FILENO, "unexpected: %s\n", what);
	_exit(1);
}

/* Send m, take its answer; it must be a refusal that holds `said`. */
static void refused(struct msg *m, const char *said)
{
	static uint32_t id;
	uint32_t type = m->type;
	struct err e;

	m->id = ++id;
	if (msg_send(ROLE_FD_SUPERVISOR, m, &e) < 0 ||
	    msg_recv(ROLE_FD_SUPERVISOR, m, &e) < 0)
		ended(e.text);
	if (m->type != MSG_FAILED || m->id != id) {
		dprintf(STDERR_FILENO, "message %u was answered with %u\n", type,
			m->type);
		_exit(1);
	}
	msg_get_err(m, &e);
	if (strstr(e.text, said) != NULL)
		return;
	dprintf(STDERR_FILENO, "message %u: \"%s\", expected \"%s\"\n", type, e.text,
		said);
	_exit(1);
}

/* Every message there is, with a field that none begins with. */
static void all_refused(const uint32_t *listed, size_t n)
{
	AUTO_MSG struct msg m = MSG_NONE;

	for (uint32_t type = 0; type < PAST; type++) {
		const char *said = "is not allowed here";

		for (size_t i = 0; i < n; i++)
			if (listed[i] == type)
				said = "has the wrong fields";
		msg_begin(&m, type, 0);
		msg_put_bytes(&m, "x", 1);
		refused(&m, said);
	}
}

static void put_hook(struct msg *m, uint64_t hook, size_t n_values)
{
	msg_begin(m, SUP_HOOK, 0);
	msg_put_u64(m, hook);
	msg_put_u64(m, 0);
	msg_put_str(m, "installed");
	msg_put_u64(m, 1);
	msg_put_str(m, "www");
	for (size_t i = 0; i < n_values; i++)
		msg_put_str(m, "");
}

static void play_everything(void)
{
	static const uint32_t listed[] = { SUP_HOOK,  SUP_PROGRAM,   SUP_WORKER,
					   SUP_PROBE, SUP_REACH,     SUP_READY,
					   SUP_ASKED, SUP_RESPONDER, SUP_ENROL };

	all_refused(listed, sizeof(listed) / sizeof(*listed));
}

static void play_wrong_hooks(void)
{
	static const uint64_t beyond[] = { 1, TWO_32, TWO_32 + 1, UINT64_MAX };
	AUTO_MSG struct msg m = MSG_NONE;

	for (size_t i = 0; i < 4; i++) {
		put_hook(&m, beyond[i], HOOK_VALUES);
		refused(&m, "there is no hook");
	}
	put_hook(&m, 0, HOOK_VALUES - 1);
	refused(&m, "has the wrong fields");
	put_hook(&m, 0, HOOK_VALUES + 1);
	refused(&m, "has the wrong fields");
}

static void play_wrong_programs(void)
{
	static const struct {
		uint64_t challenge, step, n;
		const char *said;
	} wrong[] = {
		{ 0, 0, 0, "no program shows challenge 0" },
		{ TWO_32 - 1, 0, 0, "no program shows challenge" },
		{ TWO_32, 0, 0, "no call of a program" },
		{ 0, DIALECT_STEPS, 0, "no call of a program" },
		{ 0, 0, LIMIT_IDS + 1, "no call of a program" },
		{ 0, 0, 1, "has the wrong fields" },
	};
	AUTO_MSG struct msg m = MSG_NONE;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		msg_begin(&m, SUP_PROGRAM, 0);
		msg_put_u64(&m, wrong[i].challenge);
		msg_put_u64(&m, wrong[i].step);
		msg_put_str(&m, "www");
		msg_put_str(&m, "example.org");
		msg_put_u64(&m, 0);
		msg_put_u64(&m, wrong[i].n);
		refused(&m, wrong[i].said);
	}
}

static void play_wrong_enrols(void)
{
	static const struct {
		uint64_t issuer, cert;
		bool whole;
		const char *said;
	} wrong[] = {
		{ UINT64_MAX, 0, true, "no such issuer" },
		{ TWO_32, 0, true, "no such issuer" },
		{ 0, UINT64_MAX, true, "no such issuer or certificate" },
		{ 0, 0, false, "has the wrong fields" },
	};
	AUTO_MSG struct msg m = MSG_NONE;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		msg_begin(&m, SUP_ENROL, 0);
		msg_put_u64(&m, wrong[i].issuer);
		msg_put_u64(&m, wrong[i].cert);
		msg_put_str(&m, "missing");
		msg_put_str(&m, "request");
		msg_put_str(&m, "");
		msg_put_u64(&m, 0);
		msg_put_str(&m, "");
		if (wrong[i].whole)
			msg_put_bytes(&m, "", 0);
		refused(&m, wrong[i].said);
	}
}

/* The right one is run, and answered when it has ended. */
static void play_hook(void)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	put_hook(&m, 0, HOOK_VALUES);
	m.id = 7;
	if (msg_send(ROLE_FD_SUPERVISOR, &m, &e) < 0 ||
	    msg_recv(ROLE_FD_SUPERVISOR, &m, &e) < 0)
		ended(e.text);
	if (m.type != SUP_HOOK || m.id != 7 || msg_get_u64(&m) != 1)
		ended("no result of the hook");
}

static void expect_closed(void)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	if (msg_recv(ROLE_FD_SUPERVISOR, &m, &e) == 0)
		ended("an answer");
	if (e.code != ERR_NET)
		ended(e.text);
}

static void play_junk(void)
{
	if (send(ROLE_FD_SUPERVISOR, "junk", 4, 0) != 4)
		ended("send");
	expect_closed();
}

/* The keeper does what it may not; it tells us when it has been shut out. */
static void play_listen_to_keeper(void)
{
	char byte;

	if (recv(ROLE_FD_PEER, &byte, 1, 0) != 1)
		ended("the keeper said nothing");
}

static int play_agent(void)
{
	static const struct {
		const char *name;
		void (*play)(void);
	} plays[] = {
		{ "everything", play_everything },
		{ "wrong-hooks", play_wrong_hooks },
		{ "wrong-programs", play_wrong_programs },
		{ "wrong-enrols", play_wrong_enrols },
		{ "hook", play_hook },
		{ "junk", play_junk },
		{ "keeper-asks", play_listen_to_keeper },
	};
	struct role_start s;
	struct err e;
	int status;

	if (role_begin(ROLE_AGENT, &s, &e) < 0)
		ended(e.text);
	for (size_t i = 0; i < sizeof(plays) / sizeof(*plays); i++)
		if (strcmp(s.request.names[0], plays[i].name) == 0)
			plays[i].play();
	status = strcmp(s.request.names[0], "done") == 0 ? EXIT_SUCCESS : PLAYED_WELL;
	role_end(&s);
	return status;
}

static int play_keeper(void)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct role_start s;
	struct err e;

	if (role_begin(ROLE_KEEPER, &s, &e) < 0)
		ended(e.text);
	if (strcmp(s.request.names[0], "keeper-asks") == 0) {
		msg_begin(&m, SUP_WORKER, 1);
		if (msg_send(ROLE_FD_SUPERVISOR, &m, &e) < 0)
			ended(e.text);
	}
	expect_closed();
	(void)send(ROLE_FD_PEER, "x", 1, MSG_NOSIGNAL);
	role_end(&s);
	return 0;
}

/* -- a config role of ours -- */

static void play_config_everything(void)
{
	static const uint32_t listed[] = { CONFIG_INCLUDE, CONFIG_USER,  CONFIG_GROUP,
					   CONFIG_LOOK,    CONFIG_REACH, CONFIG_CSR,
					   CONFIG_DONE };

	all_refused(listed, sizeof(listed) / sizeof(*listed));
}

static void play_config_names(void)
{
	static const char *const names[] = { "",   "no such one", "4294967295",
					     "-1", "4294967296",  "../root" };
	AUTO_MSG struct msg m = MSG_NONE;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		msg_begin(&m, CONFIG_USER, 0);
		msg_put_str(&m, names[i]);
		refused(&m, "no such user");
		msg_begin(&m, CONFIG_GROUP, 0);
		msg_put_str(&m, names[i]);
		refused(&m, "no such group");
	}
}

/* A snapshot that could be changed afterwards. */
static void play_config_unsealed(void)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	msg_begin(&m, CONFIG_DONE, 0);
	m.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (msg_send(ROLE_FD_SUPERVISOR, &m, &e) < 0)
		ended(e.text);
	expect_closed();
}

static int play_config(void)
{
	static char start[LIMIT_MSG];
	ssize_t n = recv(ROLE_FD_SUPERVISOR, start, sizeof(start), MSG_PEEK);
	struct role_start s;
	struct err e;

	if (n <= 0 || memmem(start, (size_t)n, "config-", 7) == NULL)
		return config_role(); /* the real one */
	if (role_begin(ROLE_CONFIG, &s, &e) < 0)
		ended(e.text);
	if (strcmp(s.request.names[0], "config-everything") == 0)
		play_config_everything();
	else if (strcmp(s.request.names[0], "config-names") == 0)
		play_config_names();
	else if (strcmp(s.request.names[0], "config-unsealed") == 0)
		play_config_unsealed();
	dprintf(STDERR_FILENO, "played well\n");
	role_end(&s);
	return EXIT_USAGE;
}

/* -- an inspect role of ours, for `check` -- */

static int play_lint(void)
{
	static const uint32_t listed[] = { CONFIG_USER, CONFIG_GROUP, CONFIG_REACH,
					   LINT_FILE };
	static const char *const odd[] = { "/dev/null", "/" };
	AUTO_MSG struct msg m = MSG_NONE;
	struct role_start s;
	struct err e;

	if (role_begin(ROLE_INSPECT, &s, &e) < 0)
		ended(e.text);
	all_refused(listed, sizeof(listed) / sizeof(*listed));
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		msg_begin(&m, LINT_FILE, 0);
		msg_put_str(&m, odd[i]);
		msg_put_u64(&m, 0);
		refused(&m, "it is not a regular file");
	}
	dprintf(STDERR_FILENO, "played well\n");
	role_end(&s);
	return PLAYED_WELL;
}

static int play(const char *role)
{
	if (strcmp(role, "inspect") == 0)
		return play_lint();
	if (strcmp(role, "config") == 0)
		return play_config();
	if (strcmp(role, "keeper") == 0)
		return play_keeper();
	return strcmp(role, "agent") == 0 ? play_agent() : 1;
}

/* -- in the test -- */

static const char *said_by_all(const struct scratch *s)
{
	static char said[16384];
	AUTO_FD int fd = openat(s->fd, "said", O_RDONLY | O_CLOEXEC);

	said[0] = '\0';
	if (fd >= 0)
		alone_hear(fd, said, sizeof(said));
	return said;
}

/* bin/everleaf and all roles: this test. */
static void put_programs(const struct scratch *s)
{
	AUTO_FREE char *folder = xasprintf("%s/bin", s->path);
	AUTO_FREE char *program = xasprintf("%s/everleaf", folder);
	AUTO_FD int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	AUTO_FD int to = -1;

	assert_int_equal(mkdir(folder, 0755), 0);
	to = open(program, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	while (sendfile(to, from, NULL, 1 << 30) > 0)
		;
	for (enum role role = 0; role < ROLES; role++) {
		AUTO_FREE char *path = xasprintf(ROLE_PROGRAM, folder, role_name(role));

		assert_int_equal(symlink("everleaf", path), 0);
	}
}

static int play_supervisor(const char *name, const char *path)
{
	const struct request r = {
		.command = strcmp(name, "lint") == 0   ? COMMAND_CHECK
			   : strcmp(name, "done") == 0 ? COMMAND_AGENT
						       : COMMAND_RENEW,
		.names = &name,
		.n_names = 1,
	};

	return supervise(&r, path);
}

/* The supervisor's exit status with roles that play `name`. */
static int run(const struct scratch *s, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/everleaf.conf", s->path);
	AUTO_FREE char *text = xasprintf(
	    "state_dir = \"%s/state\";\nruntime_dir = \"%s/run\";\n%s"
	    "hooks = ( { name = \"h\"; run = [ \"/bin/true\" ]; } );\n"
	    "certificates = ( { name = \"www\"; names = \"www.example\"; issuer = "
	    "\"local\"; hooks = \"h\"; } );\n%s",
	    s->path, s->path,
	    geteuid() != 0 ? ""
			   : "users = { agent = \"61001\"; keeper = \"61002\"; network "
			     "= \"61003\"; };\n",
	    strcmp(name, "lint") == 0 ? "crls = ( { name = \"c\"; url = \"http://a/\"; "
					"ca = \"/proc/self/exe\"; } );\n"
				      : "");
	AUTO_FREE char *program = xasprintf("%s/bin/everleaf", s->path);
	pid_t pid;

	assert_int_equal(fchmod(s->fd, 0755), 0); /* the roles are other users */
	put_programs(s);
	scratch_put(s, "everleaf.conf", text);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int out = openat(s->fd, "said", O_WRONLY | O_CREAT | O_APPEND, 0600);

		dup2(out, STDERR_FILENO);
		dup2(out, STDOUT_FILENO);
		execl(program, "everleaf", name, path, (char *)NULL);
		_exit(126);
	}
	return alone_wait(pid, 30000);
}

static void plays_well(void **state, const char *name)
{
	int status = run(*state, name);

	if (status != PLAYED_WELL)
		fail_msg("%s: status %d\n%s", name, status, said_by_all(*state));
}

static void an_agent_may_ask_for_hooks_and_workers_and_nothing_else(void **state)
{
	plays_well(state, "everything");
}

static void a_hook_that_is_not_in_the_snapshot_is_refused(void **state)
{
	plays_well(state, "wrong-hooks");
}

static void a_program_that_shows_no_challenge_is_refused(void **state)
{
	plays_well(state, "wrong-programs");
}

static void a_program_that_gets_no_certificate_is_refused(void **state)
{
	plays_well(state, "wrong-enrols");
}

static void a_hook_by_its_number_is_run(void **state)
{
	plays_well(state, "hook");
}

static void what_is_no_message_closes_the_connection(void **state)
{
	plays_well(state, "junk");
	assert_non_null(strstr(said_by_all(*state), "its connection is closed"));
}

static void a_keeper_that_asks_for_anything_is_shut_out(void **state)
{
	plays_well(state, "keeper-asks");
	assert_non_null(strstr(said_by_all(*state), "the keeper may ask nothing"));
}

/* The supervisor takes no step without a snapshot. */
static void config_plays_well(void **state, const char *name)
{
	const struct scratch *s = *state;
	int status = run(s, name);

	if (status != EXIT_USAGE || strstr(said_by_all(s), "played well") == NULL)
		fail_msg("%s: status %d\n%s", name, status, said_by_all(s));
	assert_false(scratch_has(s, "state"));
}

static void a_config_role_may_ask_what_is_listed_and_nothing_else(void **state)
{
	config_plays_well(state, "config-everything");
}

static void users_and_groups_that_are_not_there_are_refused(void **state)
{
	config_plays_well(state, "config-names");
}

static void a_snapshot_that_is_not_sealed_is_no_snapshot(void **state)
{
	config_plays_well(state, "config-unsealed");
}

/* Who looks at the configuration of others has no say in ours; that it was not looked at is
 * no silence. */
static void who_looks_at_servers_may_ask_what_is_listed_and_nothing_else(void **state)
{
	const struct scratch *s = *state;
	const int status = run(s, "lint");
	const char *said = said_by_all(s);

	if (status != EXIT_FAILURE || strstr(said, "played well") == NULL ||
	    strstr(said, "the configuration of servers: who reads it has ended") ==
		NULL)
		fail_msg("status %d\n%s", status, said);
}

/* It would be believed to have been stopped, and nobody would start it again. */
static void a_daemon_whose_agent_ends_unasked_starts_it_again(void **state)
{
	const struct scratch *s = *state;
	const int status = run(s, "done");
	const char *said = said_by_all(s);

	if (status != EXIT_FAILURE ||
	    strstr(said, "starting again from disk") == NULL ||
	    strstr(said, "giving up") == NULL)
		fail_msg("status %d\n%s", status, said);
}

int main(int argc, char **argv)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, scratch_in, scratch_out)
	const struct CMUnitTest tests[] = {
		CASE(an_agent_may_ask_for_hooks_and_workers_and_nothing_else),
		CASE(a_hook_that_is_not_in_the_snapshot_is_refused),
		CASE(a_program_that_shows_no_challenge_is_refused),
		CASE(a_program_that_gets_no_certificate_is_refused),
		CASE(a_hook_by_its_number_is_run),
		CASE(what_is_no_message_closes_the_connection),
		CASE(a_keeper_that_asks_for_anything_is_shut_out),
		CASE(a_config_role_may_ask_what_is_listed_and_nothing_else),
		CASE(users_and_groups_that_are_not_there_are_refused),
		CASE(a_snapshot_that_is_not_sealed_is_no_snapshot),
		CASE(who_looks_at_servers_may_ask_what_is_listed_and_nothing_else),
		CASE(a_daemon_whose_agent_ends_unasked_starts_it_again),
	};

	if (argc == 3)
		return play_supervisor(argv[1], argv[2]);
	if (strncmp(argv[0], "everleaf-", 9) == 0)
		return play(argv[0] + 9);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("super", tests, NULL, NULL);
}
