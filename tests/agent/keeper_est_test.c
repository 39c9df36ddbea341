/*
 * keeper: what a worker is given for an enrolment, and that nothing else can be had on its
 * ticket, nor a key that it is not for.
 */
#include <string.h>

#include <openssl/x509v3.h>

#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/csr.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/help/corp.h"
#include "tests/scratch.h"

static const struct corp_config config = {
	.issuer = "type = \"est\"; url = \"https://ca.corp.example\";"
		  " user = \"web\"; password_file",
	.secret = "sesame\nnot that\n",
	.waits = true,
};

static int stage_in(void **state)
{
	return corp_in(state, &config);
}

static void ask_request(int fd, bool again, struct buf *der)
{
	AUTO_MSG struct msg m = MSG_NONE;
	char text[ERR_TEXT_MAX];
	const void *data;
	size_t len;
	struct err e;

	msg_begin(&m, SIGN_EST, 5);
	msg_put_u64(&m, again);
	msg_put_str(&m, "");
	msg_put_u64(&m, 0);
	msg_put_u64(&m, 0);
	if (lent_ask(fd, &m, text) != 0)
		fail_msg("%s", text);
	data = msg_get_bytes(&m, &len);
	assert_int_equal(msg_end(&m, &e), 0);
	buf_add(der, data, len);
}

static int ask_two(int fd, uint32_t type, struct buf *one, struct buf *other,
		   char text[ERR_TEXT_MAX])
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	msg_begin(&m, type, 5);
	TRY(lent_ask(fd, &m, text));
	buf_puts(one, msg_get_str(&m));
	buf_puts(other, msg_get_str(&m));
	assert_int_equal(msg_end(&m, &e), 0);
	return 0;
}

static void a_request_is_the_same_again_where_that_is_wanted(void **state)
{
	struct corp *c = *state;
	AUTO_FD int fd = corp_lend(c, LEND_ORDER, 0);
	AUTO_BUF struct buf first = { 0 };
	AUTO_BUF struct buf again = { 0 };
	AUTO_BUF struct buf new = { 0 };

	ask_request(fd, false, &first);
	ask_request(fd, true, &again);
	assert_int_equal(first.len, again.len);
	assert_memory_equal(first.data, again.data, first.len);
	ask_request(fd, false, &new);
	assert_true(new.len != first.len || memcmp(new.data, first.data, new.len) != 0);
}

/* "CN=api.example" */
static char *subject_asked(int fd)
{
	AUTO_BUF struct buf der = { 0 };
	AUTO_CSR X509_REQ *csr = NULL;
	const unsigned char *at;
	char line[128];

	ask_request(fd, false, &der);
	at = (const unsigned char *)der.data;
	csr = d2i_X509_REQ(NULL, &at, (long)der.len);
	assert_non_null(csr);
	X509_NAME_oneline(X509_REQ_get_subject_name(csr), line, sizeof(line));
	return xstrdup(line);
}

static void a_renewal_has_the_subject_of_what_is_live(void **state)
{
	struct corp *c = *state;
	AUTO_FD int first = corp_lend(c, LEND_ORDER, 0);
	AUTO_FD int next = corp_lend(c, LEND_ORDER, 1);
	AUTO_FREE char *was = NULL;
	AUTO_FREE char *is = NULL;

	corp_keep(c, CORP_LASTS);
	was = subject_asked(first);
	is = subject_asked(next);
	assert_string_equal(was, "/CN=api.example");
	assert_string_equal(is, "/CN=the live one");
}

static void the_password_is_the_first_line(void **state)
{
	struct corp *c = *state;
	const struct scratch *dir = c->lent.elsewhere;
	AUTO_FD int fd = corp_lend(c, LEND_ORDER, 0);
	AUTO_BUF struct buf user = { 0 };
	AUTO_BUF struct buf password = { 0 };
	char text[ERR_TEXT_MAX] = "";
	AUTO_FD int file = -1;

	assert_int_equal(ask_two(fd, SIGN_EST_USER, &user, &password, text), 0);
	assert_string_equal(user.data, "web");
	assert_string_equal(password.data, "sesame");
	scratch_put(dir, "secret", "\n");
	assert_int_equal(ask_two(fd, SIGN_EST_USER, &user, &password, text),
			 ERR_CONFIG);
	assert_non_null(strstr(text, "there is no password in its first line"));
	file = openat(dir->fd, "secret", O_WRONLY | O_CLOEXEC);
	assert_int_equal(write(file, "sesa\0me\n", 8), 8);
	assert_int_equal(ask_two(fd, SIGN_EST_USER, &user, &password, text),
			 ERR_CONFIG);
	assert_non_null(strstr(text, "a NUL byte is in the password"));
}

static void a_key_leaves_only_for_its_own_renewal(void **state)
{
	struct corp *c = *state;
	AUTO_FD int first = corp_lend(c, LEND_ORDER, 0);
	AUTO_FD int next = corp_lend(c, LEND_ORDER, 1);
	AUTO_BUF struct buf chain = { 0 };
	AUTO_BUF struct buf key = { 0 };
	char text[ERR_TEXT_MAX] = "";

	corp_keep(c, CORP_LASTS);
	assert_int_equal(ask_two(first, SIGN_LIVE, &chain, &key, text), ERR_PROTO);
	assert_string_equal(text, "it renews nothing");
	assert_int_equal(ask_two(next, SIGN_LIVE, &chain, &key, text), 0);
	assert_non_null(strstr(chain.data, "BEGIN CERTIFICATE"));
	assert_non_null(strstr(key.data, "BEGIN PRIVATE KEY"));
}

static int ask_with(int fd, const char *challenge, uint64_t usages, uint64_t purposes,
		    struct msg *m)
{
	char text[ERR_TEXT_MAX];

	msg_begin(m, SIGN_EST, 5);
	msg_put_u64(m, 0);
	msg_put_str(m, challenge);
	msg_put_u64(m, usages);
	msg_put_u64(m, purposes);
	return lent_ask(fd, m, text);
}

/* And never for what only a CA has. */
static void what_the_ca_wants_is_in_the_request(void **state)
{
	static const char longest[] =
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	struct corp *c = *state;
	AUTO_FD int fd = corp_lend(c, LEND_ORDER, 0);
	AUTO_MSG struct msg m = MSG_NONE;
	AUTO_CSR X509_REQ *csr = NULL;
	X509_EXTENSIONS *all;
	const void *data;
	size_t len;

	assert_int_equal(ask_with(fd, "c29tZSBieXRlcw==",
				  KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT,
				  csr_purpose(NID_client_auth), &m),
			 0);
	data = msg_get_bytes(&m, &len);
	csr = d2i_X509_REQ(NULL, &(const unsigned char *){ data }, (long)len);
	assert_int_equal(X509_REQ_verify(csr, X509_REQ_get0_pubkey(csr)), 1);
	assert_true(X509_REQ_get_attr_by_NID(csr, NID_pkcs9_challengePassword, -1) >=
		    0);
	all = X509_REQ_get_extensions(csr);
	assert_int_equal(sk_X509_EXTENSION_num(all), 3);
	assert_true(X509v3_get_ext_by_NID(all, NID_key_usage, -1) >= 0);
	assert_true(X509v3_get_ext_by_NID(all, NID_ext_key_usage, -1) >= 0);
	sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
	assert_int_equal(ask_with(fd, "", KU_KEY_CERT_SIGN, 0, &m), ERR_PROTO);
	assert_int_equal(ask_with(fd, "", 0, CSR_PURPOSES + 1, &m), ERR_PROTO);
	assert_int_equal(ask_with(fd, longest, 0, 0, &m), ERR_PROTO);
	assert_int_equal(ask_with(fd, "a\nb", 0, 0, &m), ERR_PROTO);
}

static void who_enrols_first_has_no_certificate_unless_one_is_configured(void **state)
{
	struct corp *c = *state;
	AUTO_FD int fd = corp_lend(c, LEND_ORDER, 0);
	AUTO_BUF struct buf chain = { 0 };
	AUTO_BUF struct buf key = { 0 };
	char text[ERR_TEXT_MAX] = "";

	assert_int_equal(ask_two(fd, SIGN_EST_FIRST, &chain, &key, text), 0);
	assert_int_equal(chain.len + key.len, 0);
}

static void nothing_else_can_be_had_there(void **state)
{
	struct corp *c = *state;
	AUTO_FD int fd = corp_lend(c, LEND_ORDER, 1);

	lent_takes_only(fd, (const uint32_t[]){ SIGN_EST, SIGN_EST_USER, SIGN_LIVE,
						SIGN_EST_FIRST, 0 });
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, stage_in, corp_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_request_is_the_same_again_where_that_is_wanted),
		CASE(a_renewal_has_the_subject_of_what_is_live),
		CASE(the_password_is_the_first_line),
		CASE(a_key_leaves_only_for_its_own_renewal),
		CASE(what_the_ca_wants_is_in_the_request),
		CASE(who_enrols_first_has_no_certificate_unless_one_is_configured),
		CASE(nothing_else_can_be_had_there),
	};

	return cmocka_run_group_tests_name("keeper_est", tests, NULL, NULL);
}
