/*
 * keeper_challenge: tokens go into the webroots of the configuration, whole and checked,
 * and come out of them; what goes to the responder is checked too. All through the keeper
 * as it is exec'd, in its sandbox.
 */
#include <signal.h>

#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/agent/home.h"

#define TOKEN  "DGyRejmCefe7v4NfDGDKfA"
#define PRINT  "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI" /* nobody's here */
#define FOLDER "www/.well-known/acme-challenge"

#define TWO_32 (UINT64_C(1) << 32)

struct stage {
	struct home home;
	uint32_t webroot; /* challenges of it, by number */
	uint32_t listen;
	char *authorization; /* of TOKEN, for the account of the second issuer */
};

static const char config[] =
    "state_dir = \"$\"; agree_terms = true;"
    "issuers = ( { name = \"lab\"; type = \"local\"; subject = \"CN=Lab\"; },"
    " { name = \"near\"; type = \"acme\"; url = \"https://near.example/d\"; },"
    " { name = \"far\"; type = \"acme\"; url = \"https://far.example/d\"; } );"
    "certificates = ("
    " { names = \"a.example\"; issuer = \"lab\"; challenge ="
    "   { type = \"http-01\"; webroot = \"$/www\"; }; },"
    " { names = \"b.example\"; issuer = \"lab\"; challenge ="
    "   { type = \"http-01\"; listen = \"127.0.0.1:8080\"; }; } );";

static void number_challenges(struct stage *s)
{
	AUTO_SPEC struct spec spec = { 0 };
	struct err e;

	assert_int_equal(spec_map(s->home.snapshot, &spec, &e), 0);
	assert_int_equal(spec.n[SPEC_CHALLENGES], 2);
	s->webroot = spec.challenges[0].webroot.at != 0 ? 0 : 1;
	s->listen = 1 - s->webroot;
}

/* One issuer of ours has an account, the other has not. */
static int stage_in(void **state)
{
	struct stage *s = test_calloc(1, sizeof(*s));

	if (home_open(&s->home) < 0)
		return -1;
	scratch_mkdir(s->home.scratch, "www");
	home_compile(&s->home, config);
	number_challenges(s);
	s->authorization = home_authorization(&s->home, "far", TOKEN);
	*state = s;
	return 0;
}

static int stage_out(void **state)
{
	struct stage *s = *state;
	int rc = home_close(&s->home);

	free(s->authorization);
	test_free(s);
	return rc;
}

/* What it answers: 0 or a code, and why. */
static int ask(const struct alone *a, uint64_t challenge, const char *token,
	       const char *authorization, char text[256])
{
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, authorization == NULL ? KEEPER_WITHDRAW : KEEPER_PRESENT, 0);
	msg_put_u64(&m, challenge);
	msg_put_str(&m, token);
	if (authorization != NULL)
		msg_put_str(&m, authorization);
	return alone_ask(a, &m, text, 256);
}

static void granted(const struct alone *a, uint64_t challenge, const char *token,
		    const char *authorization)
{
	char text[256];

	if (ask(a, challenge, token, authorization, text) != 0)
		fail_msg("%s", text);
}

static void a_token_is_put_into_its_webroot_and_taken_out(void **state)
{
	const struct stage *s = *state;
	struct alone a = home_keeper(&s->home, COMMAND_RENEW);

	granted(&a, s->webroot, TOKEN, s->authorization);
	scratch_expect(s->home.scratch, FOLDER "/" TOKEN, s->authorization);
	granted(&a, s->webroot, TOKEN, NULL);
	assert_int_equal(scratch_count(s->home.scratch, "www"), 0);
	granted(&a, s->webroot, TOKEN, NULL);
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void what_the_responder_answers_is_looked_at_and_not_written(void **state)
{
	const struct stage *s = *state;
	struct alone a = home_keeper(&s->home, COMMAND_RENEW);

	granted(&a, s->listen, TOKEN, s->authorization);
	assert_int_equal(scratch_count(s->home.scratch, "www"), 0);
	granted(&a, s->listen, TOKEN, NULL);
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

/* Of a worker that was taken over: it would be certified for our names. */
static void a_token_for_the_account_of_somebody_else_is_refused(void **state)
{
	const struct stage *s = *state;
	struct alone a = home_keeper(&s->home, COMMAND_RENEW);
	char text[256];

	assert_int_equal(ask(&a, s->webroot, TOKEN, TOKEN "." PRINT, text), ERR_PROTO);
	assert_non_null(strstr(text, "of somebody else"));
	assert_int_equal(ask(&a, s->listen, TOKEN, TOKEN "." PRINT, text), ERR_PROTO);
	assert_int_equal(scratch_count(s->home.scratch, "www"), 0);
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void a_challenge_that_is_not_there_is_refused(void **state)
{
	const struct stage *s = *state;
	const uint64_t wrong[] = { 2, TWO_32, TWO_32 + s->webroot, UINT64_MAX,
				   UINT32_MAX };
	struct alone a = home_keeper(&s->home, COMMAND_RENEW);
	char text[256];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		assert_int_equal(ask(&a, wrong[i], TOKEN, s->authorization, text),
				 ERR_PROTO);
		assert_non_null(strstr(text, "there is no challenge"));
		assert_int_equal(ask(&a, wrong[i], TOKEN, NULL, text), ERR_PROTO);
	}
	assert_int_equal(scratch_count(s->home.scratch, "www"), 0);
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void nothing_but_a_token_and_a_thumbprint_is_written(void **state)
{
	static const struct {
		const char *token;
		const char *authorization;
	} rows[] = {
		{ TOKEN, "" },
		{ TOKEN, TOKEN },
		{ TOKEN, TOKEN "." },
		{ TOKEN, TOKEN "." PRINT "\n" },
		{ TOKEN, TOKEN "." PRINT "A" },
		{ TOKEN, TOKEN ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqT<" },
		{ TOKEN, "<?php system($_GET[0]);" },
		{ TOKEN, "XGyRejmCefe7v4NfDGDKfA." PRINT },
		{ "../../../../victim", "../../../../victim." PRINT },
		{ ".htaccess", ".htaccess." PRINT },
		{ "index.html", "index.html." PRINT },
		{ "short", "short." PRINT },
		{ "", "." PRINT },
		{ "$(id)AAAAAAAAAAAAAAAAAAAAAAAA",
		  "$(id)AAAAAAAAAAAAAAAAAAAAAAAA." PRINT },
	};
	const struct stage *s = *state;
	struct alone a = home_keeper(&s->home, COMMAND_RENEW);
	char text[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (ask(&a, s->webroot, rows[i].token, rows[i].authorization, text) !=
		    ERR_PROTO)
			fail_msg("row %zu is written", i);
		if (strcmp(rows[i].token, TOKEN) != 0)
			assert_int_equal(ask(&a, s->webroot, rows[i].token, NULL, text),
					 ERR_PROTO);
	}
	assert_int_equal(scratch_count(s->home.scratch, "www"), 0);
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void a_webroot_that_is_gone_is_named(void **state)
{
	const struct stage *s = *state;
	struct alone a = home_keeper(&s->home, COMMAND_RENEW);
	char text[256];

	assert_int_equal(unlinkat(((struct scratch *)s->home.scratch)->fd, "www",
				  AT_REMOVEDIR),
			 0);
	assert_int_equal(ask(&a, s->webroot, TOKEN, s->authorization, text), ERR_SYS);
	assert_non_null(strstr(text, "/www: open it: No such file"));
	granted(&a, s->webroot, TOKEN, NULL);
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, stage_in, stage_out)
	const struct CMUnitTest tests[] = {
		CASE(a_token_is_put_into_its_webroot_and_taken_out),
		CASE(what_the_responder_answers_is_looked_at_and_not_written),
		CASE(a_token_for_the_account_of_somebody_else_is_refused),
		CASE(a_challenge_that_is_not_there_is_refused),
		CASE(nothing_but_a_token_and_a_thumbprint_is_written),
		CASE(a_webroot_that_is_gone_is_named),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("keeper_challenge", tests, NULL, NULL);
}
