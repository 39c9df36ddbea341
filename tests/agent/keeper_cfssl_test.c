/*
 * keeper: what a worker may send to a CFSSL server, read as that would read it, and that
 * nothing else can be had on its ticket.
 */
#include <string.h>

#include <jansson.h>
#include <openssl/hmac.h>
#include <openssl/x509v3.h>

#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/csr.h"
#include "base/err.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/x509.h"
#include "tests/help/certs.h"
#include "tests/help/corp.h"
#include "tests/scratch.h"

#define KEY "\x01\x23\x45\x67\x89\xab\xcd\xef\x0f"

static const struct corp_config config = {
	.issuer = "type = \"cfssl\"; url = \"http://ca.corp.example\";"
		  " profile = \"server\"; auth_key_file",
	.cert = "optional = \"b.example\";",
	.secret = " 0123456789abCDEF0f\n",
};

static int stage_in(void **state)
{
	return corp_in(state, &config);
}

/* What is to be sent, its MAC verified; the caller's. */
static json_t *asked(int fd)
{
	AUTO_MSG struct msg m = MSG_NONE;
	unsigned char sum[32];
	unsigned n = sizeof(sum);
	char text[ERR_TEXT_MAX];
	const char *json;
	const void *mac;
	json_t *read;
	size_t len;
	struct err e;

	msg_begin(&m, SIGN_CFSSL, 5);
	if (lent_ask(fd, &m, text) != 0)
		fail_msg("%s", text);
	json = msg_get_str(&m);
	mac = msg_get_bytes(&m, &len);
	assert_int_equal(msg_end(&m, &e), 0);
	assert_int_equal(len, sizeof(sum));
	assert_non_null(HMAC(EVP_sha256(), KEY, sizeof(KEY) - 1,
			     (const unsigned char *)json, strlen(json), sum, &n));
	assert_memory_equal(mac, sum, sizeof(sum));
	read = json_loads(json, 0, NULL);
	assert_non_null(read);
	return read;
}

static const char *member(const json_t *json, const char *key)
{
	const char *value = json_string_value(json_object_get(json, key));

	assert_non_null(value);
	return value;
}

/* Without `hosts`, which would take the place of the names in the request. */
static void a_request_is_for_the_key_that_waits_and_the_names_that_are_asked(
    void **state)
{
	struct corp *c = *state;
	struct lend_ticket t = corp_ticket(c, LEND_ORDER, 1);
	AUTO_FD int fd = -1;
	AUTO_CSR X509_REQ *csr = NULL;
	AUTO_MSG struct msg m = MSG_NONE;
	char text[ERR_TEXT_MAX];
	struct name *names;
	json_t *json;
	struct err e;
	size_t n;

	t.out.bits[0] = 4; /* b.example */
	fd = lent_fd(&c->keeper, &t);
	msg_begin(&m, SIGN_CFSSL, 5);
	assert_int_equal(lent_ask(fd, &m, text), ERR_PROTO);
	assert_string_equal(text, "there is no key that waits");
	corp_wait(c);
	json = asked(fd);
	assert_int_equal(json_object_size(json), 2);
	assert_string_equal(member(json, "profile"), "server");
	assert_int_equal(csr_from_pem(member(json, "certificate_request"),
				      strlen(member(json, "certificate_request")), &csr,
				      &e),
			 0);
	json_decref(json);
	assert_true(key_same_public(X509_REQ_get0_pubkey(csr), c->waits));
	assert_int_equal(x509_csr_names(csr, &names, &n, &e), 0);
	assert_int_equal(n, 2);
	x509_names_free(names, n);
}

/* Generation 1, whose serial number is 0x87654321. */
static void keep(const struct corp *c, struct buf *key_id)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_X509 X509 *ca =
	    certs_make(&(struct cert_plan){ .key = key,
					    .subject = "CA",
					    .basic = "critical,CA:TRUE",
					    .key_usage = "critical,keyCertSign",
					    .to = 4102444800 });
	AUTO_X509 X509 *cert = certs_make(&(struct cert_plan){ .key = key,
							       .issuer = ca,
							       .issuer_key = key,
							       .serial = "87654321",
							       .to = 4102444800 });
	const ASN1_OCTET_STRING *id = X509_get0_authority_key_id(cert);

	assert_non_null(id);
	buf_add(key_id, ASN1_STRING_get0_data(id), (size_t)ASN1_STRING_length(id));
	lent_keep(&c->lent, cert, key);
}

static void a_revocation_names_the_serial_number_and_the_key_of_the_ca(void **state)
{
	struct corp *c = *state;
	AUTO_FD int fd = corp_lend(c, LEND_REVOKE, 1);
	AUTO_BUF struct buf id = { 0 };
	char hex[128];
	json_t *json;

	keep(c, &id);
	assert_true(2 * id.len < sizeof(hex));
	text_hex(hex, id.data, id.len);
	json = asked(fd);
	assert_int_equal(json_object_size(json), 3);
	assert_string_equal(member(json, "serial"), "2271560481");
	assert_string_equal(member(json, "authority_key_id"), hex);
	assert_string_equal(member(json, "reason"), "4");
	json_decref(json);
}

static void a_key_that_is_none_is_refused(void **state)
{
	static const char *const keys[] = { "",    "\n",    "0",  "0g",
					    "012", "01 23", "-1", "0x01" };
	struct corp *c = *state;
	AUTO_BUF struct buf id = { 0 };
	AUTO_FD int fd = corp_lend(c, LEND_REVOKE, 1);

	keep(c, &id);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		AUTO_MSG struct msg m = MSG_NONE;
		char text[ERR_TEXT_MAX] = "";

		scratch_put(c->lent.elsewhere, "secret", keys[i]);
		msg_begin(&m, SIGN_CFSSL, 5);
		if (lent_ask(fd, &m, text) != ERR_CONFIG ||
		    strstr(text, "secret is not a key in hex") == NULL)
			fail_msg("\"%s\": \"%s\"", keys[i], text);
	}
}

static void nothing_else_can_be_had_there(void **state)
{
	struct corp *c = *state;
	AUTO_FD int fd = corp_lend(c, LEND_ORDER, 1);
	char text[ERR_TEXT_MAX];

	lent_takes_only(fd, (const uint32_t[]){ SIGN_CFSSL, 0 });
	for (unsigned what = 0; what < LENDS; what++) {
		const struct lend_ticket t = corp_ticket(c, (enum lend)what, 1);
		AUTO_FD int other = -1;
		const bool fine = what == LEND_ORDER || lend_revokes(t.what);

		if ((lent_try(&c->keeper, &t, &other, text) == 0) != fine)
			fail_msg("ticket %u: \"%s\"", what, text);
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, stage_in, corp_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_request_is_for_the_key_that_waits_and_the_names_that_are_asked),
		CASE(a_revocation_names_the_serial_number_and_the_key_of_the_ca),
		CASE(a_key_that_is_none_is_refused),
		CASE(nothing_else_can_be_had_there),
	};

	return cmocka_run_group_tests_name("keeper_cfssl", tests, NULL, NULL);
}
