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
#include "tests/help/corp.h"
#include "tests/scratch.h"

#define SHA "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static const struct corp_config config = {
	.issuer = "type = \"cmp\"; url = \"http://ca.corp.example\"; cmd = \"cr\";"
		  " trust = \"sha256:" SHA "\"; reference = \"web\"; secret_file",
	.secret = "sesame\nnot that\n",
	.waits = true,
};

static int stage_in(void **state)
{
	return corp_in(state, &config);
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
static OSSL_CRMF_MSG *read_template(const struct corp *c, const struct cmp_ask *a)
{
	const unsigned char *at = (const unsigned char *)a->der.data;
	OSSL_CRMF_MSG *crm = d2i_OSSL_CRMF_MSG(NULL, &at, (long)a->der.len);
	STACK_OF(OSSL_CRMF_MSG) *all = sk_OSSL_CRMF_MSG_new_null();
	AUTO_BUF struct buf spki = { 0 };
	struct err e;

	assert_non_null(crm);
	assert_int_equal(key_to_spki(c->waits, &spki, &e), 0);
	assert_int_equal(spki.len, a->spki.len);
	assert_memory_equal(spki.data, a->spki.data, spki.len);
	sk_OSSL_CRMF_MSG_push(all, crm);
	assert_int_equal(OSSL_CRMF_MSGS_verify_popo(all, 0, 0, NULL, NULL), 1);
	sk_OSSL_CRMF_MSG_free(all);
	return crm;
}

static void the_first_request_is_a_template_of_the_key_that_waits(void **state)
{
	struct corp *c = *state;
	AUTO_FD int fd = corp_lend(c, LEND_ORDER, 0);
	struct cmp_ask a = ask(fd, true); /* there is nothing that is live */
	OSSL_CRMF_MSG *crm = read_template(c, &a);
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
	struct corp *c = *state;
	X509 *live = corp_keep(c, CORP_LASTS);
	AUTO_FD int fd = corp_lend(c, LEND_ORDER, 1);
	struct cmp_ask a = ask(fd, true), first = ask(fd, false);
	OSSL_CRMF_MSG *crm = read_template(c, &a);
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
	struct corp *c = *state;
	X509 *live = corp_keep(c, CORP_LASTS);
	AUTO_FD int fd = corp_lend(c, LEND_REVOKE, 1);
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
	struct corp *c = *state;
	AUTO_FD int fd = corp_lend(c, LEND_ORDER, 0);
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
	scratch_put(c->lent.elsewhere, "secret", "\n");
	msg_begin(&m, SIGN_CMP_FIRST, 5);
	assert_int_equal(lent_ask(fd, &m, text), ERR_CONFIG);
}

/* The first credential is of no use to who revokes by the key. */
static void by_its_own_key_a_certificate_is_revoked_by_nobody_else(void **state)
{
	struct corp *c = *state;
	X509 *live = corp_keep(c, CORP_LASTS);
	AUTO_FD int fd = corp_lend(c, LEND_REVOKE_BY_KEY, 1);
	AUTO_FD int as_can_be = corp_lend(c, LEND_REVOKE, 1);
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
	struct corp *c = *state;
	X509 *live = corp_keep(c, CORP_LASTS);
	AUTO_FD int first = corp_lend(c, LEND_ROOTS, 0);
	AUTO_FD int next = corp_lend(c, LEND_ROOTS, 1);
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
	struct corp *c = *state;
	AUTO_FD int fd = corp_lend(c, LEND_ORDER, 1);

	lent_takes_only(fd,
			(const uint32_t[]){ SIGN_CMP, SIGN_CMP_FIRST, SIGN_LIVE, 0 });
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, stage_in, corp_out)

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
