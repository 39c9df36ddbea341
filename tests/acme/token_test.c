/* token: nothing that could be a path, a header or a command passes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "acme/token.h"

#define T22 "abcdefghijklmnopqrstuv"

/* = RFC 8555 8.3 "This value MUST have at least 128 bits of entropy. It MUST NOT contain
 * any characters outside the base64url alphabet and MUST NOT include base64 padding
 * characters ("=")." */
static void only_base64url_of_128_bits_is_a_token(void **state)
{
	static const struct {
		const char *token;
		bool valid;
	} rows[] = {
		{ T22, true },
		{ "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", true },
		{ "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0", true },
		{ "", false },
		{ "abcdefghijklmnopqrstu", false }, /* 21 */
		{ T22 "=", false },
		{ T22 "+", false },
		{ T22 "/", false },
		{ "../" T22, false },
		{ T22 ".", false },
		{ T22 "%", false },
		{ T22 " ", false },
		{ T22 "\n", false },
		{ "$(" T22 ")", false },
		{ T22 "\xc3\xa9", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (token_is_valid(rows[i].token, strlen(rows[i].token)) !=
		    rows[i].valid)
			fail_msg("\"%s\"", rows[i].token);
}

static void a_token_has_an_end(void **state)
{
	char token[TOKEN_MAX + 1];

	(void)state;
	memset(token, 'a', sizeof(token));
	assert_true(token_is_valid(token, TOKEN_MAX));
	assert_false(token_is_valid(token, TOKEN_MAX + 1));
}

static void every_byte_is_judged(void **state)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz0123456789-_";
	char token[] = T22;

	(void)state;
	for (int c = 0; c < 256; c++) {
		bool in = memchr(alphabet, c, sizeof(alphabet) - 1) != NULL;

		token[TOKEN_MIN - 1] = (char)c;
		if (token_is_valid(token, TOKEN_MIN) != in)
			fail_msg("byte %d", c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_base64url_of_128_bits_is_a_token),
		cmocka_unit_test(a_token_has_an_end),
		cmocka_unit_test(every_byte_is_judged),
	};

	return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
