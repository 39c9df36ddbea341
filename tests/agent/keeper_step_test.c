/*
 * keeper: the tokens that a worker is given for a step-ca, read as that would read them, and
 * that nothing else can be had on its ticket.
 */
#include <string.h>

#include <jansson.h>

#include "acme/jws.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/csr.h"
#include "base/err.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/x509.h"
#include "ca/step_key.h"
#include "tests/help/certs.h"
#include "tests/help/corp.h"
#include "tests/help/jose.h"
#include "tests/scratch.h"

/* As smallstep's own code has made it, for "sesame": see tests/ca/step_key_test.c. */
#define JWE                                                                            \
	"eyJhbGciOiJQQkVTMi1IUzI1NitBMTI4S1ciLCJjdHkiOiJqd2sranNvbiIsImVuYyI6IkEyNTZH" \
	"Q00iLCJwMmMiOjEwMDAwMCwicDJzIjoibWNVZ19Xc1FGcEl1SU5LZEdIbGowdyJ9"             \
	".QxF5MhNsXUL9Rtmuiim0Pth82PjUtx35FIapmdmOg9pQkvUeB_AmWg.zl94d1ie32lUAZ9u."    \
	"cmU6cqhvMoujufmeWLACoxOvDYx6jshWy0ZefGobPcaBMaNsSs03oLiJdleFmODIDt9qoQCINy0a" \
	"wpMJc8O93kOS2sILJ5FJWy6q5cb_E0f-42m34C57ggxel8Bwv2eKVw4eEZ6ViyTA3449jIT0qbg1" \
	"di6MoiNE6Ay-0RhcQHfiXppldoOaFt4oZ_MyO_9CiHWjMShvAZT5ldqngqmkWvw6rapLKWVLg5G4" \
	"nfbxS8x9erngy-4AHVgZNm0j91VmFwUx-D7YU1IvbwwxgZkC6sWWBSJJmMuXw2yvWwoPjk9pdJ2R" \
	"2jhLjeGuMQuEDZPbGwI-yPP-OKM7mcr1v3E.KHYAYq9CO79fahz7qSQIgg"
#define JWE_KID "fYKWJwn9OEchzHGFr6IaHlk0kUSFtxK_LK02wzlUTM4"
#define JWE_PUBLIC                                          \
	"{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"RuivIN-" \
	"pPQiyZ6TP49UHUcZ6Un02hGsFPHdl2"                    \
	"kRJsIQ\",\"y\":\"86GVwbKVFHkcVkb324xhbrc1UvoJKAMEQS5ipOfaKRA\"}"

#define ISSUER                                                      \
	"type = \"step\"; url = \"https://ca.corp.example:9000/\";" \
	" provisioner = \"admin\"; "

static int by_password(void **state)
{
	return corp_in(state, &(struct corp_config){ ISSUER "password_file", NULL,
						     "sesame\nnot that\n", true });
}

static int by_key(void **state)
{
	return corp_in(state,
		       &(struct corp_config){ ISSUER "key_file", NULL, "x\n", true });
}

static void put(struct msg *m, const struct buf *part)
{
	msg_put_bytes(m, part->data, part->len);
}

static int ask_token(int fd, enum step_what what, const char *jwe,
		     struct step_told *told, char text[ERR_TEXT_MAX])
{
	unsigned char root[32];
	AUTO_JWE struct step_jwe j = { .rounds = 0 };
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	memset(root, 0xab, sizeof(root));
	if (jwe != NULL)
		assert_int_equal(step_jwe_read(jwe, strlen(jwe), &j, &e), 0);
	msg_begin(&m, SIGN_STEP, 0);
	msg_put_u64(&m, what);
	msg_put_bytes(&m, root, sizeof(root));
	put(&m, &j.header);
	msg_put_u64(&m, j.rounds);
	put(&m, &j.salt);
	put(&m, &j.wrapped);
	put(&m, &j.iv);
	put(&m, &j.text);
	put(&m, &j.tag);
	TRY(lent_ask(fd, &m, text));
	buf_puts(&told->token, msg_get_str(&m));
	buf_puts(&told->serial, msg_get_str(&m));
	told->reason = msg_get_u64(&m);
	assert_int_equal(msg_end(&m, &e), 0);
	return 0;
}

static void must_have(int fd, enum step_what what, const char *jwe,
		      struct step_told *told)
{
	char text[ERR_TEXT_MAX];

	if (ask_token(fd, what, jwe, told, text) != 0)
		fail_msg("%s", text);
}

static EVP_PKEY *public_of(const char *jwk)
{
	json_t *j = json_loads(jwk, 0, NULL);
	EVP_PKEY *key = jose_key(j);

	json_decref(j);
	return key;
}

static int64_t number(const json_t *claims, const char *key)
{
	return json_integer_value(json_object_get(claims, key));
}

static void a_token_is_for_this_request_at_this_ca(void **state)
{
	struct corp *c = *state;
	AUTO_FD int fd = corp_lend(c, LEND_ORDER, 0);
	AUTO_KEY EVP_PKEY *key = public_of(JWE_PUBLIC);
	AUTO_TOLD struct step_told told = { .reason = 0 };
	AUTO_TOLD struct step_told next = { .reason = 0 };
	AUTO_JOSE struct jose j;
	const json_t *sans;

	must_have(fd, STEP_SIGN, JWE, &told);
	jose_read_compact(&j, told.token.data);
	assert_true(jose_verifies(&j, key));
	assert_string_equal(jose_str(j.header, "kid"), JWE_KID);
	assert_string_equal(jose_str(j.payload, "aud"),
			    "https://ca.corp.example:9000/1.0/sign");
	assert_string_equal(jose_str(j.payload, "iss"), "admin");
	assert_string_equal(jose_str(j.payload, "sub"), "api.example");
	assert_int_equal(strspn(jose_str(j.payload, "sha"), "ab"), 64);
	assert_int_equal(strlen(jose_str(j.payload, "jti")), 64);
	sans = json_object_get(j.payload, "sans");
	assert_int_equal(json_array_size(sans), 2);
	assert_string_equal(json_string_value(json_array_get(sans, 0)), "api.example");
	assert_string_equal(json_string_value(json_array_get(sans, 1)), "192.0.2.7");
	assert_int_equal(number(j.payload, "exp") - number(j.payload, "iat"), 300);
	assert_in_range(number(j.payload, "nbf"), clock_now() - 60, clock_now());
	assert_int_equal(json_object_size(j.payload), 9);
	must_have(fd, STEP_SIGN, JWE, &next); /* by the key that is kept */
	assert_string_not_equal(told.token.data, next.token.data);
	assert_int_equal(told.serial.len, 0);
}

/* Also when it was opened before. */
static void a_password_that_is_another_opens_nothing(void **state)
{
	struct corp *c = *state;
	AUTO_FD int fd = corp_lend(c, LEND_ORDER, 0);
	AUTO_TOLD struct step_told told = { .reason = 0 };
	char text[ERR_TEXT_MAX] = "";

	must_have(fd, STEP_SIGN, JWE, &told);
	scratch_put(c->lent.elsewhere, "secret", "sesamf\n");
	assert_int_equal(ask_token(fd, STEP_SIGN, JWE, &told, text), ERR_CONFIG);
	assert_non_null(strstr(text, "provisioner \"admin\": password_file /"));
	assert_non_null(strstr(text, "the password does not open it"));
	assert_int_equal(ask_token(fd, STEP_SIGN, NULL, &told, text), ERR_CONFIG);
}

static void a_key_may_be_in_a_file(void **state)
{
	struct corp *c = *state;
	AUTO_FD int fd = corp_lend(c, LEND_ORDER, 0);
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P384);
	AUTO_BUF struct buf pem = { 0 };
	AUTO_BUF struct buf kid = { 0 };
	AUTO_TOLD struct step_told told = { .reason = 0 };
	AUTO_JOSE struct jose j;
	char text[ERR_TEXT_MAX] = "";
	struct err e;

	assert_int_equal(key_to_pem(key, &pem, &e), 0);
	assert_int_equal(jws_thumbprint(key, &kid, &e), 0);
	scratch_put(c->lent.elsewhere, "secret", pem.data);
	must_have(fd, STEP_SIGN, NULL, &told);
	jose_read_compact(&j, told.token.data);
	assert_true(jose_verifies(&j, key));
	assert_string_equal(jose_str(j.header, "kid"), kid.data);
	scratch_put(c->lent.elsewhere, "secret", JWE);
	assert_int_equal(ask_token(fd, STEP_SIGN, NULL, &told, text), ERR_CONFIG);
	assert_non_null(strstr(text, "its key is encrypted: set password_file"));
	scratch_put(c->lent.elsewhere, "secret", "x\n");
	assert_int_equal(ask_token(fd, STEP_SIGN, NULL, &told, text), ERR_CONFIG);
	assert_non_null(strstr(text, "no key in PEM, as JWK or JWE"));
}

static void what_has_ended_signs_for_itself(void **state)
{
	struct corp *c = *state;
	AUTO_FD int first = corp_lend(c, LEND_ORDER, 0);
	AUTO_FD int next = corp_lend(c, LEND_ORDER, 1);
	AUTO_TOLD struct step_told told = { .reason = 0 };
	AUTO_JOSE struct jose j;
	char text[ERR_TEXT_MAX] = "";

	corp_keep(c, 1000);
	assert_int_equal(ask_token(first, STEP_RENEW, NULL, &told, text), ERR_PROTO);
	assert_string_equal(text, "it renews nothing");
	must_have(next, STEP_RENEW, NULL, &told);
	jose_read_compact(&j, told.token.data);
	assert_true(jose_verifies(&j, X509_get0_pubkey(c->live)));
	assert_int_equal(json_array_size(json_object_get(j.header, "x5cInsecure")), 1);
	assert_string_equal(jose_str(j.payload, "aud"),
			    "https://ca.corp.example:9000/1.0/renew");
	assert_string_equal(jose_str(j.payload, "iss"), "step-ca-client/1.0");
	assert_string_equal(jose_str(j.payload, "sub"), "the live one");
	assert_null(json_object_get(j.payload, "sans"));
}

static void a_revocation_names_the_generation(void **state)
{
	struct corp *c = *state;
	AUTO_FD int fd = corp_lend(c, LEND_REVOKE, 1);
	AUTO_FD int by_key = corp_lend(c, LEND_REVOKE_BY_KEY, 1);
	AUTO_TOLD struct step_told told = { .reason = 0 };
	AUTO_TOLD struct step_told itself = { .reason = 0 };
	AUTO_JOSE struct jose j;
	char text[ERR_TEXT_MAX] = "";

	corp_keep(c, 1000);
	must_have(fd, STEP_REVOKE, JWE, &told);
	jose_read_compact(&j, told.token.data);
	assert_string_equal(told.serial.data, "65281");
	assert_int_equal(told.reason, 4);
	assert_string_equal(jose_str(j.payload, "sub"), "65281");
	assert_string_equal(jose_str(j.payload, "aud"),
			    "https://ca.corp.example:9000/1.0/revoke");
	must_have(by_key, STEP_ITSELF, NULL, &itself);
	assert_int_equal(itself.token.len, 0);
	assert_string_equal(itself.serial.data, "65281");
	assert_int_equal(ask_token(fd, STEP_SIGN, JWE, &told, text), ERR_PROTO);
	assert_int_equal(ask_token(fd, STEP_RENEW, JWE, &told, text), ERR_PROTO);
	assert_string_equal(text, "token 1 is not what this was lent for");
}

static int live(int fd, char text[ERR_TEXT_MAX])
{
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, SIGN_LIVE, 0);
	return lent_ask(fd, &m, text);
}

/* Who is to show the certificate has no token; and the private key is nobody else's. */
static void a_revocation_is_by_the_provisioner_or_by_the_key_as_was_asked(void **state)
{
	struct corp *c = *state;
	AUTO_FD int fd = corp_lend(c, LEND_REVOKE, 1);
	AUTO_FD int by_key = corp_lend(c, LEND_REVOKE_BY_KEY, 1);
	AUTO_TOLD struct step_told told = { .reason = 0 };
	char text[ERR_TEXT_MAX] = "";

	corp_keep(c, 1000);
	assert_int_equal(ask_token(by_key, STEP_REVOKE, JWE, &told, text), ERR_PROTO);
	assert_string_equal(text, "token 2 is not what this was lent for");
	assert_int_equal(live(by_key, text), 0);
	assert_int_equal(ask_token(fd, STEP_ITSELF, NULL, &told, text), ERR_PROTO);
	assert_string_equal(text, "token 3 is not what this was lent for");
	assert_int_equal(live(fd, text), ERR_PROTO);
	assert_non_null(strstr(text, "is not allowed here"));
}

static void nothing_else_can_be_had_there(void **state)
{
	struct corp *c = *state;
	AUTO_FD int fd = corp_lend(c, LEND_ORDER, 1);
	AUTO_TOLD struct step_told told = { .reason = 0 };
	char text[ERR_TEXT_MAX];

	assert_int_equal(ask_token(fd, STEP_REVOKE, JWE, &told, text), ERR_PROTO);
	assert_int_equal(ask_token(fd, STEP_ITSELF, JWE, &told, text), ERR_PROTO);
	assert_int_equal(ask_token(fd, STEP_WHATS, JWE, &told, text), ERR_PROTO);
	lent_takes_only(fd,
			(const uint32_t[]){ SIGN_STEP, SIGN_STEP_CSR, SIGN_LIVE, 0 });
}

#define CASE(f, in) cmocka_unit_test_setup_teardown(f, in, corp_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_token_is_for_this_request_at_this_ca, by_password),
		CASE(a_password_that_is_another_opens_nothing, by_password),
		CASE(a_key_may_be_in_a_file, by_key),
		CASE(what_has_ended_signs_for_itself, by_password),
		CASE(a_revocation_names_the_generation, by_password),
		CASE(a_revocation_is_by_the_provisioner_or_by_the_key_as_was_asked,
		     by_password),
		CASE(nothing_else_can_be_had_there, by_password),
	};

	return cmocka_run_group_tests_name("keeper_step", tests, NULL, NULL);
}
