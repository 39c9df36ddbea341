#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "acme/account.h"
#include "agent/command/commands.h"
#include "agent/role/roles.h"
#include "base/auto.h"
#include "base/mem.h"

#define WORDS_MAX 8

/* What a person types, split at spaces. The words are parts of *text. */
static int split(char *text, char **words)
{
	int n = 0;

	for (char *w = strtok_r(text, " ", &text); w != NULL;
	     w = strtok_r(NULL, " ", &text)) {
		assert_true(n < WORDS_MAX);
		words[n++] = w;
	}
	return n;
}

/* What is said on stderr is for people; here it would only be in the way. */
static int parse(char *text, struct request *r)
{
	char *words[WORDS_MAX];
	int n = split(text, words);
	int kept = dup(STDERR_FILENO);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int rc;

	dup2(null, STDERR_FILENO);
	rc = command_parse(command_called(words[0]), n - 1, words + 1, r);
	dup2(kept, STDERR_FILENO);
	close(kept);
	close(null);
	return rc;
}

static void what_is_typed_is_understood_or_refused(void **state)
{
	static const struct {
		const char *line;
		int rc;
		enum command command;
		unsigned flags;
		size_t n_names;
	} rows[] = {
		{ "renew", 0, COMMAND_RENEW, 0, 0 },
		{ "renew a b", 0, COMMAND_RENEW, 0, 2 },
		{ "renew --force a", 0, COMMAND_RENEW, REQUEST_FORCE, 1 },
		{ "renew a --force", 0, COMMAND_RENEW, REQUEST_FORCE, 1 },
		{ "renew --force", EXIT_USAGE, 0, 0, 0 },
		{ "renew --force --all", 0, COMMAND_RENEW, REQUEST_FORCE | REQUEST_ALL,
		  0 },
		{ "renew --dry-run --json", 0, COMMAND_RENEW,
		  REQUEST_DRY_RUN | REQUEST_JSON, 0 },
		{ "renew --days 3", EXIT_USAGE, 0, 0, 0 },
		{ "renew -c x", EXIT_USAGE, 0, 0, 0 },
		{ "renew --wait 2m", 0, COMMAND_RENEW, 0, 0 },
		{ "renew --wait=2m", 0, COMMAND_RENEW, 0, 0 },
		{ "renew --wait=", EXIT_USAGE, 0, 0, 0 },
		{ "renew --all=yes", EXIT_USAGE, 0, 0, 0 },
		{ "renew -- --all", 0, COMMAND_RENEW, 0, 1 },
		{ "renew --wait soon", EXIT_USAGE, 0, 0, 0 },
		{ "renew --wait", EXIT_USAGE, 0, 0, 0 },
		{ "status --check --warn 14d", 0, COMMAND_STATUS, REQUEST_CHECK, 0 },
		{ "status --watch", 0, COMMAND_STATUS, REQUEST_WATCH, 0 },
		{ "check --online", 0, COMMAND_CHECK, REQUEST_ONLINE, 0 },
		{ "check --offline", EXIT_USAGE, 0, 0, 0 },
		{ "check www", EXIT_USAGE, 0, 0, 0 },
		{ "plan --days 7", 0, COMMAND_PLAN, 0, 0 },
		{ "plan --days 7x", EXIT_USAGE, 0, 0, 0 },
		{ "rollback", EXIT_USAGE, 0, 0, 0 },
		{ "rollback www", 0, COMMAND_ROLLBACK, 0, 1 },
		{ "rollback www 3", 0, COMMAND_ROLLBACK, 0, 1 },
		{ "rollback www three", EXIT_USAGE, 0, 0, 0 },
		{ "rollback www 0", EXIT_USAGE, 0, 0, 0 },
		{ "rollback www 3 4", EXIT_USAGE, 0, 0, 0 },
		{ "forget", EXIT_USAGE, 0, 0, 0 },
		{ "forget www", 0, COMMAND_FORGET, 0, 1 },
		{ "ca lab init", 0, COMMAND_CA_INIT, 0, 1 },
		{ "ca lab crl", 0, COMMAND_CA_CRL, 0, 1 },
		{ "ca lab rollover", 0, COMMAND_CA_ROLLOVER, 0, 1 },
		{ "ca lab rollover --force", 0, COMMAND_CA_ROLLOVER, REQUEST_FORCE, 1 },
		{ "ca lab crl now", EXIT_USAGE, 0, 0, 0 },
		{ "ca lab revoke 04AB --reason 4", 0, COMMAND_CA_REVOKE, 0, 2 },
		{ "ca lab revoke", EXIT_USAGE, 0, 0, 0 },
		{ "ca lab sign /nonexistent", EXIT_USAGE, 0, 0, 0 },
		{ "ca lab revoke 04AB --reason keyCompromise", 0, COMMAND_CA_REVOKE, 0,
		  2 },
		{ "ca lab revoke 04AB --reason boredom", EXIT_USAGE, 0, 0, 0 },
		{ "revoke www", 0, COMMAND_REVOKE, 0, 1 },
		{ "revoke www --replace --reason superseded --by-key", 0,
		  COMMAND_REVOKE, REQUEST_REPLACE | REQUEST_BY_KEY, 1 },
		{ "revoke", EXIT_USAGE, 0, 0, 0 },
		{ "revoke www mail", EXIT_USAGE, 0, 0, 0 },
		{ "account le show", 0, COMMAND_ACCOUNT, 0, 1 },
		{ "account le deactivate", 0, COMMAND_ACCOUNT, 0, 1 },
		{ "account le deactivate --yes", 0, COMMAND_ACCOUNT, REQUEST_YES, 1 },
		{ "renew --yes", EXIT_USAGE, 0, 0, 0 },
		{ "account le", EXIT_USAGE, 0, 0, 0 },
		{ "crl", 0, COMMAND_CRL, 0, 0 },
		{ "crl a b --update --json", 0, COMMAND_CRL,
		  REQUEST_UPDATE | REQUEST_JSON, 2 },
		{ "account le sell", EXIT_USAGE, 0, 0, 0 },
		{ "inspect", EXIT_USAGE, 0, 0, 0 },
		{ "inspect a.pem - --json", 0, COMMAND_INSPECT, REQUEST_JSON, 2 },
		{ "inspect a.pem --log", 0, COMMAND_INSPECT, REQUEST_LOG, 1 },
		{ "inspect a.pem --log --json", EXIT_USAGE, 0, 0, 0 },
		{ "inspect --password-file", EXIT_USAGE, 0, 0, 0 },
		{ "inspect --password-file x a.pem", 0, COMMAND_INSPECT, 0, 1 },
		{ "inspect --force a.pem", EXIT_USAGE, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_FREE char *text = xstrdup(rows[i].line);
		struct request r = { .flags = 0 };
		int rc = parse(text, &r);
		bool as_expected =
		    rc == rows[i].rc && (rc != 0 || (r.command == rows[i].command &&
						     r.flags == rows[i].flags &&
						     r.n_names == rows[i].n_names));

		if (!as_expected)
			fail_msg("\"%s\": status %d, command %d, flags %#x, %zu names",
				 rows[i].line, rc, (int)r.command, r.flags, r.n_names);
		command_done(&r);
	}
}

static void a_generation_is_part_of_the_request(void **state)
{
	char text[] = "rollback www 18";
	struct request r = { .flags = 0 };

	(void)state;
	assert_int_equal(parse(text, &r), 0);
	assert_string_equal(r.names[0], "www");
	assert_int_equal(r.generation, 18);
	command_done(&r);
}

/* Other clocks count it in nanoseconds. */
static void a_wait_without_end_is_a_long_one(void **state)
{
	char text[] = "renew --wait 9223372036854775807s";
	struct request r = { .flags = 0 };

	(void)state;
	assert_int_equal(parse(text, &r), 0);
	assert_in_range(r.wait_s, 86400, INT64_MAX / 1000000000);
	command_done(&r);
}

static void a_step_at_the_account_is_part_of_the_request(void **state)
{
	char text[] = "account le rollover";
	struct request r = { .flags = 0 };

	(void)state;
	assert_int_equal(parse(text, &r), 0);
	assert_string_equal(r.names[0], "le");
	assert_int_equal(r.step, ACCOUNT_ROLLOVER);
	command_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_typed_is_understood_or_refused),
		cmocka_unit_test(a_generation_is_part_of_the_request),
		cmocka_unit_test(a_wait_without_end_is_a_long_one),
		cmocka_unit_test(a_step_at_the_account_is_part_of_the_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
