/* super_look: what is said of a path, and who could change what is there. */
#include "tests/scratch.h"

#include <errno.h>
#include <unistd.h>

#include "agent/role/messages.h"
#include "agent/super/super_look.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/msg.h"

/* What was answered. */
struct answer {
	int error, no_write;
	bool is_link, is_blank, no_exec;
	char open[1024], real[4096];
};

/* Ask about `name` below the scratch folder, or about a path. */
static int ask(const struct scratch *s, const char *name, struct answer *a)
{
	AUTO_FREE char *path =
	    name[0] == '/' ? xstrdup(name) : xasprintf("%s/%s", s->path, name);
	AUTO_MSG struct msg m = MSG_NONE;
	AUTO_FD int here = -1;
	AUTO_FD int there = -1;
	struct err e;

	assert_int_equal(msg_pair(&here, &there, &e), 0);
	msg_begin(&m, CONFIG_LOOK, 1);
	msg_put_str(&m, strcmp(name, "/relative") == 0 ? "relative" : path);
	assert_int_equal(msg_send(here, &m, &e), 0);
	assert_int_equal(msg_recv(there, &m, &e), 0);
	TRY(super_look(NULL, &m, &e));
	assert_int_equal(msg_send(there, &m, &e), 0);
	assert_int_equal(msg_recv(here, &m, &e), 0);
	a->error = (int)msg_get_u64(&m);
	msg_get_u64(&m); /* mode, user, group */
	msg_get_u64(&m);
	msg_get_u64(&m);
	a->is_link = msg_get_u64(&m) != 0;
	a->is_blank = msg_get_u64(&m) != 0;
	a->no_write = (int)msg_get_u64(&m);
	a->no_exec = msg_get_u64(&m) != 0;
	snprintf(a->open, sizeof(a->open), "%s", msg_get_str(&m));
	snprintf(a->real, sizeof(a->real), "%s", msg_get_str(&m));
	return msg_end(&m, &e);
}

static int folder_in(void **state)
{
	const struct scratch *s;

	if (scratch_in(state) < 0)
		return -1;
	s = *state;
	scratch_mkdir(s, "a");
	scratch_mkdir(s, "a/b");
	scratch_put(s, "a/b/file", "text");
	return fchmodat(s->fd, "a/b/file", 0600, 0);
}

/* What is said contains `want`; "": nothing is said. */
static void assert_open(const struct scratch *s, const char *name, const char *want)
{
	struct answer a;

	assert_int_equal(ask(s, name, &a), 0);
	if (want[0] == '\0' ? a.open[0] != '\0' : strstr(a.open, want) == NULL)
		fail_msg("%s: \"%s\", expected \"%s\"", name, a.open, want);
}

static void what_only_we_can_change_is_told_as_such(void **state)
{
	const struct scratch *s = *state;
	struct answer a;

	assert_int_equal(ask(s, "a/b/file", &a), 0);
	assert_int_equal(a.error, 0);
	assert_string_equal(a.open, "");
	assert_false(a.is_link || a.is_blank);
	assert_int_equal(ask(s, "a/none", &a), 0);
	assert_int_equal(a.error, ENOENT);
	assert_string_equal(a.open, "");
}

static void each_folder_on_the_way_counts(void **state)
{
	const struct scratch *s = *state;

	assert_int_equal(fchmodat(s->fd, "a", 0777, 0), 0);
	assert_open(s, "a/b/file", "/a (mode 0777)");
	assert_open(s, "a/b", "everybody can write ");
	assert_int_equal(fchmodat(s->fd, "a", 01777, 0), 0);
	assert_open(s, "a/b/file", ""); /* as /tmp is */
	assert_int_equal(fchmodat(s->fd, "a/b/file", 0602, 0), 0);
	assert_open(s, "a/b/file", "/a/b/file (mode 0602)");
}

static void owners_and_groups_are_named(void **state)
{
	const struct scratch *s = *state;

	if (geteuid() != 0) {
		print_message("skipped: only root can give a file away\n");
		skip();
	}
	assert_int_equal(fchownat(s->fd, "a/b", 0, 61101, 0), 0);
	assert_int_equal(fchmodat(s->fd, "a/b", 0770, 0), 0);
	assert_open(s, "a/b/file", "group 61101 can write ");
	assert_int_equal(fchownat(s->fd, "a/b", 61102, 0, 0), 0);
	assert_open(s, "a/b/file", "/a/b belongs to user 61102");
	assert_int_equal(fchownat(s->fd, "a/b", 0, 0, 0), 0);
	assert_open(s, "a/b/file", "");
	/* Whoever runs a program is stricter. */
	assert_int_equal(fchmodat(s->fd, "a/b/file", 0755, 0), 0);
	assert_open(s, "a/b/file", "others can write b (mode 0770)");
}

static void a_link_counts_with_all_that_it_leads_over(void **state)
{
	const struct scratch *s = *state;
	struct answer a;

	scratch_mkdir(s, "open");
	scratch_link(s, "../a/b/file", "open/link");
	scratch_link(s, "open/link", "far");
	scratch_link(s, "nowhere", "broken");
	assert_open(s, "far", "");
	assert_int_equal(ask(s, "far", &a), 0);
	assert_true(a.is_link);
	assert_non_null(strstr(a.real, "/a/b/file"));
	assert_int_equal(fchmodat(s->fd, "open", 0777, 0), 0);
	assert_open(s, "far", "/open (mode 0777)");
	assert_int_equal(ask(s, "broken", &a), 0);
	assert_true(a.is_link);
	assert_int_equal(a.error, ENOENT);
}

static void a_way_without_an_end_is_not_taken_for_safe(void **state)
{
	const struct scratch *s = *state;

	scratch_link(s, "loop", "loop");
	scratch_link(s, "two/../one", "one");
	scratch_link(s, "one", "two");
	assert_open(s, "loop", "too long to be looked at");
	assert_open(s, "one", "too long to be looked at");
}

static void white_space_is_nothing(void **state)
{
	static const struct {
		const char *text;
		bool is_blank;
	} rows[] = { { "", true },
		     { "\n", true },
		     { " \t\r\n ", true },
		     { " \n.\n", false },
		     { "x", false } };
	const struct scratch *s = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct answer a;

		scratch_put(s, "secret", rows[i].text);
		assert_int_equal(ask(s, "secret", &a), 0);
		assert_int_equal(a.is_blank, rows[i].is_blank);
	}
}

static void what_is_no_file_is_not_opened(void **state)
{
	const struct scratch *s = *state;
	struct answer a;

	assert_int_equal(mkfifoat(s->fd, "pipe", 0600), 0);
	assert_int_equal(ask(s, "pipe", &a), 0); /* and does not wait */
	assert_false(a.is_blank);
	assert_int_equal(ask(s, "a", &a), 0);
	assert_int_equal(a.no_write, 0);
}

static void a_path_that_does_not_begin_at_the_root_is_refused(void **state)
{
	struct answer a;

	assert_int_equal(ask(*state, "/relative", &a), ERR_PROTO);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, folder_in, scratch_out)
	const struct CMUnitTest tests[] = {
		TEST(what_only_we_can_change_is_told_as_such),
		TEST(each_folder_on_the_way_counts),
		TEST(owners_and_groups_are_named),
		TEST(a_link_counts_with_all_that_it_leads_over),
		TEST(a_way_without_an_end_is_not_taken_for_safe),
		TEST(white_space_is_nothing),
		TEST(what_is_no_file_is_not_opened),
		TEST(a_path_that_does_not_begin_at_the_root_is_refused),
	};

	return cmocka_run_group_tests_name("super_look", tests, NULL, NULL);
}
