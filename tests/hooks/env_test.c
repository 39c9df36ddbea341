/* env: a hook is told what the contract lists, as data, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "hooks/env.h"

static const struct hook_call full = {
	.hook = "nginx",
	.event = "installed",
	.count = 1,
	.names = "www",
	.values = {
		[HOOK_NAME] = "www",
		[HOOK_DOMAINS] = "example.org www.example.org",
		[HOOK_DIR] = "/var/lib/everleaf/live/www",
		[HOOK_CERT] = "/var/lib/everleaf/live/www/cert.pem",
		[HOOK_KEY] = "/var/lib/everleaf/live/www/privkey.pem",
		[HOOK_CHAIN] = "/var/lib/everleaf/live/www/chain.pem",
		[HOOK_FULLCHAIN] = "/var/lib/everleaf/live/www/fullchain.pem",
		[HOOK_SERIAL] = "04AB",
		[HOOK_FINGERPRINT] = "00ff",
		[HOOK_NOT_AFTER] = "2026-12-01T00:00:00Z",
		[HOOK_WHY] = "expiring",
		[HOOK_ERROR] = "no error",
	},
};

static void assert_env(char **env, const char *const *want)
{
	size_t n = 0;

	for (; want[n] != NULL; n++) {
		assert_non_null(env[n]);
		assert_string_equal(env[n], want[n]);
	}
	assert_null(env[n]);
}

static const char *value_of(char **env, const char *name)
{
	size_t len = strlen(name);

	for (; *env != NULL; env++)
		if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
			return *env + len + 1;
	return NULL;
}

static void one_certificate_is_told_whole(void **state)
{
	static const char *const want[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"LANG=C.UTF-8",
		"HOME=/root",
		"EVERLEAF_RUN=7.1",
		"EVERLEAF_EVENT=installed",
		"EVERLEAF_HOOK=nginx",
		"EVERLEAF_COUNT=1",
		"EVERLEAF_NAMES=www",
		"EVERLEAF_NAME=www",
		"EVERLEAF_DOMAINS=example.org www.example.org",
		"EVERLEAF_DIR=/var/lib/everleaf/live/www",
		"EVERLEAF_CERT=/var/lib/everleaf/live/www/cert.pem",
		"EVERLEAF_KEY=/var/lib/everleaf/live/www/privkey.pem",
		"EVERLEAF_CHAIN=/var/lib/everleaf/live/www/chain.pem",
		"EVERLEAF_FULLCHAIN=/var/lib/everleaf/live/www/fullchain.pem",
		"EVERLEAF_SERIAL=04AB",
		"EVERLEAF_FINGERPRINT=00ff",
		"EVERLEAF_NOT_AFTER=2026-12-01T00:00:00Z",
		"EVERLEAF_WHY=expiring",
		"EVERLEAF_ERROR=no error",
		"RENEWED_LINEAGE=/var/lib/everleaf/live/www",
		"RENEWED_DOMAINS=example.org www.example.org",
		NULL,
	};
	struct err e;
	char **env;

	(void)state;
	assert_int_equal(hook_env(&full, "/root", "7.1", &env, &e), 0);
	assert_env(env, want);
	hook_env_free(env);
}

static void several_certificates_are_told_by_name_only(void **state)
{
	static const char *const want[] = {
		"PATH=" HOOK_PATH,
		"LANG=C.UTF-8",
		"HOME=/srv",
		"EVERLEAF_RUN=7.2",
		"EVERLEAF_EVENT=rolled-back",
		"EVERLEAF_HOOK=nginx",
		"EVERLEAF_COUNT=3",
		"EVERLEAF_NAMES=a b c",
		NULL,
	};
	struct hook_call call = full;
	struct err e;
	char **env;

	(void)state;
	call.event = "rolled-back";
	call.count = 3;
	call.names = "a b c";
	assert_int_equal(hook_env(&call, "/srv", "7.2", &env, &e), 0);
	assert_env(env, want);
	hook_env_free(env);
}

static void what_is_not_known_is_not_set(void **state)
{
	struct hook_call call = { .hook = "h", .event = "clock", .count = 1 };
	struct err e;
	char **env;

	(void)state;
	assert_int_equal(hook_env(&call, "/", "1.1", &env, &e), 0);
	assert_null(value_of(env, "EVERLEAF_NAMES"));
	assert_null(value_of(env, "EVERLEAF_NAME"));
	assert_null(value_of(env, "RENEWED_LINEAGE"));
	assert_string_equal(value_of(env, "EVERLEAF_COUNT"), "1");
	hook_env_free(env);
}

static void names_too_long_for_a_variable_are_left_out(void **state)
{
	AUTO_FREE char *names = xcalloc(LIMIT_HOOK_NAMES + 2, 1);
	struct hook_call call = full;
	struct err e;
	char **env;

	(void)state;
	memset(names, 'a', LIMIT_HOOK_NAMES);
	call.names = names;
	assert_int_equal(hook_env(&call, "/", "1.1", &env, &e), 0);
	assert_string_equal(value_of(env, "EVERLEAF_NAMES"), names);
	hook_env_free(env);

	names[LIMIT_HOOK_NAMES] = 'a';
	assert_int_equal(hook_env(&call, "/", "1.1", &env, &e), 0);
	assert_null(value_of(env, "EVERLEAF_NAMES"));
	assert_string_equal(value_of(env, "EVERLEAF_NAME"), "www");
	hook_env_free(env);
}

/* Each is data that arrives as it was. */
static const char *const taken[] = {
	"",
	" ",
	"  two  spaces  ",
	"\"",
	"'",
	"`id`",
	"$(id)",
	"${HOME}",
	"$HOME",
	"a;b",
	"a; touch pwn",
	"a|b",
	"a||b",
	"a&b",
	"a&&b",
	"a>b",
	"a<b",
	"*",
	"?",
	"[a-z]",
	"{a,b}",
	"~",
	"~root",
	"#",
	"!",
	"!!",
	"\\",
	"\\n",
	"%s%n",
	"%00",
	"=",
	"a=b",
	"EVERLEAF_KEY=x",
	"-",
	"--",
	"-rf",
	"--help",
	"-c id",
	"/",
	"../../etc/passwd",
	"() { :;}; id",
	"\xc3\xbc",
	"\xe4\xbe\x8b\xe3\x81\x88.jp",
	"\xf0\x9f\x8d\x83",
	"\xff\xfe",
	"\xc2\x85",
	"xn--bcher-kva.example",
	"*.example.org",
	"192.0.2.7",
	"2001:db8::1",
	"email:a@example.org",
	"uri:https://example.org/?a=b&c=d",
	"CN=a,O=\"b, c\"",
	"a:b:c",
	"a,b",
};

static void odd_values_are_data(void **state)
{
	(void)state;
	assert_true(sizeof(taken) / sizeof(*taken) >= 50);
	for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++) {
		struct hook_call call = full;
		struct err e;
		char **env;

		call.values[HOOK_ERROR] = taken[i];
		if (hook_env(&call, "/", "1.1", &env, &e) != 0)
			fail_msg("row %zu \"%s\": %s", i, taken[i], e.text);
		assert_string_equal(value_of(env, "EVERLEAF_ERROR"), taken[i]);
		hook_env_free(env);
	}
}

static void control_bytes_are_refused_by_name_and_not_repeated(void **state)
{
	(void)state;
	for (int c = 1; c < 256; c++) {
		char value[] = { 's', 'e', 'c', (char)c, '\0' };
		bool control = c < 0x20 || c == 0x7f;
		struct hook_call call = full;
		struct err e = { 0 };
		char **env = NULL;
		int rc;

		call.values[HOOK_DOMAINS] = value;
		rc = hook_env(&call, "/", "1.1", &env, &e);
		if (rc != (control ? (int)ERR_PROTO : 0))
			fail_msg("byte %02x: %d", (unsigned)c, rc);
		if (control) {
			assert_non_null(strstr(e.text, "EVERLEAF_DOMAINS"));
			assert_null(strstr(e.text, "sec"));
		}
		hook_env_free(env);
	}
}

static void every_value_is_looked_at(void **state)
{
	(void)state;
	for (int i = 0; i < HOOK_VALUES + 3; i++) {
		struct hook_call call = full;
		struct err e;
		char **env;

		if (i < HOOK_VALUES)
			call.values[i] = "a\nb";
		else
			*(const char **[]){ &call.hook, &call.event,
					    &call.names }[i - HOOK_VALUES] = "a\nb";
		if (hook_env(&call, "/", "1.1", &env, &e) != ERR_PROTO)
			fail_msg("value %d was taken", i);
	}
}

static void a_value_is_as_long_as_the_kernel_takes(void **state)
{
	AUTO_FREE char *value = xcalloc(LIMIT_HOOK_VALUE + 2, 1);
	struct hook_call call = full;
	struct err e;
	char **env;

	(void)state;
	memset(value, 'x', LIMIT_HOOK_VALUE);
	call.values[HOOK_DOMAINS] = value;
	assert_int_equal(hook_env(&call, "/", "1.1", &env, &e), 0);
	hook_env_free(env);
	value[LIMIT_HOOK_VALUE] = 'x';
	assert_int_equal(hook_env(&call, "/", "1.1", &env, &e), ERR_LIMIT);
	assert_non_null(strstr(e.text, "EVERLEAF_DOMAINS"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_certificate_is_told_whole),
		cmocka_unit_test(several_certificates_are_told_by_name_only),
		cmocka_unit_test(what_is_not_known_is_not_set),
		cmocka_unit_test(names_too_long_for_a_variable_are_left_out),
		cmocka_unit_test(odd_values_are_data),
		cmocka_unit_test(control_bytes_are_refused_by_name_and_not_repeated),
		cmocka_unit_test(every_value_is_looked_at),
		cmocka_unit_test(a_value_is_as_long_as_the_kernel_takes),
	};

	return cmocka_run_group_tests_name("env", tests, NULL, NULL);
}
