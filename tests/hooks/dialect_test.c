/* dialect: a program of another client is called as that client calls it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "hooks/dialect.h"

#define TOKEN  "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
#define THUMB  "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
#define AUTH   TOKEN "." THUMB
#define DIGEST "-NzbRZtV0BM2iYVsHqZbzqmJ9cYtbg5B-OKr7pdBPXs"

static const struct dialect_item items[] = {
	{ "example.org", AUTH, DIGEST, "_acme-challenge.example.org", "id 7\nend" },
	{ "b.example.org", AUTH, DIGEST, "_acme-challenge.b.example.org", "" },
};

static const char *const program[] = { "/p", "word", NULL };
static const char *const cleanup[] = { "/c", NULL };
static const char *const dnsapi[] = { "/home/.acme.sh/dnsapi/dns_xx.sh", NULL };

static struct dialect_call call_of(enum dialect d, enum dialect_step step,
				   const char *type)
{
	return (struct dialect_call){
		.dialect = d,
		.step = step,
		.type = type,
		.name = "www",
		.program = d == DIALECT_ACME_SH ? dnsapi : program,
		.cleanup = cleanup,
		.webroot = "/srv",
		.items = items,
		.n = dialect_is_chain(d) ? 2 : 1,
		.all = "example.org,b.example.org",
		.left = 1,
	};
}

/* The words with a bar behind each, but what none of them is about. */
static void join(char **words, struct buf *out)
{
	buf_puts(out, "");
	for (; *words != NULL; words++)
		if (strncmp(*words, "PATH=", 5) != 0 &&
		    strncmp(*words, "LANG=", 5) != 0 &&
		    strncmp(*words, "HOME=", 5) != 0 &&
		    strncmp(*words, "EVERLEAF_RUN=", 13) != 0)
			buf_printf(out, "%s|", *words);
}

static const struct {
	enum dialect dialect;
	enum dialect_step step;
	const char *type;
	const char *argv;
	const char *env;
} rows[] = {
	{ DIALECT_EVERLEAF, DIALECT_PRESENT, "dns-01", "/p|word|present|",
	  "EVERLEAF_NAME=www|EVERLEAF_CHALLENGE=dns-01|EVERLEAF_IDENTIFIER=example.org|"
	  "EVERLEAF_TOKEN=" TOKEN "|EVERLEAF_AUTHORIZATION=" AUTH
	  "|EVERLEAF_VALUE=" DIGEST "|EVERLEAF_RECORD=_acme-challenge.example.org|" },
	{ DIALECT_EVERLEAF, DIALECT_FAILED, "http-01", "/p|word|withdraw|",
	  "EVERLEAF_NAME=www|EVERLEAF_CHALLENGE=http-01|EVERLEAF_IDENTIFIER=example."
	  "org|"
	  "EVERLEAF_TOKEN=" TOKEN "|EVERLEAF_AUTHORIZATION=" AUTH
	  "|EVERLEAF_VALUE=" AUTH "|" },
	{ DIALECT_CERTBOT, DIALECT_PRESENT, "dns-01", "/p|word|",
	  "CERTBOT_DOMAIN=example.org|CERTBOT_IDENTIFIER=example.org|"
	  "CERTBOT_VALIDATION=" DIGEST "|CERTBOT_ALL_DOMAINS=example.org,b.example.org|"
	  "CERTBOT_ALL_IDENTIFIERS=example.org,b.example.org|"
	  "CERTBOT_REMAINING_CHALLENGES=1|" },
	{ DIALECT_CERTBOT, DIALECT_WITHDRAW, "http-01", "/c|",
	  "CERTBOT_DOMAIN=example.org|CERTBOT_IDENTIFIER=example.org|"
	  "CERTBOT_VALIDATION=" AUTH "|CERTBOT_TOKEN=" TOKEN
	  "|CERTBOT_ALL_DOMAINS=example.org,b.example.org|"
	  "CERTBOT_ALL_IDENTIFIERS=example.org,b.example.org|"
	  "CERTBOT_REMAINING_CHALLENGES=1|CERTBOT_AUTH_OUTPUT=id 7\nend|" },
	{ DIALECT_UACME, DIALECT_PRESENT, "http-01",
	  "/p|word|begin|http-01|example.org|" TOKEN "|" AUTH "|",
	  "UACME_METHOD=begin|UACME_TYPE=http-01|UACME_IDENT=example.org|"
	  "UACME_TOKEN=" TOKEN "|UACME_AUTH=" AUTH "|UACME_VERBOSE=0|" },
	{ DIALECT_UACME, DIALECT_WITHDRAW, "dns-01",
	  "/p|word|done|dns-01|example.org|" TOKEN "|" DIGEST "|",
	  "UACME_METHOD=done|UACME_TYPE=dns-01|UACME_IDENT=example.org|"
	  "UACME_TOKEN=" TOKEN "|UACME_AUTH=" DIGEST "|UACME_VERBOSE=0|" },
	{ DIALECT_UACME, DIALECT_FAILED, "tls-alpn-01",
	  "/p|word|failed|tls-alpn-01|example.org|" TOKEN "|" DIGEST "|",
	  "UACME_METHOD=failed|UACME_TYPE=tls-alpn-01|UACME_IDENT=example.org|"
	  "UACME_TOKEN=" TOKEN "|UACME_AUTH=" DIGEST "|UACME_VERBOSE=0|" },
	{ DIALECT_DEHYDRATED, DIALECT_PRESENT, "http-01",
	  "/p|word|deploy_challenge|example.org|" TOKEN "|" AUTH "|",
	  "CHALLENGETYPE=http-01|COMMAND=sign_domains|"
	  "WELLKNOWN=/srv/.well-known/acme-challenge|alias=www|"
	  "altnames=example.org b.example.org|" },
	{ DIALECT_DEHYDRATED_CHAIN, DIALECT_FAILED, "dns-01",
	  "/p|word|clean_challenge|example.org|" TOKEN "|" DIGEST
	  "|b.example.org|" TOKEN "|" DIGEST "|",
	  "CHALLENGETYPE=dns-01|COMMAND=sign_domains|"
	  "WELLKNOWN=/srv/.well-known/acme-challenge|alias=www|"
	  "altnames=example.org b.example.org|" },
	{ DIALECT_LEGO, DIALECT_PRESENT, "dns-01",
	  "/p|word|present|_acme-challenge.example.org.|" DIGEST "|", "" },
	{ DIALECT_LEGO, DIALECT_FAILED, "dns-01",
	  "/p|word|cleanup|_acme-challenge.example.org.|" DIGEST "|", "" },
	{ DIALECT_LEGO_RAW, DIALECT_WITHDRAW, "dns-01",
	  "/p|word|cleanup|--|example.org|" TOKEN "|" AUTH "|", "" },
};

static void a_program_is_called_as_its_client_calls_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct dialect_call c =
		    call_of(rows[i].dialect, rows[i].step, rows[i].type);
		AUTO_DIALECT struct dialect_made made = { 0 };
		AUTO_BUF struct buf argv = { 0 };
		AUTO_BUF struct buf env = { 0 };
		struct err e;

		if (dialect_make(&c, "/root", "7.1", &made, &e) < 0)
			fail_msg("row %zu: %s", i, e.text);
		join(made.argv, &argv);
		join(made.env, &env);
		assert_string_equal(argv.data, rows[i].argv);
		assert_string_equal(env.data, rows[i].env);
		assert_int_equal(made.keep, rows[i].dialect == DIALECT_CERTBOT &&
						rows[i].step == DIALECT_PRESENT);
	}
}

static void a_file_of_acme_sh_is_sourced_by_a_script_that_never_changes(void **state)
{
	struct dialect_call c = call_of(DIALECT_ACME_SH, DIALECT_PRESENT, "dns-01");
	AUTO_DIALECT struct dialect_made add = { 0 };
	AUTO_DIALECT struct dialect_made rm = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(dialect_make(&c, "/root", "7.1", &add, &e), 0);
	assert_string_equal(add.argv[0], "/bin/sh");
	assert_int_equal(add.file, 3);
	assert_int_equal(add.n_files, 2);
	assert_string_equal(add.argv[3], "/home/.acme.sh/acme.sh");
	assert_string_equal(add.argv[4], dnsapi[0]);
	assert_string_equal(add.argv[5], "dns_xx_add");
	assert_string_equal(add.argv[6], "_acme-challenge.example.org");
	assert_string_equal(add.argv[7], DIGEST);
	assert_string_equal(add.argv[8], "example.org b.example.org");
	assert_null(add.argv[9]);
	c.step = DIALECT_FAILED;
	c.items = &items[1];
	assert_int_equal(dialect_make(&c, "/root", "7.1", &rm, &e), 0);
	assert_string_equal(rm.argv[2], add.argv[2]);
	assert_string_equal(rm.argv[5], "dns_xx_rm");
}

static void a_cleanup_that_is_not_configured_is_no_call(void **state)
{
	static const char *const none[] = { NULL };
	struct dialect_call c = call_of(DIALECT_CERTBOT, DIALECT_FAILED, "dns-01");
	AUTO_DIALECT struct dialect_made made = { 0 };
	struct err e;

	(void)state;
	c.cleanup = none;
	assert_int_equal(dialect_make(&c, "/root", "7.1", &made, &e), 0);
	assert_null(made.argv[0]);
}

static void a_field_that_is_not_what_it_must_be_is_no_call(void **state)
{
	static const struct dialect_item bad[] = {
		{ "-rf", AUTH, DIGEST, "a", "" },
		{ "a b", AUTH, DIGEST, "a", "" },
		{ "$(id)", AUTH, DIGEST, "a", "" },
		{ "", AUTH, DIGEST, "a", "" },
		{ "a", TOKEN, DIGEST, "a", "" },
		{ "a", "../x." THUMB, DIGEST, "a", "" },
		{ "a", AUTH "A", DIGEST, "a", "" },
		{ "a", AUTH, "short", "a", "" },
		{ "a", AUTH, DIGEST "=", "a", "" },
		{ "a", AUTH, DIGEST, "`id`", "" },
		{ "a", AUTH, DIGEST, "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct dialect_call c =
		    call_of(DIALECT_ACME_SH, DIALECT_PRESENT, "dns-01");
		AUTO_DIALECT struct dialect_made made = { 0 };
		struct err e;

		c.items = &bad[i];
		if (dialect_make(&c, "/root", "7.1", &made, &e) != ERR_PROTO)
			fail_msg("row %zu is called", i);
	}
}

static void a_file_that_is_none_of_an_acme_sh_is_told(void **state)
{
	static const char *const bad[] = { "/dns_xx.sh", "/a/dnsapi/b/dns_xx.sh",
					   "/a/dnsapi/dns_xx", "/a/dnsapi/dns xx.sh",
					   "/a/dnsapi/.sh" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *const words[] = { bad[i], NULL };
		struct dialect_call c =
		    call_of(DIALECT_ACME_SH, DIALECT_PRESENT, "dns-01");
		AUTO_DIALECT struct dialect_made made = { 0 };
		struct err e;

		c.program = words;
		if (dialect_make(&c, "/root", "7.1", &made, &e) != ERR_CONFIG)
			fail_msg("%s is called", bad[i]);
	}
}

static void only_a_chain_takes_several(void **state)
{
	(void)state;
	for (enum dialect d = 0; d < DIALECTS; d++) {
		struct dialect_call c = call_of(d, DIALECT_PRESENT, "dns-01");
		AUTO_DIALECT struct dialect_made made = { 0 };
		struct err e;

		c.n = 2;
		assert_int_equal(dialect_make(&c, "/", "7.1", &made, &e) == 0,
				 d == DIALECT_DEHYDRATED_CHAIN);
	}
}

static void an_exit_status_means_what_its_client_takes_it_for(void **state)
{
	static const struct {
		enum dialect dialect;
		enum dialect_step step;
		int status;
		enum dialect_outcome outcome;
	} ends[] = {
		{ DIALECT_CERTBOT, DIALECT_PRESENT, 0, DIALECT_OK },
		{ DIALECT_CERTBOT, DIALECT_PRESENT, 1, DIALECT_IGNORED },
		{ DIALECT_CERTBOT, DIALECT_FAILED, 1, DIALECT_IGNORED },
		{ DIALECT_CERTBOT, DIALECT_PRESENT, 127, DIALECT_REFUSED },
		{ DIALECT_CERTBOT, DIALECT_PRESENT, -1, DIALECT_REFUSED },
		{ DIALECT_UACME, DIALECT_PRESENT, 1, DIALECT_DECLINED },
		{ DIALECT_UACME, DIALECT_PRESENT, 126, DIALECT_REFUSED },
		{ DIALECT_UACME, DIALECT_PRESENT, -1, DIALECT_REFUSED },
		{ DIALECT_UACME, DIALECT_WITHDRAW, 1, DIALECT_IGNORED },
		{ DIALECT_DEHYDRATED, DIALECT_PRESENT, 1, DIALECT_REFUSED },
		{ DIALECT_DEHYDRATED_CHAIN, DIALECT_FAILED, 1, DIALECT_REFUSED },
		{ DIALECT_ACME_SH, DIALECT_PRESENT, 1, DIALECT_REFUSED },
		{ DIALECT_LEGO, DIALECT_PRESENT, 1, DIALECT_REFUSED },
		{ DIALECT_EVERLEAF, DIALECT_WITHDRAW, 1, DIALECT_REFUSED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		if (dialect_judge(ends[i].dialect, ends[i].step, ends[i].status) !=
		    ends[i].outcome)
			fail_msg("row %zu", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_is_called_as_its_client_calls_it),
		cmocka_unit_test(
		    a_file_of_acme_sh_is_sourced_by_a_script_that_never_changes),
		cmocka_unit_test(a_cleanup_that_is_not_configured_is_no_call),
		cmocka_unit_test(a_field_that_is_not_what_it_must_be_is_no_call),
		cmocka_unit_test(a_file_that_is_none_of_an_acme_sh_is_told),
		cmocka_unit_test(only_a_chain_takes_several),
		cmocka_unit_test(an_exit_status_means_what_its_client_takes_it_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
