/*
 * keeper: what a worker is given for a CMP server: requests with the signature of a key that
 * does not leave, who enrols first, and nothing else.
 */
#include <string.h>

#include <openssl/cmp.h>

#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/key.h"
#include "base/x509.h"
#include "ca/cmp.h"
#include "tests/help/certs.h"
#include "tests/help/lent.h"
#include "tests/help/pending.h"
#include "tests/scratch.h"

struct stage {
	struct lent lent;
	uint32_t corp;
	struct alone keeper;
	EVP_PKEY *key; /* that waits */
};

#define SHA "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static const struct lent_config config = {
	.before = "issuers = { name = \"corp\"; type = \"cmp\"; url = "
		  "\"http://ca.corp.example\"; cmd = \"cr\";"
		  "  trust = \"sha256:" SHA "\"; reference = \"web\"; secret_file = ",
	.after =
	    "; };"
	    "certificates = { name = \"a\"; names = [ \"api.example\", \"192.0.2.7\" ];"
	    "  issuer = \"corp\"; };",
	.file = "secret",
	.secret = "sesame\nnot that\n",
};

static int stage_in(void **state)
{
	struct stage *s = test_calloc(1, sizeof(*s));
	const struct scratch *dir;
	struct err e;

	if (lent_in(&s->lent, &config) < 0)
		return -1;
	dir = s->lent.scratch;
	s->corp = lent_issuer(&s->lent, "corp");
	s->keeper = lent_begin(&s->lent, COMMAND_RENEW, 0);
	assert_int_equal(pending_key(dir->fd, "a", KEY_ECDSA_P256, 0, &s->key, &e), 0);
	*state = s;
	return 0;
}

static int stage_out(void **state)
{
	struct stage *s = *state;
	int rc;

	assert_int_equal(alone_end(&s->keeper, NULL, 0), 0);
	rc = lent_out(&s->lent);
	EVP_PKEY_free(s->key);
	test_free(s);
	return rc;
}

static int lend(const struct stage *s, enum lend what, uint64_t generation)
{
	const struct lend_ticket t = {
		.what = what,
		.issuer = s->corp,
		.generation = generation,
		.reason = lend_revokes(what) ? 4 : 0,
	};

	return lent_fd(&s->keeper, &t);
}

/* Generation 1; the caller's. */
static X509 *keep_live(const struct stage *s)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	X509 *cert = certs_make(&(struct cert_plan){ .key = key,
						     .subject = "the live one",
						     .serial = "0A0B0C",
						     .to = 4102444800 });

	lent_keep(&s->lent, cert, key);
	return cert;
}

static struct cmp_ask ask(int fd, bool by_live)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct cmp_ask a = { .what = CMP_REQUESTS };
	char text[ERR_TEXT_MAX];
	const void *data;
	size_t len;
	struct err e;

	msg_begin(&m, SIGN_CMP, 5);
	msg_put_u64(&m, by_live);
	if (lent_ask(fd, &m, text) != 0)
		fail_msg("%s", text);
	a.what = (enum cmp_request)msg_get_u64(&m);
	data = msg_get_bytes(&m, &len);
	buf_add(&a.der, data, len);
	data = msg_get_bytes(&m, &len);
	buf_add(&a.spki, data, len);
	a.reason = msg_get_u64(&m);
	assert_int_equal(msg_end(&m, &e), 0);
	return a;
}

static void ask_done(struct cmp_ask *a)
{
	buf_done(&a->der);
	buf_done(&a->spki);
}

/* Its key is the one that waits, and has signed it. */
static OSSL_CRMF_MSG *read_template(const struct stage *s, const struct cmp_ask *a)
{
	const unsigned char *at = (const unsigned char *)a->der.data;
	OSSL_CRMF_MSG *crm = d2i_OSSL_CRMF_MSG(NULL, &at, (long)a->der.len);
	STACK_OF(OSSL_CRMF_MSG) *all = sk_OSSL_CRMF_MSG_new_null();
	AUTO_BUF struct buf spki = { 0 };
	struct err e;

	assert_non_null(crm);
	assert_int_equal(key_to_spki(s->key, &spki, &e), 0);
	assert_int_equal(spki.len, a->spki.len);
	assert_memory_equal(spki.data, a->spki.data, spki.len);
	sk_OSSL_CRMF_MSG_push(all, crm);
	assert_int_equal(OSSL_CRMF_MSGS_verify_popo(all, 0, 0, NULL, NULL), 1);
	sk_OSSL_CRMF_MSG_free(all);
	return crm;
}

static void the_first_request_is_a_template_of_the_key_that_waits(void **state)
{
	const struct stage *s = *state;
	AUTO_FD int fd = lend(s, LEND_ORDER, 0);
	struct cmp_ask a = ask(fd, true); /* there is nothing that is live */
	OSSL_CRMF_MSG *crm = read_template(s, &a);
	char line[128];

	assert_int_equal(a.what, CMP_CR);
	X509_NAME_oneline(OSSL_CRMF_CERTTEMPLATE_get0_subject(
			      OSSL_CRMF_MSG_get0_tmpl(crm)),
			  line, sizeof(line));
	assert_string_equal(line, "/CN=api.example");
	assert_null(OSSL_CRMF_MSG_get0_regCtrl_oldCertID(crm));
	OSSL_CRMF_MSG_free(crm);
	ask_done(&a);
}

static void a_renewal_names_what_it_replaces_and_has_its_subject(void **state)
{
	const struct stage *s = *state;
	AUTO_X509 X509 *live = keep_live(s);
	AUTO_FD int fd = lend(s, LEND_ORDER, 1);
	struct cmp_ask a = ask(fd, true), first = ask(fd, false);
	OSSL_CRMF_MSG *crm = read_template(s, &a);
	const OSSL_CRMF_CERTID *old = OSSL_CRMF_MSG_get0_regCtrl_oldCertID(crm);

	assert_int_equal(a.what, CMP_KUR);
	assert_int_equal(first.what, CMP_CR);
	assert_non_null(old);
	assert_int_equal(ASN1_INTEGER_cmp(OSSL_CRMF_CERTID_get0_serialNumber(old),
					  X509_get0_serialNumber(live)),
			 0);
	assert_int_equal(X509_NAME_cmp(OSSL_CRMF_CERTTEMPLATE_get0_subject(
					   OSSL_CRMF_MSG_get0_tmpl(crm)),
				       X509_get_subject_name(live)),
			 0);
	OSSL_CRMF_MSG_free(crm);
	ask_done(&a);
	ask_done(&first);
}

static void a_revocation_is_of_the_certificate_on_its_ticket(void **state)
{
	const struct stage *s = *state;
	AUTO_X509 X509 *live = keep_live(s);
	AUTO_FD int fd = lend(s, LEND_REVOKE, 1);
	AUTO_BUF struct buf der = { 0 };
	struct cmp_ask a = ask(fd, false);
	struct err e;

	assert_int_equal(x509_to_der(live, &der, &e), 0);
	assert_int_equal(a.what, CMP_RR);
	assert_int_equal(a.reason, 4);
	assert_int_equal(a.der.len, der.len);
	assert_memory_equal(a.der.data, der.data, der.len);
	assert_int_equal(a.spki.len, 0);
	ask_done(&a);
}

static void who_enrols_first_has_the_first_line_of_the_file(void **state)
{
	const struct stage *s = *state;
	AUTO_FD int fd = lend(s, LEND_ORDER, 0);
	AUTO_MSG struct msg m = MSG_NONE;
	char text[ERR_TEXT_MAX] = "";
	struct err e;

	msg_begin(&m, SIGN_CMP_FIRST, 5);
	assert_int_equal(lent_ask(fd, &m, text), 0);
	assert_string_equal(msg_get_str(&m), "web");
	assert_string_equal(msg_get_str(&m), "sesame");
	assert_string_equal(msg_get_str(&m), "");
	assert_string_equal(msg_get_str(&m), "");
	assert_int_equal(msg_end(&m, &e), 0);
	scratch_put(s->lent.elsewhere, "secret", "\n");
	msg_begin(&m, SIGN_CMP_FIRST, 5);
	assert_int_equal(lent_ask(fd, &m, text), ERR_CONFIG);
}

/* The first credential is of no use to who revokes by the key. */
static void by_its_own_key_a_certificate_is_revoked_by_nobody_else(void **state)
{
	const struct stage *s = *state;
	AUTO_X509 X509 *live = keep_live(s);
	AUTO_FD int fd = lend(s, LEND_REVOKE_BY_KEY, 1);
	AUTO_FD int as_can_be = lend(s, LEND_REVOKE, 1);
	AUTO_MSG struct msg m = MSG_NONE;
	struct cmp_ask a = ask(fd, false);
	char text[ERR_TEXT_MAX];

	assert_non_null(live);
	assert_int_equal(a.what, CMP_RR);
	assert_int_equal(a.reason, 4);
	ask_done(&a);
	msg_begin(&m, SIGN_LIVE, 5);
	assert_int_equal(lent_ask(fd, &m, text), 0);
	msg_begin(&m, SIGN_CMP_FIRST, 5);
	assert_int_equal(lent_ask(fd, &m, text), ERR_PROTO);
	assert_string_equal(text, "it is revoked by its own key alone");
	msg_begin(&m, SIGN_CMP_FIRST, 5);
	assert_int_equal(lent_ask(as_can_be, &m, text), 0);
}

/* Who asks for roots shows who he is, and can have nothing certified or revoked. */
static void for_roots_there_is_who_asks_and_no_request(void **state)
{
	const struct stage *s = *state;
	AUTO_X509 X509 *live = keep_live(s);
	AUTO_FD int first = lend(s, LEND_ROOTS, 0);
	AUTO_FD int next = lend(s, LEND_ROOTS, 1);
	AUTO_BUF struct buf pem = { 0 };
	AUTO_MSG struct msg m = MSG_NONE;
	char text[ERR_TEXT_MAX];
	struct err e;

	msg_begin(&m, SIGN_CMP, 5);
	msg_put_u64(&m, 1);
	assert_int_equal(lent_ask(next, &m, text), ERR_PROTO);
	assert_non_null(strstr(text, "is not allowed here"));
	msg_begin(&m, SIGN_CMP_FIRST, 5);
	assert_int_equal(lent_ask(next, &m, text), 0);
	assert_string_equal(msg_get_str(&m), "web");
	msg_begin(&m, SIGN_LIVE, 5);
	assert_int_equal(lent_ask(first, &m, text), ERR_PROTO);
	msg_begin(&m, SIGN_LIVE, 5);
	assert_int_equal(lent_ask(next, &m, text), 0);
	assert_int_equal(x509_to_pem(live, &pem, &e), 0);
	assert_memory_equal(msg_get_str(&m), pem.data, pem.len);
	assert_non_null(strstr(msg_get_str(&m), "PRIVATE KEY"));
}

static void nothing_else_can_be_had_there(void **state)
{
	const struct stage *s = *state;
	AUTO_FD int fd = lend(s, LEND_ORDER, 1);
	char text[ERR_TEXT_MAX], expected[64];

	for (uint32_t type = 0; type < MESSAGES + 5; type++) {
		AUTO_MSG struct msg m = MSG_NONE;
		const bool listed =
		    type == SIGN_CMP || type == SIGN_CMP_FIRST || type == SIGN_LIVE;

		snprintf(expected, sizeof(expected), "message %u %s", type,
			 listed ? "has the wrong fields" : "is not allowed here");
		msg_begin(&m, type, 5);
		msg_put_str(&m, "a word");
		if (lent_ask(fd, &m, text) != ERR_PROTO || strcmp(text, expected) != 0)
			fail_msg("message %u: \"%s\"", type, text);
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, stage_in, stage_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_first_request_is_a_template_of_the_key_that_waits),
		CASE(a_renewal_names_what_it_replaces_and_has_its_subject),
		CASE(a_revocation_is_of_the_certificate_on_its_ticket),
		CASE(by_its_own_key_a_certificate_is_revoked_by_nobody_else),
		CASE(who_enrols_first_has_the_first_line_of_the_file),
		CASE(for_roots_there_is_who_asks_and_no_request),
		CASE(nothing_else_can_be_had_there),
	};

	return cmocka_run_group_tests_name("keeper_cmp", tests, NULL, NULL);
}
