/*
 * keeper_watch: one message for each time that the agent asks, with what has changed since
 * the agent was told; places: which folders are watched, and whose a name there is.
 */
#include <signal.h>

#include "agent/keeper/keeper_places.h"
#include "agent/keeper/keeper_watch.h"
#include "agent/notice.h"
#include "agent/role/link.h"
#include "agent/role/messages.h"
#include "agent/role/stranger.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/agent/config_fake.h"
#include "tests/help/alone.h"
#include "tests/scratch.h"

static const char config[] =
    "state_dir = \"%s\"; issuers = ( { name = \"lab\"; type = \"local\"; } );"
    "certificates = ( { name = \"api\"; names = \"api.example\"; issuer = \"lab\"; },"
    " { name = \"www\"; names = \"www.example\"; issuer = \"lab\"; } );"
    "watch = \"%s/tls/*.pem\";";

static void begin(const struct scratch *s, enum command command, struct alone *a)
{
	const struct request r = { .command = command };
	AUTO_FREE char *text = xasprintf(config, s->path, s->path);
	struct fake f = { .at = 0 };
	AUTO_FD int snapshot = -1;

	if (fake_compile(&f, false, text, strlen(text), &snapshot) != 0)
		fail_msg("%s", fake_said(&f));
	fake_done(&f);
	alone_start(a, ROLE_KEEPER, &r, snapshot);
}

static int ask(const struct alone *a, uint32_t type, unsigned n)
{
	AUTO_MSG struct msg m = MSG_NONE;
	char text[256];

	msg_begin(&m, type, 0);
	for (unsigned i = 0; i < n; i++)
		msg_put_u64(&m, type == KEEPER_STAMP ? 2 * i : 0);
	return alone_ask(a, &m, text, sizeof(text));
}

/* The next thing it says is that these have changed, `n` and `first`; how they are watched
 * it has said. */
static void expect_told(const struct alone *a, bool strangers, uint64_t n,
			uint64_t first)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	assert_int_equal(msg_recv(a->peer, &m, &e), 0);
	assert_int_equal(m.type, KEEPER_CHANGED);
	assert_int_equal(m.id, 0);
	assert_int_equal(msg_get_u64(&m), KEEPER_WATCHES);
	assert_int_equal(msg_get_u64(&m), strangers);
	assert_int_equal(msg_get_u64(&m), n);
	for (uint64_t i = 0; i < n; i++) {
		assert_int_equal(msg_get_u64(&m), first + i);
		assert_int_not_equal(msg_get_u64(&m), 0);
	}
	assert_int_equal(msg_end(&m, &e), 0);
}

static void expect_changed(const struct alone *a, uint64_t n, uint64_t first)
{
	expect_told(a, false, n, first);
}

/* By somebody else. */
static void make_live(const struct scratch *s, const char *name)
{
	char path[64], to[64];

	snprintf(path, sizeof(path), "archive/%s", name);
	scratch_mkdir(s, path);
	snprintf(path, sizeof(path), "archive/%s/0000000001", name);
	scratch_mkdir(s, path);
	snprintf(path, sizeof(path), "archive/%s/0000000001/cert.pem", name);
	scratch_put(s, path, "none");
	snprintf(path, sizeof(path), "live/%s", name);
	snprintf(to, sizeof(to), "../archive/%s/0000000001", name);
	scratch_link(s, to, path);
}

/* In one step: a file that is made and then written has changed twice. */
static void put_key(const struct scratch *s, const char *path)
{
	scratch_put(s, "draft", "none");
	assert_int_equal(renameat(s->fd, "draft", s->fd, path), 0);
}

static void what_changes_is_told_once_for_each_time_that_it_is_asked_for(void **state)
{
	const struct scratch *s = *state;
	struct alone a;

	begin(s, COMMAND_AGENT, &a);
	assert_int_equal(ask(&a, KEEPER_STAMP, 2), 0); /* what the agent knows */
	assert_int_equal(ask(&a, KEEPER_WATCH, 0), 0);
	expect_changed(&a, 0, 0); /* that it watches */
	make_live(s, "api");
	make_live(s, "www");
	assert_int_equal(ask(&a, KEEPER_AUDIT, 2), 0); /* and nothing in between */
	assert_int_equal(ask(&a, KEEPER_WATCH, 0), 0);
	expect_changed(&a, 2, 0);
	assert_int_equal(ask(&a, KEEPER_WATCH, 0), 0);
	put_key(s, "live/www/privkey.pem");
	expect_changed(&a, 1, 1);
	assert_int_equal(ask(&a, KEEPER_WATCH, 0), 0);
	scratch_put(s, "live/api/other.pem", "none"); /* which is nothing to us */
	put_key(s, "live/api/privkey.pem");
	expect_changed(&a, 1, 0);
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void what_the_agent_did_not_know_of_is_told(void **state)
{
	const struct scratch *s = *state;
	struct alone a;

	begin(s, COMMAND_AGENT, &a);
	assert_int_equal(ask(&a, KEEPER_STAMP, 2), 0);
	make_live(s, "www"); /* before anything is watched */
	assert_int_equal(ask(&a, KEEPER_WATCH, 0), 0);
	expect_changed(&a, 1, 1);
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

/* Whether all folders are watched. They are below the state directory: none is told of. */
static bool look_at_strangers(const struct alone *a)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct stranger end = { .path = "none" };
	struct err e;
	bool watched;
	FILE *told;

	msg_begin(&m, KEEPER_STRANGERS, 1);
	assert_int_equal(link_ask(a->peer, &m, &e), 0);
	watched = msg_get_u64(&m) != 0;
	told = fdopen(msg_take_fd(&m), "r");
	assert_non_null(told);
	assert_int_equal(fread(&end, sizeof(end), 1, told), 1);
	assert_string_equal(end.path, "");
	assert_int_equal(fgetc(told), EOF);
	fclose(told);
	return watched;
}

static void what_changes_among_strangers_is_told_as_one_thing(void **state)
{
	const struct scratch *s = *state;
	struct alone a;

	scratch_mkdir(s, "tls");
	begin(s, COMMAND_AGENT, &a);
	assert_int_equal(ask(&a, KEEPER_STAMP, 2), 0);
	assert_int_equal(ask(&a, KEEPER_WATCH, 0), 0);
	expect_changed(&a, 0, 0);
	scratch_put(s, "tls/a.pem", "none"); /* before it is watched */
	assert_true(look_at_strangers(&a));
	assert_int_equal(ask(&a, KEEPER_WATCH, 0), 0);
	scratch_put(s, "tls/b.pem", "none");
	expect_told(&a, true, 0, 0);
	assert_true(look_at_strangers(&a));
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void who_does_not_stay_looks_once(void **state)
{
	const struct scratch *s = *state;
	struct alone a;

	scratch_mkdir(s, "tls");
	begin(s, COMMAND_STATUS, &a);
	assert_false(look_at_strangers(&a));
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void who_does_not_stay_is_told_nothing(void **state)
{
	struct alone a;

	begin(*state, COMMAND_RENEW, &a);
	assert_int_equal(ask(&a, KEEPER_WATCH, 0), ERR_PROTO);
	assert_int_equal(ask(&a, KEEPER_STAMP, 2), 0);
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

/* -- places -- */

static void note(void *arg, uint32_t cert)
{
	char *found = arg;

	found[strlen(found)] = (char)('0' + cert);
}

static void each_folder_and_those_on_the_way_are_places(void **state)
{
	static const char text[] =
	    "issuers = ( { name = \"lab\"; type = \"local\"; } );"
	    "defaults = { issuer = \"lab\"; };"
	    "certificates = ("
	    " { name = \"a\"; names = \"a.example\"; files = ("
	    "  { path = \"/srv/app/a.p12\"; content = \"pkcs12\";"
	    "    password_file = \"/etc/everleaf/secret\"; } ); },"
	    " { name = \"b\"; names = \"b.example\"; files = ("
	    "  { path = \"/srv/app/b.pem\"; content = \"cert\"; },"
	    "  { path = \"/var/www/html\"; content = \"hashed\"; } ); } );"
	    "crls = ( { name = \"c\"; url = \"http://a/\"; ca = "
	    "\"/etc/everleaf/ca.pem\"; files "
	    "= ("
	    "  { path = \"/srv/app/c.crl\"; } ); } );";
	static const struct {
		const char *path;
		bool holds;
	} expected[] = {
		{ "/etc", false },         { "/etc/everleaf", true },
		{ "/srv", false },         { "/srv/app", true },
		{ "/var", false },         { "/var/www", false },
		{ "/var/www/html", true },
	};
	static const struct {
		size_t place;
		const char *name;
		const char *found;
	} names[] = {
		{ 1, "secret", "0" },    { 1, "a.p12", "" },       { 3, "a.p12", "0" },
		{ 3, "c.crl", "2" },     { 3, "b.pem", "1" },      { 3, "", "" },
		{ 3, ".b.pem.new", "" }, { 6, "4042bcee.0", "1" }, { 6, "", "1" },
	};
	AUTO_SPEC struct spec spec = { 0 };
	struct fake f = { .at = 0 };
	struct keeper_places p;

	(void)state;
	fake_spec(&f, false, text, &spec);
	keeper_places_make(&p, &spec);
	assert_int_equal(p.n, sizeof(expected) / sizeof(*expected));
	for (size_t i = 0; i < p.n; i++) {
		assert_string_equal(p.places[i].path, expected[i].path);
		assert_int_equal(p.places[i].holds, expected[i].holds);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char found[8] = "";

		keeper_places_find(&p, names[i].place, names[i].name, note, found);
		assert_string_equal(found, names[i].found);
	}
	keeper_places_done(&p);
	fake_done(&f);
}

/* -- the agent's patience -- */

static void who_writes_over_repairs_is_repaired_less_and_less_often(void **state)
{
	(void)state;
	assert_int_equal(notice_patience(0), NOTICE_QUIET_S * 1000);
	for (unsigned i = 0; i < 20; i++)
		assert_true(notice_patience(i + 1) >= notice_patience(i));
	assert_int_equal(notice_patience(1), 2 * notice_patience(0));
	assert_int_equal(notice_patience(20), NOTICE_PEACE_MS);
	assert_int_equal(notice_patience(UINT8_MAX), NOTICE_PEACE_MS);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, store_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_changes_is_told_once_for_each_time_that_it_is_asked_for),
		TEST(what_the_agent_did_not_know_of_is_told),
		TEST(what_changes_among_strangers_is_told_as_one_thing),
		TEST(who_does_not_stay_looks_once),
		TEST(who_does_not_stay_is_told_nothing),
		TEST(each_folder_and_those_on_the_way_are_places),
		TEST(who_writes_over_repairs_is_repaired_less_and_less_often),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
