/* confirm: who is asked, and what counts as yes. */
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
#include "agent/command/confirm.h"
#include "agent/role/request.h"

/* What is said on stderr is for people; here it would only be in the way. */
static bool ask(const struct request *r, int in)
{
	const int kept = dup(STDERR_FILENO);
	const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	bool yes;

	dup2(null, STDERR_FILENO);
	yes = confirm(r, in);
	dup2(kept, STDERR_FILENO);
	close(kept);
	close(null);
	return yes;
}

/* The outcome where a person at a terminal types `text`. */
static bool typed(const struct request *r, const char *text)
{
	const int person = posix_openpt(O_RDWR | O_NOCTTY);
	int terminal;
	bool yes;

	assert_true(person >= 0 && grantpt(person) == 0 && unlockpt(person) == 0);
	terminal = open(ptsname(person), O_RDWR | O_NOCTTY);
	assert_true(terminal >= 0);
	assert_int_equal(write(person, text, strlen(text)), strlen(text));
	yes = ask(r, terminal);
	close(terminal);
	close(person);
	return yes;
}

static const char *name = "le";

static struct request deactivation(unsigned flags)
{
	return (struct request){ .command = COMMAND_ACCOUNT,
				 .step = ACCOUNT_DEACTIVATE,
				 .flags = flags,
				 .names = &name,
				 .n_names = 1 };
}

static void a_person_types_the_name_of_the_issuer(void **state)
{
	static const struct {
		const char *typed;
		bool yes;
	} rows[] = {
		{ "le\n", true },   { "\n", false },    { "yes\n", false },
		{ "y\n", false },   { "le \n", false }, { "lee\n", false },
		{ "l\n", false },   { "LE\n", false },  { "\004", false },
		{ "le2\n", false },
	};
	const struct request r = deactivation(0);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (typed(&r, rows[i].typed) != rows[i].yes)
			fail_msg("\"%s\" is taken for the other", rows[i].typed);
}

static void without_a_terminal_it_has_to_be_said(void **state)
{
	const struct request r = deactivation(0), meant = deactivation(REQUEST_YES);
	int pipe_of[2];

	(void)state;
	assert_int_equal(pipe2(pipe_of, O_CLOEXEC), 0);
	assert_int_equal(write(pipe_of[1], "le\n", 3), 3);
	assert_false(ask(&r, pipe_of[0]));
	assert_true(ask(&meant, pipe_of[0]));
	close(pipe_of[0]);
	close(pipe_of[1]);
}

static void what_can_be_undone_is_not_asked_about(void **state)
{
	struct request r = deactivation(0);

	(void)state;
	for (r.step = 0; r.step < ACCOUNT_STEPS; r.step++)
		if (r.step != ACCOUNT_DEACTIVATE)
			assert_true(ask(&r, -1));
	r = (struct request){ .command = COMMAND_RENEW };
	assert_true(ask(&r, -1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_person_types_the_name_of_the_issuer),
		cmocka_unit_test(without_a_terminal_it_has_to_be_said),
		cmocka_unit_test(what_can_be_undone_is_not_asked_about),
	};

	return cmocka_run_group_tests_name("confirm", tests, NULL, NULL);
}
