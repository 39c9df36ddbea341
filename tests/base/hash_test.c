/* hash: SHA-256, in pieces of any size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/text.h"

/* = FIPS 180-2 B.2 */
static void it_is_sha_256_however_the_bytes_come(void **state)
{
	static const char text[] =
	    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";

	(void)state;
	for (size_t first = 0; first < sizeof(text); first++) {
		uint8_t sum[HASH_LEN];
		char hex[2 * HASH_LEN + 1];
		struct hash h;

		hash_begin(&h);
		hash_add(&h, text, first);
		hash_add(&h, text + first, strlen(text) - first);
		hash_end(&h, sum);
		text_hex(hex, sum, sizeof(sum));
		assert_string_equal(hex, "248d6a61d20638b8e5c026930c3e6039"
					 "a33ce45964ff2167f6ecedd419db06c1");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_sha_256_however_the_bytes_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
