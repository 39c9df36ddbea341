/* step_key: what step has encrypted, and what is like it and is not. */
#include "ca/step_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/base64url.h"
#include "base/err.h"
#include "base/key.h"
#include "base/mem.h"

/* By smallstep's own code (tests/peers step-ca; step-ca jwk admin sesame). */
#define HEADER                                                                         \
	"eyJhbGciOiJQQkVTMi1IUzI1NitBMTI4S1ciLCJjdHkiOiJqd2sranNvbiIsImVuYyI6IkEyNTZH" \
	"Q00iLCJwMmMiOjEwMDAwMCwicDJzIjoibWNVZ19Xc1FGcEl1SU5LZEdIbGowdyJ9"
#define WRAPPED "QxF5MhNsXUL9Rtmuiim0Pth82PjUtx35FIapmdmOg9pQkvUeB_AmWg"
#define IV      "zl94d1ie32lUAZ9u"
#define TEXT                                                                           \
	"cmU6cqhvMoujufmeWLACoxOvDYx6jshWy0ZefGobPcaBMaNsSs03oLiJdleFmODIDt9qoQCINy0a" \
	"wpMJc8O93kOS2sILJ5FJWy6q5cb_E0f-42m34C57ggxel8Bwv2eKVw4eEZ6ViyTA3449jIT0qbg1" \
	"di6MoiNE6Ay-0RhcQHfiXppldoOaFt4oZ_MyO_9CiHWjMShvAZT5ldqngqmkWvw6rapLKWVLg5G4" \
	"nfbxS8x9erngy-4AHVgZNm0j91VmFwUx-D7YU1IvbwwxgZkC6sWWBSJJmMuXw2yvWwoPjk9pdJ2R" \
	"2jhLjeGuMQuEDZPbGwI-yPP-OKM7mcr1v3E"
#define TAG "KHYAYq9CO79fahz7qSQIgg"
#define KID "fYKWJwn9OEchzHGFr6IaHlk0kUSFtxK_LK02wzlUTM4"

#define COMPACT HEADER "." WRAPPED "." IV "." TEXT "." TAG

static int open_text(const char *text, const char *password, struct step_key *key,
		     struct err *e)
{
	AUTO_JWE struct step_jwe j = { .rounds = 0 };
	AUTO_BUF struct buf secret = { 0 };

	TRY(step_jwe_read(text, strlen(text), &j, e));
	buf_puts(&secret, password);
	return step_key_open(&j, &secret, key, e);
}

static void must_open(const char *text)
{
	struct step_key key = { .key = NULL };
	struct err e;

	if (open_text(text, "sesame", &key, &e) != 0)
		fail_msg("%s", e.text);
	assert_int_equal(key_type_of(key.key), KEY_ECDSA_P256);
	assert_string_equal(key.kid.data, KID);
	step_key_done(&key);
}

static void what_step_has_encrypted_is_opened(void **state)
{
	(void)state;
	must_open(COMPACT);
	must_open(" " COMPACT "\n");
	must_open("{\"protected\" : \"" HEADER "\",\n \"encrypted_key\":\"" WRAPPED
		  "\",\"iv\":\"" IV "\",\"ciphertext\":\"" TEXT "\",\"tag\":\"" TAG
		  "\"}\n");
}

/* "{...}" as a header. */
static char *with_header(const char *json)
{
	AUTO_BUF struct buf text = { 0 };

	base64url_add(&text, json, strlen(json));
	buf_puts(&text, "." WRAPPED "." IV "." TEXT "." TAG);
	return buf_take(&text);
}

#define HEADER_OF(alg, enc, rest) "{\"alg\":\"" alg "\",\"enc\":\"" enc "\"" rest "}"
#define PBES2                     "PBES2-HS256+A128KW"

static void what_is_made_in_another_way_is_named(void **state)
{
	static const struct {
		const char *header;
		enum err_code code;
		const char *said;
	} rows[] = {
		{ HEADER_OF("PBES2-HS512+A256KW", "A256GCM", ""), ERR_CONFIG,
		  "encrypted by PBES2-HS512+A256KW and A256GCM" },
		{ HEADER_OF(PBES2, "A128CBC-HS256", ""), ERR_CONFIG,
		  "and A128CBC-HS256, and not" },
		{ HEADER_OF("RSA\x1b[2J", "A256GCM\n", ""), ERR_CONFIG,
		  "encrypted by RSA\\x1b[2J and A256GCM\\n, and not" },
		{ HEADER_OF("0123456789012345678901234567890123456789", "", ""),
		  ERR_CONFIG, "by 01234567890123456789012345678901... and , and not" },
		{ "{}", ERR_CONFIG, "encrypted by nothing and nothing" },
		{ "", ERR_PROTO, "without a header" },
		{ HEADER_OF(PBES2, "A256GCM", ",\"p2c\":1000"), ERR_PROTO,
		  "without a salt" },
		{ HEADER_OF(PBES2, "A256GCM", ",\"p2c\":1000,\"p2s\":\"a\\\"b\""),
		  ERR_PROTO, "without a salt" },
		{ HEADER_OF(PBES2, "A256GCM", ",\"p2s\":\"YWJj\""), ERR_CONFIG,
		  "more than 1000000 times" },
		{ HEADER_OF(PBES2, "A256GCM", ",\"p2c\":1000001,\"p2s\":\"YWJj\""),
		  ERR_CONFIG, "more than 1000000 times" },
		{ HEADER_OF(PBES2, "A256GCM",
			    ",\"p2c\":99999999999999999999999,\"p2s\":\"YWJj\""),
		  ERR_CONFIG, "more than 1000000 times" },
		{ HEADER_OF(PBES2, "A256GCM", ",\"p2c\":1000,\"p2s\":\"YWJj\""),
		  ERR_CONFIG, "the password does not open it" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_FREE char *text = with_header(rows[i].header);
		struct step_key key = { .key = NULL };
		struct err e = { .code = 0 };
		const int rc = open_text(text, "sesame", &key, &e);

		if (rc != (int)rows[i].code || strstr(e.text, rows[i].said) == NULL)
			fail_msg("%s: %d \"%s\"", rows[i].header, rc, e.text);
		assert_null(key.key);
	}
}

static void what_does_not_hold_is_not_opened(void **state)
{
	static const struct {
		const char *text;
		const char *password;
		enum err_code code;
	} rows[] = {
		{ COMPACT, "sesam", ERR_CONFIG },
		{ COMPACT, "sesamee", ERR_CONFIG },
		{ HEADER "." WRAPPED "." IV "." TEXT ".KHYAYq9CO79fahz7qSQIgA",
		  "sesame", ERR_CONFIG },
		{ HEADER "." WRAPPED "." IV ".AAAA" TEXT "." TAG, "sesame",
		  ERR_CONFIG },
		{ HEADER "." WRAPPED ".AAAA." TEXT "." TAG, "sesame", ERR_CONFIG },
		{ HEADER ".AAAA." IV "." TEXT "." TAG, "sesame", ERR_CONFIG },
		{ HEADER "." WRAPPED "." IV "." TEXT ".KHY", "sesame", ERR_CONFIG },
		{ HEADER "." WRAPPED "." IV "." TEXT, "sesame", ERR_PROTO },
		{ COMPACT ".AAAA", "sesame", ERR_PROTO },
		{ HEADER "." WRAPPED "." IV "." TEXT ".", "sesame", ERR_PROTO },
		{ HEADER "." WRAPPED "." IV ".!!." TAG, "sesame", ERR_PROTO },
		{ "{\"protected\":\"" HEADER "\"}", "sesame", ERR_PROTO },
		{ "{\"protected\":7}", "sesame", ERR_PROTO },
		{ "{\"protected\":\"", "sesame", ERR_PROTO },
		{ "", "sesame", ERR_PROTO },
		{ "....", "sesame", ERR_PROTO },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct step_key key = { .key = NULL };
		struct err e = { .code = 0 };
		const int rc = open_text(rows[i].text, rows[i].password, &key, &e);

		if (rc != (int)rows[i].code || key.key != NULL)
			fail_msg("row %zu: %d \"%s\"", i, rc, e.text);
	}
}

/* RFC 8037 A.1, RFC 7515 A.3.1, and what is not their like. */
static void a_key_may_be_open(void **state)
{
	static const struct {
		const char *jwk;
		enum key_type type;
	} rows[] = {
		{ "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
		  "\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\","
		  "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
		  KEY_ED25519 },
		{ "{\"kty\":\"EC\", \"crv\" : \"P-256\","
		  "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		  "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\","
		  "\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}",
		  KEY_ECDSA_P256 },
		/* = RFC 7518 6.2.2.1 [d] */
		{ "{\"crv\":\"P-256\","
		  "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		  "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\","
		  "\"d\":\"mxCecZCYv5gEh98fXXfpyylgbr7SJjtfV8IT34T0sg\"}",
		  KEY_NONE },
		{ "{\"crv\":\"P-256\","
		  "\"x\":\"AAAAJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		  "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\","
		  "\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}",
		  KEY_NONE },
		{ "{\"crv\":\"P-256\","
		  "\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}",
		  KEY_NONE },
		{ "{\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHv"
		  "RVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
		  KEY_NONE },
		{ "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\",\"d\":\"AQAB\"}",
		  KEY_NONE },
		{ "{\"x\":\"\\\"d\\\":\\\"AQAB\\\"\",\"crv\":\"Ed25519\"}", KEY_NONE },
		{ "", KEY_NONE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct step_key key = { .key = NULL };
		struct err e = { .code = 0 };
		const int rc =
		    step_key_read(rows[i].jwk, strlen(rows[i].jwk), &key, &e);

		if (rc != (rows[i].type == KEY_NONE ? ERR_CONFIG : 0) ||
		    (rc == 0 && key_type_of(key.key) != rows[i].type))
			fail_msg("row %zu: %d \"%s\"", i, rc, e.text);
		step_key_done(&key);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_step_has_encrypted_is_opened),
		cmocka_unit_test(what_is_made_in_another_way_is_named),
		cmocka_unit_test(what_does_not_hold_is_not_opened),
		cmocka_unit_test(a_key_may_be_open),
	};

	return cmocka_run_group_tests_name("step_key", tests, NULL, NULL);
}
