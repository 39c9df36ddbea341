/*
 * usage: the command line as it is typed: what is wrong is said and nothing is touched,
 * and the exit status tells what a script must know.
 */
#include <signal.h>

#include "base/auto.h"
#include "base/mem.h"
#include "tests/help/alone.h"
#include "tests/help/tree.h"

#define WORDS(...) ((const char *[]){ __VA_ARGS__, NULL })

/* Run it on its own: what it says is about this run alone. */
static void expect(struct tree *t, const char *const *words, int status,
		   const char *said)
{
	const struct scratch *s = t->scratch;
	int got;

	(void)unlinkat(s->fd, "said", 0);
	got = tree_run(t, words);
	if (got != status || strstr(tree_said(t), said) == NULL)
		fail_msg("%s %s: status %d \"%s\", expected %d \"%s\"",
			 words[0] == NULL ? "" : words[0],
			 words[0] == NULL || words[1] == NULL ? "" : words[1], got,
			 tree_said(t), status, said);
}

static void wrong_usage_is_exit_2_and_a_line_that_helps(void **state)
{
	static const struct {
		const char *words[6];
		const char *said;
	} rows[] = {
		{ { NULL }, "usage: everleaf" },
		{ { "-x" }, "option" },
		{ { "--nonsense" }, "option" },
		{ { "nonsense" }, "there is no command \"nonsense\"" },
		{ { "role" }, "there is no command \"role\"" },
		{ { "renew", "--bogus" }, "unknown option --bogus; see everleaf help" },
		{ { "renew", "-f" }, "unknown option -f" },
		{ { "renew", "--wait" }, "--wait: found \"\", expected SPAN" },
		{ { "renew", "--wait", "soon" },
		  "--wait: found \"soon\", expected SPAN, such as 14d, 12h or 5m; see "
		  "everleaf "
		  "help" },
		{ { "renew", "--wait", "--force" }, "expected SPAN" },
		{ { "renew", "--force" }, "needs the names of certificates, or --all" },
		{ { "renew", "--all", "www" }, "either names or --all" },
		{ { "renew", "www", "--force", "--all" }, "either names or --all" },
		{ { "renew", "--days", "3" }, "unknown option --days" },
		{ { "renew", "-c", "/nowhere" },
		  "-c comes before the command: everleaf -c FILE renew" },
		{ { "status", "-q" },
		  "-q comes before the command: everleaf -q status" },
		{ { "plan", "-vq" }, "unknown option -vq" },
		{ { "plan", "www" }, "too many arguments" },
		{ { "plan", "--days", "-1" }, "expected N; see everleaf help plan" },
		{ { "plan", "--days", "1.5" }, "expected N; see everleaf help plan" },
		{ { "plan", "--days", "99999" }, "expected N; see everleaf help plan" },
		{ { "status", "--warn" }, "expected SPAN" },
		{ { "status", "--warn", "20d" }, "need --check" },
		{ { "status", "--check", "--warn=3d", "--crit=14d" },
		  "--warn is less than --crit" },
		{ { "status", "--force" }, "unknown option --force" },
		{ { "check", "www" }, "too many arguments" },
		{ { "agent", "www" }, "too many arguments" },
		{ { "rollback" }, "something is missing" },
		{ { "rollback", "www", "last" }, "not the number of a generation" },
		{ { "rollback", "www", "-1" }, "unknown option -1" },
		{ { "rollback", "www", "1", "2" }, "too many arguments" },
		{ { "forget" }, "something is missing" },
		{ { "forget", "a", "b" }, "too many arguments" },
		{ { "ca" }, "something is missing" },
		{ { "ca", "local" }, "something is missing" },
		{ { "ca", "local", "dance" }, "expected NAME init" },
		{ { "ca", "local", "init", "x" }, "expected NAME init" },
		{ { "ca", "local", "sign" }, "expected NAME init" },
		{ { "ca", "local", "sign", "/nowhere/r.csr" }, "/nowhere/r.csr" },
		{ { "ca", "local", "revoke" }, "expected NAME init" },
		{ { "ca", "local", "crl", "--reason", "11" }, "expected REASON" },
		{ { "revoke", "www", "--reason", "boredom" },
		  "(unspecified, keyCompromise," },
		{ { "help", "nonsense" }, "there is no command \"nonsense\"" },
		{ { "version", "x" }, "too many arguments" },
	};
	struct tree *t = *state;

	tree_configure(t, "");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		expect(t, rows[i].words, 2, rows[i].said);
	assert_false(scratch_has(t->scratch, "state"));
}

static void help_is_made_from_the_table_that_runs(void **state)
{
	static const char *const words[] = {
		"agent", "renew",   "status",   "plan", "check",    "history", "forget",
		"ca",    "version", "rollback", "help", "complete", "inspect"
	};
	struct tree *t = *state;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		AUTO_FREE char *usage = xasprintf("usage: everleaf %s", words[i]);
		AUTO_FREE char *row = xasprintf("\n  %s ", words[i]);

		expect(t, WORDS("help"), 0, row);
		expect(t, WORDS("help", words[i]), 0, usage);
	}
	expect(t, WORDS("help", "renew"), 0, "--dry-run");
	expect(t, WORDS("-h"), 0, "usage: everleaf");
	expect(t, WORDS("-h"), 0, "\nThese options come before the command");
	expect(t, WORDS("version"), 0, "everleaf ");
}

static void what_may_come_next_is_said(void **state)
{
	static const struct {
		const char *words[7];
		const char *said;
	} rows[] = {
		{ { NULL }, "" },
		{ { "ren" }, "renew\tdo what" },
		{ { "-q", "-v", "ren" }, "renew\tdo what" },
		{ { "-c" }, "" },
		{ { "-c", "" }, "<file>\n" },
		{ { "-c/nowhere", "ren" }, "renew\t" },
		{ { "-c", "/nowhere", "renew", "w" },
		  "/nowhere: No such file or directory: write it, as "
		  "everleaf.conf(5)" },
		{ { "renew", "--dr" }, "--dry-run\tsay" },
		{ { "renew", "--wait", "" }, "" },
		{ { "revoke", "www", "--reason", "k" }, "keyCompromise\t" },
		{ { "renew", "w" }, "www\t\n" },
		{ { "renew", "x", "--wait", "3m", "y", "w" }, "www\t\n" },
		{ { "rollback", "www", "" }, "" },
		{ { "ca", "l" }, "local\t\n" },
		{ { "ca", "local", "cr" }, "crl\t\n" },
		{ { "ca", "local", "sign", "" }, "<file>\n" },
		{ { "account", "letsencrypt-" }, "letsencrypt-staging\t\n" },
		{ { "account", "letsencrypt", "ro" }, "rollover\t\n" },
		{ { "help", "st" }, "status\t" },
		{ { "inspect", "" }, "<file>\n" },
		{ { "inspect", "a.pem", "b" }, "<file>\n" },
		{ { "inspect", "--password-file", "" }, "<file>\n" },
		{ { "nonsense", "w" }, "" },
	};
	struct tree *t = *state;

	tree_configure(t, "");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *words[8] = { "complete" };

		memcpy(words + 1, rows[i].words, sizeof(rows[i].words));
		expect(t, words, 0, rows[i].said);
		if (rows[i].said[0] == '\0')
			assert_string_equal(tree_said(t), "");
	}
	assert_false(scratch_has(t->scratch, "state"));
}

/* As other programs have it, first of all words. */
static void the_usual_options_are_the_commands_of_that_name(void **state)
{
	static const struct {
		const char *word;
		const char *said;
	} rows[] = {
		{ "--help", "usage: everleaf" },
		{ "--version", "everleaf " },
		{ "-h", "usage: everleaf" },
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char said[4096];
		int out[2];

		assert_int_equal(pipe2(out, O_CLOEXEC), 0);
		assert_int_equal(alone_wait(alone_exec(alone_program("everleaf"),
						       WORDS("everleaf", rows[i].word),
						       (const int[]){ -1, -1, -1, -1 },
						       out[1]),
					    10000),
				 0);
		close(out[1]);
		alone_hear(out[0], said, sizeof(said));
		close(out[0]);
		if (strstr(said, rows[i].said) == NULL)
			fail_msg("%s: \"%s\"", rows[i].word, said);
	}
}

/* -- the configuration file -- */

static void a_configuration_that_is_not_there_is_named(void **state)
{
	struct tree *t = *state;

	expect(t, WORDS("renew"), 2, "everleaf.conf: No such file or directory");
	expect(t, WORDS("status"), 2, "everleaf.conf: No such file or directory");
}

static void a_configuration_that_others_can_write_is_refused(void **state)
{
	static const mode_t modes[] = { 0664, 0646, 0666 };
	struct tree *t = *state;
	const struct scratch *s = t->scratch;

	tree_configure(t, "");
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(fchmodat(s->fd, "everleaf.conf", modes[i], 0), 0);
		expect(t, WORDS("renew"), 2, "others can write it");
	}
	assert_false(scratch_has(s, "state"));
}

static void a_configuration_that_is_no_file_is_refused(void **state)
{
	struct tree *t = *state;
	const struct scratch *s = t->scratch;

	scratch_mkdir(s, "everleaf.conf");
	expect(t, WORDS("renew"), 2, "not a regular file");
	assert_int_equal(unlinkat(s->fd, "everleaf.conf", AT_REMOVEDIR), 0);
	assert_int_equal(mkfifoat(s->fd, "everleaf.conf", 0600), 0);
	expect(t, WORDS("renew"), 2, "not a regular file");
}

static void the_configuration_of_someone_else_is_refused(void **state)
{
	struct tree *t = *state;
	const struct scratch *s = t->scratch;

	if (geteuid() != 0) {
		print_message("skipped: only root can give a file away\n");
		skip();
	}
	tree_configure(t, "");
	assert_int_equal(fchownat(s->fd, "everleaf.conf", TREE_USER, TREE_USER, 0), 0);
	expect(t, WORDS("renew"), 2, "it must be root's or yours");
	assert_false(scratch_has(s, "state"));
}

static void a_configuration_that_cannot_be_read_is_named(void **state)
{
	struct tree *t = *state;
	const struct scratch *s = t->scratch;

	if (geteuid() == 0 && !tree_drop(t))
		skip();
	tree_configure(t, "");
	assert_int_equal(fchmodat(s->fd, "everleaf.conf", 0, 0), 0);
	expect(t, WORDS("status"), 2, "everleaf.conf: Permission denied");
}

static void a_mistake_in_the_configuration_is_exit_2_with_its_line(void **state)
{
	struct tree *t = *state;

	scratch_put(t->scratch, "everleaf.conf", "\ncertificates = 7;\n");
	expect(t, WORDS("renew"), 2, "everleaf.conf:2: ");
	expect(t, WORDS("check"), 2, "everleaf.conf:2: ");
	expect(t, WORDS("status", "--check"), 2, "CRITICAL - ");
}

static void a_state_folder_that_cannot_be_made_is_named(void **state)
{
	struct tree *t = *state;
	const struct scratch *s = t->scratch;
	AUTO_FREE char *text = xasprintf(
	    "state_dir = \"%s/file/state\"; runtime_dir = \"/run/x\";\n"
	    "users = { agent = \"61001\"; keeper = \"61002\"; network = "
	    "\"61003\"; };\n"
	    "certificates = { names = \"www.example\"; issuer = \"local\"; };\n",
	    s->path);

	scratch_put(s, "file", "");
	assert_int_equal(fchmodat(s->fd, "file", 0755, 0), 0); /* not closed */
	scratch_put(s, "everleaf.conf", text);
	if (geteuid() != 0) {
		print_message("skipped: users cannot be set without root\n");
		skip();
	}
	expect(t, WORDS("renew"), 1, "/file");
}

/* -- exit statuses -- */

static void a_second_run_is_told_who_holds_the_lock(void **state)
{
	struct tree *t = *state;
	AUTO_FREE char *holder = NULL;
	pid_t first;

	tree_configure(t, "");
	tree_start(t, WORDS("renew"));
	tree_until_hook(t, 1);
	first = t->pid;
	holder = xasprintf("another run holds the lock (process %d)", first);
	expect(t, WORDS("renew"), 3, holder);
	expect(t, WORDS("rollback", "www"), 3, holder);
	expect(t, WORDS("forget", "www"), 3, holder);
	expect(t, WORDS("ca", "local", "crl"), 3, holder);
	/* What only looks need not wait. */
	expect(t, WORDS("status"), 0, "www");
	expect(t, WORDS("plan"), 0, "");
	expect(t, WORDS("history"), 0, "issued");
	expect(t, WORDS("check"), 0, "");
	expect(t, WORDS("renew", "--dry-run"), 0, "");
	tree_let_hook_end(t);
	t->pid = first;
	assert_int_equal(tree_wait(t, 20000), 0);
}

static void a_name_that_is_not_there_is_exit_4(void **state)
{
	struct tree *t = *state;

	tree_configure(t, "");
	tree_let_hook_end(t);
	expect(t, WORDS("renew"), 0, "");
	expect(t, WORDS("renew", "nobody"), 4, "nobody");
	expect(t, WORDS("renew", "www", "nobody"), 4, "nobody");
	expect(t, WORDS("renew", "--dry-run", "nobody"), 4, "nobody");
	expect(t, WORDS("status", "nobody"), 4, "nobody");
	expect(t, WORDS("status", "--check", "nobody"), 4, "UNKNOWN - nobody: ");
	expect(t, WORDS("history", "nobody"), 4, "nobody");
	expect(t, WORDS("rollback", "nobody"), 4, "nobody");
	expect(t, WORDS("forget", "nobody"), 4, "nobody");
	expect(t, WORDS("forget", "../agent"), 2, "cannot be a folder's name");
	expect(t, WORDS("ca", "nobody", "init"), 4, "nobody");
	/* What is there, but not to be done. */
	expect(t, WORDS("rollback", "www", "99"), 2, "there is no generation 99");
	expect(t, WORDS("rollback", "www"), 2, "no earlier generation");
	expect(t, WORDS("forget", "www"), 2, "is in the configuration");
}

/* As someone who may not read the state: said, not guessed, and nothing changed. */
static void to_another_user_what_cannot_be_read_is_said(void **state)
{
	struct tree *t = *state;
	struct tree other;

	if (geteuid() != 0) {
		print_message(
		    "skipped: only root has a state that others cannot read\n");
		skip();
	}
	tree_configure(t, "");
	tree_let_hook_end(t);
	expect(t, WORDS("renew"), 0, "");
	other = *t;
	if (!tree_drop(&other))
		skip();
	assert_int_equal(chown(((struct scratch *)t->scratch)->path, 0, 0), 0);
	chmod(((struct scratch *)t->scratch)->path, 0777);
	expect(&other, WORDS("status"), 1, "Permission denied");
	expect(&other, WORDS("status", "--check"), 3, "UNKNOWN - ");
	expect(&other, WORDS("plan"), 1, "Permission denied");
	expect(&other, WORDS("history"), 1, "Permission denied");
	expect(&other, WORDS("renew", "--force", "www"), 1, "Permission denied");
	expect(&other, WORDS("rollback", "www"), 1, "Permission denied");
	assert_false(scratch_has(t->scratch, "state/archive/www/0000000002"));
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, tree_in, tree_out)
	const struct CMUnitTest tests[] = {
		CASE(wrong_usage_is_exit_2_and_a_line_that_helps),
		CASE(help_is_made_from_the_table_that_runs),
		CASE(what_may_come_next_is_said),
		CASE(the_usual_options_are_the_commands_of_that_name),
		CASE(a_configuration_that_is_not_there_is_named),
		CASE(a_configuration_that_others_can_write_is_refused),
		CASE(a_configuration_that_is_no_file_is_refused),
		CASE(the_configuration_of_someone_else_is_refused),
		CASE(a_configuration_that_cannot_be_read_is_named),
		CASE(a_mistake_in_the_configuration_is_exit_2_with_its_line),
		CASE(a_state_folder_that_cannot_be_made_is_named),
		CASE(a_second_run_is_told_who_holds_the_lock),
		CASE(a_name_that_is_not_there_is_exit_4),
		CASE(to_another_user_what_cannot_be_read_is_said),
	};

	return cmocka_run_group_tests_name("usage", tests, NULL, NULL);
}
