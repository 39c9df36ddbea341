/* responder_tokens: nothing but key authorizations, each under its own token. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "agent/responder/responder_tokens.h"
#include "base/err.h"
#include "tests/help/visit.h"

/* = RFC 8555 8.1 "keyAuthorization = token || '.' || base64url(Thumbprint(accountKey))" */
static void only_key_authorizations_can_be_served(void **state)
{
	static const struct {
		const char *token;
		const char *authorization;
	} rows[] = {
		{ "", "." THUMB },
		{ "short", "short." THUMB },
		{ "../../etc/passwd-passwd", "../../etc/passwd-passwd." THUMB },
		{ TOKEN, TOKEN },
		{ TOKEN, TOKEN "." },
		{ TOKEN, TOKEN "." THUMB "x" },
		{ TOKEN, TOKEN "x" THUMB },
		{ TOKEN, "x" TOKEN "." THUMB },
		{ TOKEN, TOKEN ".<script>alert(1)</script>aaaaaaaaaaaaaaaaaa" },
	};
	struct responder_tokens t = { 0 };
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (responder_tokens_add(&t, rows[i].token, rows[i].authorization,
					 &e) != ERR_PROTO)
			fail_msg("row %zu was taken", i);
	assert_int_equal(t.n, 0);
	responder_tokens_done(&t);
}

static void ten_thousand_tokens_are_kept_apart(void **state)
{
	struct responder_tokens t = { 0 };
	char token[32], authorization[96];
	struct err e;

	(void)state;
	for (unsigned i = 0; i < LIMIT_TOKENS; i++) {
		snprintf(token, sizeof(token), "%010u-abcdefghijklm", i * 7919 % 10007);
		snprintf(authorization, sizeof(authorization), "%s." THUMB, token);
		assert_int_equal(responder_tokens_add(&t, token, authorization, &e), 0);
	}
	assert_int_equal(t.n, LIMIT_TOKENS);
	assert_int_equal(responder_tokens_add(&t, TOKEN, TOKEN "." THUMB, &e),
			 ERR_LIMIT);
	assert_int_equal(responder_tokens_add(&t, token, authorization, &e), 0);
	for (unsigned i = 0; i < LIMIT_TOKENS; i += 2) {
		snprintf(token, sizeof(token), "%010u-abcdefghijklm", i * 7919 % 10007);
		responder_tokens_remove(&t, token);
	}
	for (unsigned i = 0; i < LIMIT_TOKENS; i++) {
		const char *found;

		snprintf(token, sizeof(token), "%010u-abcdefghijklm", i * 7919 % 10007);
		found = responder_tokens_find(&t, token);
		if ((found != NULL) != (i % 2 == 1))
			fail_msg("token %u", i);
		if (found != NULL)
			assert_memory_equal(found, token, strlen(token));
	}
	responder_tokens_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_key_authorizations_can_be_served),
		cmocka_unit_test(ten_thousand_tokens_are_kept_apart),
	};

	return cmocka_run_group_tests_name("responder tokens", tests, NULL, NULL);
}
