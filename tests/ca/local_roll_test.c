/* local_roll: the next key of an embedded CA takes over while nobody notices. */
#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/x509.h"
#include "ca/local.h"
#include "ca/local_crl.h"
#include "ca/local_roll.h"
#include "tests/help/lab.h"

#define NOW INT64_C(1800000000)

static int64_t time_of(const ASN1_TIME *t)
{
	struct err e;
	int64_t at;

	assert_int_equal(x509_time(t, &at, &e), 0);
	return at;
}

static void roll(const struct local_profile *p, const struct local_ca *old,
		 bool at_once, int64_t now, struct local_ca *next)
{
	struct err e = { 0 };

	if (local_roll(p, old, at_once, now, next, &e) < 0)
		fail_msg("%s", e.text);
}

static bool is_signed_by(X509 *cert, const struct local_ca *ca)
{
	return ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(cert),
				     X509_get0_subject_key_id(ca->root)) == 0 &&
	       X509_NAME_cmp(X509_get_issuer_name(cert),
			     X509_get_subject_name(ca->root)) == 0 &&
	       X509_verify(cert, ca->root_key) == 1;
}

static bool is_for(X509 *cert, const struct local_ca *ca)
{
	return ASN1_OCTET_STRING_cmp(X509_get0_subject_key_id(cert),
				     X509_get0_subject_key_id(ca->root)) == 0;
}

/* Two keys of a CA, the second made at `at`. */
struct pair {
	struct local_profile p;
	struct local_ca cas[2];
};

static void make_pair(struct pair *w, bool at_once, int64_t at)
{
	lab_make(&w->p, NOW, &w->cas[0]);
	roll(&w->p, &w->cas[0], at_once, at, &w->cas[1]);
}

static void pair_done(struct pair *w)
{
	local_done(&w->cas[0]);
	local_done(&w->cas[1]);
}

static void each_root_is_signed_by_the_other_key_and_is_what_it_was(void **state)
{
	struct pair w = { .p = lab_profile() };
	X509 *new_with_old, *old_with_new;

	(void)state;
	w.p.path_length = 0;
	make_pair(&w, false, NOW + LAB_YEAR);
	new_with_old = w.cas[1].new_with_old;
	old_with_new = w.cas[1].old_with_new;
	assert_true(is_signed_by(new_with_old, &w.cas[0]));
	assert_true(is_signed_by(old_with_new, &w.cas[1]));
	assert_true(is_for(new_with_old, &w.cas[1]));
	assert_true(is_for(old_with_new, &w.cas[0]));
	assert_int_equal(X509_get_pathlen(new_with_old), 0);
	assert_true((X509_get_extension_flags(new_with_old) & EXFLAG_SI) != 0);
	assert_int_equal(X509_self_signed(new_with_old, 0), 0);
	assert_int_equal(time_of(X509_get0_notAfter(new_with_old)),
			 time_of(X509_get0_notAfter(w.cas[0].root)));
	assert_int_equal(time_of(X509_get0_notAfter(old_with_new)),
			 time_of(X509_get0_notAfter(w.cas[0].root)));
	pair_done(&w);
}

static void it_is_time_two_lifetimes_before_the_end_or_after_half_a_short_one(
    void **state)
{
	static const struct row {
		int64_t lifetime_s, ca_lifetime_s, at_s;
		bool ending;
	} rows[] = {
		{ 30 * LAB_DAY, 10 * LAB_YEAR, 10 * LAB_YEAR - 61 * LAB_DAY, false },
		{ 30 * LAB_DAY, 10 * LAB_YEAR, 10 * LAB_YEAR - 59 * LAB_DAY, true },
		{ LAB_DAY, LAB_DAY, LAB_DAY / 2 - 600, false },
		{ LAB_DAY, LAB_DAY, LAB_DAY / 2 + 600, true },
		{ LAB_DAY, LAB_DAY, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_LOCAL_CA struct local_ca ca = { 0 };
		struct local_profile p = lab_profile();

		p.lifetime_s = rows[i].lifetime_s;
		p.ca_lifetime_s = rows[i].ca_lifetime_s;
		p.intermediate = i % 2 == 0;
		lab_make(&p, NOW, &ca);
		if (local_is_ending(&p, &ca, NOW + rows[i].at_s) != rows[i].ending)
			fail_msg("row %zu", i);
	}
}

static void a_new_key_is_announced_before_it_signs(void **state)
{
	struct pair w = { .p = lab_profile() };
	const int64_t end = NOW + w.p.ca_lifetime_s;

	(void)state;
	make_pair(&w, false, NOW + LAB_YEAR);
	assert_int_equal(local_signing(&w.p, w.cas, 2, NOW + LAB_YEAR), 0);
	assert_int_equal(local_signing(&w.p, w.cas, 2, NOW + LAB_YEAR + LAB_DAY - 600),
			 0);
	assert_int_equal(local_signing(&w.p, w.cas, 2, NOW + LAB_YEAR + LAB_DAY), 1);
	assert_int_equal(local_signing(&w.p, w.cas, 2, end), 1);
	pair_done(&w);
	make_pair(&w, true, NOW + LAB_YEAR);
	assert_int_equal(local_signing(&w.p, w.cas, 2, NOW + LAB_YEAR), 1);
	pair_done(&w);
	make_pair(&w, false, end - LAB_DAY / 2); /* too late for that */
	assert_int_equal(local_signing(&w.p, w.cas, 2, end - LAB_DAY / 4), 0);
	assert_int_equal(local_signing(&w.p, w.cas, 2, end), 1);
	pair_done(&w);
}

static void what_leads_to_the_other_root_stands_behind_what_is_issued(void **state)
{
	struct pair w = { .p = lab_profile() };
	const int64_t end = NOW + w.p.ca_lifetime_s;

	(void)state;
	make_pair(&w, false, NOW + LAB_YEAR);
	assert_null(local_bridge(w.cas, 1, 0, NOW));
	assert_ptr_equal(local_bridge(w.cas, 2, 0, NOW + LAB_YEAR),
			 w.cas[1].old_with_new);
	assert_ptr_equal(local_bridge(w.cas, 2, 1, end - LAB_DAY),
			 w.cas[1].new_with_old);
	assert_ptr_equal(local_bridge(w.cas + 1, 1, 0, end - LAB_DAY),
			 w.cas[1].new_with_old);
	assert_null(local_bridge(w.cas, 2, 1, end));
	pair_done(&w);
}

/* Its list is signed again, and not for longer. */
static void a_key_is_over_when_the_last_that_it_signed_is(void **state)
{
	struct pair w = { .p = lab_profile() };
	const int64_t last = NOW + LAB_YEAR;
	struct local_profile passed;
	struct err e;

	(void)state;
	make_pair(&w, true, last);
	assert_int_equal(local_crl(&w.p, &w.cas[0], NULL, 0, last, &e), 0);
	passed = w.p;
	passed.lifetime_s = 0;
	assert_int_equal(local_crl(&passed, &w.cas[0], "0102", 1, last + LAB_DAY, &e),
			 0);
	assert_false(local_is_over(&w.cas[0], last + w.p.lifetime_s - 1));
	assert_true(local_is_over(&w.cas[0], last + w.p.lifetime_s));
	pair_done(&w);
}

static void a_root_that_has_ended_or_has_no_room_vouches_for_none(void **state)
{
	AUTO_LOCAL_CA struct local_ca old = { 0 };
	AUTO_LOCAL_CA struct local_ca next = { 0 };
	struct local_profile p = lab_profile(), renamed;
	struct err e;

	(void)state;
	p.path_length = 0;
	lab_make(&p, NOW, &old);
	assert_int_equal(local_roll(&p, &old, false, NOW + p.ca_lifetime_s, &next, &e),
			 ERR_REFUSED);
	assert_null(next.root);
	renamed = p;
	renamed.subject = "CN=Other CA";
	assert_int_equal(local_roll(&renamed, &old, false, NOW, &next, &e),
			 ERR_REFUSED);
	assert_null(next.root);
}

static void the_list_of_each_key_has_a_place_of_its_own(void **state)
{
	static const struct row {
		const char *url;
		unsigned number;
		const char *place;
	} rows[] = {
		{ "http://ca.example/lab.crl", 1, "http://ca.example/lab.crl" },
		{ "http://ca.example/lab.crl", 2, "http://ca.example/2/lab.crl" },
		{ "http://ca.example/a/b/crl.der?x=/y", 3,
		  "http://ca.example/a/b/3/crl.der?x=/y" },
		{ "http://ca.example", 2, "http://ca.example/2" },
		{ "http://ca.example?list", 2, "http://ca.example/2?list" },
		{ "http://ca.example/", 2, "http://ca.example/2/" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_BUF struct buf out = { 0 };

		local_crl_url(rows[i].url, rows[i].number, &out);
		assert_string_equal(out.data, rows[i].place);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    each_root_is_signed_by_the_other_key_and_is_what_it_was),
		cmocka_unit_test(
		    it_is_time_two_lifetimes_before_the_end_or_after_half_a_short_one),
		cmocka_unit_test(a_new_key_is_announced_before_it_signs),
		cmocka_unit_test(
		    what_leads_to_the_other_root_stands_behind_what_is_issued),
		cmocka_unit_test(a_key_is_over_when_the_last_that_it_signed_is),
		cmocka_unit_test(a_root_that_has_ended_or_has_no_room_vouches_for_none),
		cmocka_unit_test(the_list_of_each_key_has_a_place_of_its_own),
	};

	return cmocka_run_group_tests_name("local_roll", tests, NULL, NULL);
}
