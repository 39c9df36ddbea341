/*
 * hostile/super: the supervisor as it is, and an agent that somebody has taken over. Each
 * message there is for it is sent as it should be, and with its fields changed (mutant.h).
 * It answers each, or closes the connection and says why; no program runs but those of the
 * configuration, with their own arguments, names of variables that are known, and nothing
 * open that is not theirs; and nothing changes that is not its own.
 *
 * The supervisor finds the programs of roles beside its own: here all are this test, which
 * plays what it is called. So are the programs that the configuration names, and one that
 * it does not.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "agent/role/messages.h"
#include "agent/role/roles.h"
#include "agent/super/super.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "hooks/dialect.h"
#include "hooks/env.h"
#include "tests/help/alone.h"
#include "tests/help/hostile.h"
#include "tests/help/mutant.h"
#include "tests/scratch.h"

#define SAMPLE      4000
#define SESSION     4000
#define PLAYED_WELL 40 /* exit status of the agent, and so of the supervisor */
#define FENCE       0x80000000u
#define ARGUMENT    "an argument; $(id)"

/* -- programs of hooks -- */

/* The folder above that of this program. */
static char *home(void)
{
	char path[PATH_MAX];
	const ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (len <= 0)
		_exit(1);
	path[len] = '\0';
	*strrchr(path, '/') = '\0';
	*strrchr(path, '/') = '\0';
	return xstrdup(path);
}

static int note(const char *file, const char *text)
{
	AUTO_FREE char *top = home();
	AUTO_FREE char *path = xasprintf("%s/%s", top, file);
	AUTO_FD int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0
										 : 1;
}

static bool is_known(const char *variable)
{
	static const char *const names[] = { "PATH=",       "LANG=",    "HOME=",
					     "EVERLEAF_",   "RENEWED_", "CERTBOT_",
					     "ASAN_OPTIONS" };

	for (const char *c = variable; *c != '\0'; c++)
		if (((unsigned char)*c < ' ' && *c != '\n') || *c == 0x7f)
			return false;
	if (strncmp(variable, "PATH=", 5) == 0)
		return strcmp(variable + 5, HOOK_PATH) == 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strncmp(variable, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/* Besides its own and the folder that is being read. */
static int count_open(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir != NULL && readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n - 3; /* "." and "..", the folder */
}

static int play_hook(int argc, char **argv)
{
	bool is_right =
	    argc == 2 && strcmp(argv[1], ARGUMENT) == 0 && count_open() == 3;

	for (size_t i = 0; environ[i] != NULL; i++)
		is_right = is_right && is_known(environ[i]);
	return note("ran", is_right ? "ok\n" : "not as configured\n");
}

/* -- in the agent -- */

static void wrong(const struct mutant *u, const char *what)
{
	AUTO_FREE char *text = xasprintf("message %u: %s\n", u->type, what);

	(void)note("wrong", text);
	_exit(1);
}

static void put_hook(struct msg *m)
{
	msg_put_u64(m, 0);
	msg_put_u64(m, 0);
	msg_put_str(m, "installed");
	msg_put_u64(m, 1);
	msg_put_str(m, "www");
	for (size_t i = 0; i < HOOK_VALUES; i++)
		msg_put_str(m, "a value");
}

static void put_program(struct mutant *u, struct msg *m)
{
	msg_put_u64(m, 0);
	msg_put_u64(m, mutant_draw(u, DIALECT_STEPS));
	msg_put_str(m, "www");
	msg_put_str(m, "www.example");
	msg_put_u64(m, 0);
	msg_put_u64(m, 1);
	for (size_t i = 0; i < 5; i++)
		msg_put_str(m, i == 0 ? "www.example" : "text");
}

static void put_enrol(struct mutant *u, uint32_t issuer, struct msg *m)
{
	msg_put_u64(m, issuer);
	msg_put_u64(m, 0);
	msg_put_str(m, "missing");
	msg_put_str(m, "a request");
	msg_put_str(m, mutant_draw(u, 2) == 0 ? "" : "what is live");
	msg_put_u64(m, mutant_draw(u, 2));
	msg_put_str(m, "a handle");
}

static void put_asked(struct mutant *u, const struct spec *s, struct msg *m)
{
	static const uint32_t types[] = { SUP_HOOK,   SUP_PROGRAM, SUP_ENROL,
					  SUP_WORKER, SUP_PROBE,   SUP_REACH,
					  SUP_READY,  SUP_ASKED,   SUP_RESPONDER };
	const struct request r = { .command = COMMAND_RENEW };

	msg_begin(m, types[mutant_draw(u, 9)], 0);
	if (m->type == SUP_HOOK)
		put_hook(m);
	if (m->type == SUP_PROGRAM)
		put_program(u, m);
	if (m->type == SUP_ENROL)
		put_enrol(u, spec_issuer_called(s, "corp"), m);
	if (m->type == SUP_REACH || m->type == SUP_RESPONDER)
		msg_put_u64(m, 0);
	if (m->type == SUP_ASKED)
		request_put(m, &r);
}

/* False: the supervisor has closed the connection, as it may if that was no message. */
static bool hear(const struct mutant *u, uint32_t id, struct msg *m)
{
	struct err e;

	if (msg_recv(ROLE_FD_SUPERVISOR, m, &e) < 0) {
		if (e.code != ERR_NET || !u->is_none)
			wrong(u, e.text);
		return false;
	}
	if (m->id != id && m->id != (id | FENCE))
		wrong(u, "the answer is to another");
	if (m->type == MSG_FAILED) {
		msg_get_err(m, &e);
		if (msg_end(m, &(struct err){ 0 }) < 0 || e.text[0] == '\0')
			wrong(u, "it was refused without a reason");
	} else if (m->type != u->type) {
		wrong(u, "the answer is of another type");
	}
	return true;
}

/* To what may have no answer, which is none of a program that runs, the next one is waited
 * for, which always has one. */
static bool exchange(const struct mutant *u, uint32_t id)
{
	const bool may_be_silent = u->type == SUP_READY || u->type == SUP_ASKED;
	const uint32_t last = may_be_silent ? id | FENCE : id;
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	if (mutant_send(u, ROLE_FD_SUPERVISOR) < 0)
		wrong(u, "it is gone");
	if (may_be_silent) {
		msg_begin(&m, MSG_LATER, id | FENCE);
		if (msg_send(ROLE_FD_SUPERVISOR, &m, &e) < 0 && !u->is_none)
			wrong(u, e.text);
	}
	do
		if (!hear(u, id, &m))
			return false;
	while (m.id != last);
	return true;
}

static void play_agent(const struct role_start *s)
{
	AUTO_FREE char *top = home();
	AUTO_FREE char *evil = xasprintf("%s/bin/evil", top);
	AUTO_FREE char *path = xasprintf("PATH=%s/bin", top);
	const char *const words[] = { evil, path, "../bin/evil", "www", NULL };
	const uint32_t n = (uint32_t)strtoul(s->request.names[1], NULL, 10);
	struct mutant u;
	uint32_t id = 0;
	bool lives = true;

	mutant_begin(&u, strtoull(s->request.names[0], NULL, 10));
	u.words = words;
	while (lives && id < n) {
		AUTO_MSG struct msg m = MSG_NONE;

		put_asked(&u, &s->spec, &m);
		m.id = ++id;
		mutant_of(&u, &m);

		lives = exchange(&u, id);
		if (note("sent", ".") != 0)
			wrong(&u, "cannot be counted");
	}
	mutant_end(&u);
}

/* -- the roles -- */

static void until_closed(int fd)
{
	char part[256];

	while (recv(fd, part, sizeof(part), 0) > 0)
		;
}

static int play(const char *name)
{
	static const enum role roles[] = { ROLE_AGENT, ROLE_KEEPER };
	struct role_start s;
	struct err e;

	if (strcmp(name, "config") == 0)
		return config_role(); /* the real one */
	for (size_t i = 0; i < 2; i++) {
		if (strcmp(name, role_name(roles[i])) != 0)
			continue;
		if (role_begin(roles[i], &s, &e) < 0)
			return 1;
		if (roles[i] == ROLE_AGENT)
			play_agent(&s);
		else
			until_closed(ROLE_FD_SUPERVISOR);
		role_end(&s);
		return roles[i] == ROLE_AGENT ? PLAYED_WELL : 0;
	}
	until_closed(ROLE_FD_PEER); /* a worker, a probe */
	return 0;
}

static int play_supervisor(char **words)
{
	const char *names[] = { words[1], words[2] };
	const struct request r = { .command = COMMAND_RENEW,
				   .names = names,
				   .n_names = 2 };

	return supervise(&r, words[3]);
}

/* -- in the test -- */

static void copy_self(const char *to_path)
{
	AUTO_FD int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	AUTO_FD int to = open(to_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	while (sendfile(to, from, NULL, 1 << 30) > 0)
		;
}

static void put_programs(const struct scratch *s)
{
	static const char *const names[] = { "everleaf", "hook", "evil" };
	AUTO_FREE char *folder = xasprintf("%s/bin", s->path);

	assert_int_equal(mkdir(folder, 0755), 0);
	for (size_t i = 0; i < 3; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", folder, names[i]);

		copy_self(path);
	}
	for (enum role role = 0; role < ROLES; role++) {
		AUTO_FREE char *path = xasprintf(ROLE_PROGRAM, folder, role_name(role));

		assert_int_equal(symlink("everleaf", path), 0);
	}
}

static void put_config(const struct scratch *s)
{
	AUTO_FREE char *program =
	    xasprintf("[ \"%s/bin/hook\", \"" ARGUMENT "\" ]", s->path);
	AUTO_FREE char *text = xasprintf(
	    "state_dir = \"%s/state\";\nruntime_dir = \"%s/run\";\n%s"
	    "agree_terms = true;\n"
	    "hooks = ( { name = \"h\"; run = %s; } );\n"
	    "issuers = ( { name = \"corp\"; type = \"exec\"; program = %s; },\n"
	    " { name = \"far\"; type = \"acme\"; url = \"https://far.example/d\"; } "
	    ");\n"
	    "certificates = ( { name = \"www\"; names = \"www.example\"; issuer = "
	    "\"corp\"; hooks = \"h\"; },\n { name = \"x\"; names = \"x.example\"; "
	    "issuer ="
	    " \"far\"; challenge = { type = \"dns-01\"; hook = %s; }; } );\n",
	    s->path, s->path,
	    geteuid() != 0 ? ""
			   : "users = { agent = \"61001\"; keeper = \"61002\"; network "
			     "= \"61003\"; };\n",
	    program, program, program);

	scratch_put(s, "everleaf.conf", text);
}

static bool is_supervisors(const char *path)
{
	static const char *const own[] = { "state", "run",  "ran",
					   "said",  "sent", "wrong" };

	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++) {
		const size_t len = strlen(own[i]);

		if (strncmp(path, own[i], len) == 0 &&
		    (path[len] == '/' || path[len] == '\0'))
			return true;
	}
	return false;
}

/* All of a file; owned. */
static char *content(const struct scratch *s, const char *name)
{
	AUTO_FD int fd = openat(s->fd, name, O_RDONLY | O_CLOEXEC);
	struct buf text = { 0 };
	char part[4096];
	ssize_t n;

	while ((n = read(fd, part, sizeof(part))) > 0)
		buf_add(&text, part, (size_t)n);
	return buf_take(&text);
}

static int run(const struct scratch *s, uint64_t seed, uint32_t n)
{
	AUTO_FREE char *program = xasprintf("%s/bin/everleaf", s->path);
	AUTO_FREE char *config = xasprintf("%s/everleaf.conf", s->path);
	AUTO_FREE char *draws = xasprintf("%llu", (unsigned long long)seed);
	AUTO_FREE char *many = xasprintf("%u", n);
	const pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		int out = openat(s->fd, "said", O_WRONLY | O_CREAT | O_TRUNC, 0600);

		dup2(out, STDERR_FILENO);
		dup2(out, STDOUT_FILENO);
		execl(program, "everleaf", draws, many, config, (char *)NULL);
		_exit(126);
	}
	return alone_wait(pid, 600000);
}

static void only_what_is_configured_ran(const struct scratch *s, uint32_t *n)
{
	AUTO_FREE char *ran = content(s, "ran");
	const char *at = ran;

	for (*n = 0; strncmp(at, "ok\n", 3) == 0; at += 3)
		++*n;
	if (*at != '\0')
		fail_msg("what was not configured ran: %s", at);
	assert_true(*n > 0);
}

static void furnish(const struct scratch *s, struct buf *before)
{
	static const char *const files[] = { "ran", "sent", "wrong" };

	assert_int_equal(fchmod(s->fd, 0755), 0); /* the roles are other users */
	put_programs(s);
	put_config(s);
	scratch_put(s, "victim", "untouched");
	for (size_t i = 0; i < 3; i++) {
		scratch_put(s, files[i], "");
		assert_int_equal(fchmodat(s->fd, files[i], 0666, 0), 0);
	}
	hostile_look(s->path, is_supervisors, before);
}

static void a_supervisor_runs_what_is_configured_and_nothing_else(void **state)
{
	const struct scratch *s = *state;
	const uint32_t n = hostile_messages(SAMPLE);
	AUTO_BUF struct buf before = { 0 };
	uint32_t sent = 0, sessions = 0, hooks = 0;

	furnish(s, &before);
	while (sent < n) {
		const uint64_t seed = hostile_seed() * 1000003 + sessions++;
		const uint32_t most = n - sent < SESSION ? n - sent : SESSION;
		const int status = run(s, seed, most);
		AUTO_FREE char *said = content(s, "said");
		AUTO_FREE char *complaint = content(s, "wrong");
		AUTO_BUF struct buf after = { 0 };

		if (status != PLAYED_WELL || complaint[0] != '\0' ||
		    strstr(said, "Sanitizer") != NULL ||
		    strstr(said, "runtime error:") != NULL)
			fail_msg("seed %llu: status %d: %s\n%.4000s",
				 (unsigned long long)seed, status, complaint, said);
		sent = (uint32_t)scratch_stat(s, "sent").st_size;
		only_what_is_configured_ran(s, &hooks);
		hostile_look(s->path, is_supervisors, &after);
		assert_string_equal(after.data, before.data);
	}
	print_message("%u messages in %u sessions, %u programs run\n", sent, sessions,
		      hooks);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_supervisor_runs_what_is_configured_and_nothing_else, scratch_in,
		    scratch_out),
	};
	const char *name =
	    strrchr(argv[0], '/') == NULL ? argv[0] : strrchr(argv[0], '/') + 1;

	if (argc == 4)
		return play_supervisor(argv);
	if (strncmp(name, "everleaf-", 9) == 0)
		return play(name + 9);
	if (strcmp(name, "hook") == 0)
		return play_hook(argc, argv);
	if (strcmp(name, "evil") == 0)
		return note("ran", "the evil one\n");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("hostile supervisor", tests, NULL, NULL);
}
