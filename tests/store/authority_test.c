/* authority: an embedded CA is whole or not there, and never written over. */
#include "tests/scratch.h"

#include <errno.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/file.h"
#include "store/authority.h"
#include "tests/help/certs.h"
#include "tests/help/crls.h"

static struct authority of(const char *root, const char *intermediate, const char *crl)
{
	struct authority a = { 0 };

	buf_printf(&a.root_pem, "%s cert", root);
	buf_printf(&a.root_key, "%s key", root);
	if (intermediate != NULL) {
		buf_printf(&a.intermediate_pem, "%s cert", intermediate);
		buf_printf(&a.intermediate_key, "%s key", intermediate);
	}
	if (crl != NULL)
		buf_puts(&a.crl_pem, crl);
	return a;
}

static void save(const struct scratch *s, const char *root, const char *intermediate,
		 const char *crl)
{
	AUTO_AUTHORITY struct authority a = of(root, intermediate, crl);
	struct err e = { 0 };

	if (authority_save(&(struct authority_id){ s->fd, "lab", 1 }, &a, &e) < 0)
		fail_msg("%s", e.text);
}

static bool found(const struct scratch *s, const char *name)
{
	AUTO_AUTHORITY struct authority a = { 0 };
	bool is_found = true;
	struct err e = { 0 };

	if (authority_load(&(struct authority_id){ s->fd, name, 1 }, &a, &is_found,
			   &e) < 0)
		fail_msg("%s", e.text);
	return is_found;
}

static void what_is_saved_is_loaded(void **state)
{
	struct scratch *s = *state;
	AUTO_AUTHORITY struct authority a = { 0 };
	bool is_found = false;
	struct err e;

	save(s, "root", "middle", "list");
	assert_int_equal(authority_load(&(struct authority_id){ s->fd, "lab", 1 }, &a,
					&is_found, &e),
			 0);
	assert_true(is_found);
	assert_string_equal(a.root_pem.data, "root cert");
	assert_string_equal(a.root_key.data, "root key");
	assert_string_equal(a.intermediate_pem.data, "middle cert");
	assert_string_equal(a.intermediate_key.data, "middle key");
	assert_string_equal(a.crl_pem.data, "list");
}

static void a_ca_without_an_intermediate_or_a_list_has_none(void **state)
{
	struct scratch *s = *state;
	AUTO_AUTHORITY struct authority a = { 0 };
	bool is_found = false;
	struct err e;

	save(s, "root", NULL, NULL);
	assert_int_equal(authority_load(&(struct authority_id){ s->fd, "lab", 1 }, &a,
					&is_found, &e),
			 0);
	assert_true(is_found);
	assert_int_equal(a.intermediate_pem.len + a.intermediate_key.len +
			     a.crl_pem.len,
			 0);
	assert_int_equal(scratch_count(s, "ca/lab"), 2);
}

static void keys_are_closed_and_certificates_open(void **state)
{
	static const struct row {
		const char *path;
		mode_t mode;
	} rows[] = {
		{ "ca", 0755 },
		{ "ca/lab", 0755 },
		{ "ca/lab/root.key", 0600 },
		{ "ca/lab/intermediate.key", 0600 },
		{ "ca/lab/root.pem", 0644 },
		{ "ca/lab/intermediate.pem", 0644 },
		{ "ca/lab/crl.pem", 0644 },
		{ "ca/lab/crl.der", 0644 },
	};
	struct scratch *s = *state;
	struct buf list = { .data = (char[]){ "list" }, .len = 4 };
	mode_t old = umask(077);
	struct err e;

	save(s, "root", "middle", "list");
	assert_int_equal(authority_save_crl(&(struct authority_id){ s->fd, "lab", 1 },
					    &list, &list, &e),
			 0);
	umask(old);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((scratch_stat(s, rows[i].path).st_mode & 07777) != rows[i].mode)
			fail_msg("%s", rows[i].path);
}

static void what_was_never_made_is_not_found(void **state)
{
	struct scratch *s = *state;

	assert_false(found(s, "lab"));
	save(s, "root", NULL, NULL);
	assert_true(found(s, "lab"));
	assert_false(found(s, "other"));
}

static void a_ca_that_exists_is_never_written_over(void **state)
{
	struct scratch *s = *state;
	AUTO_AUTHORITY struct authority a = of("other", NULL, NULL);
	struct err e;

	save(s, "root", NULL, NULL);
	assert_int_equal(authority_save(&(struct authority_id){ s->fd, "lab", 1 }, &a,
					&e),
			 ERR_CONFIG);
	scratch_expect(s, "ca/lab/root.key", "root key");
	scratch_expect(s, "ca/lab/root.pem", "root cert");
}

static void a_crash_before_the_root_certificate_is_as_if_nothing_was(void **state)
{
	static const char *const left[] = {
		"root.key",          "intermediate.key",   "intermediate.pem",
		"crl.pem",           ".root.key.everleaf", ".intermediate.key.everleaf",
		".root.pem.everleaf"
	};
	struct scratch *s = *state;
	AUTO_AUTHORITY struct authority a = { 0 };
	bool is_found = false;
	struct err e;

	scratch_mkdir(s, "ca");
	scratch_mkdir(s, "ca/lab");
	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
		char path[100];

		snprintf(path, sizeof(path), "ca/lab/%s", left[i]);
		scratch_put(s, path, "of the one before");
	}
	assert_false(found(s, "lab"));
	save(s, "root", NULL, NULL);
	assert_int_equal(authority_load(&(struct authority_id){ s->fd, "lab", 1 }, &a,
					&is_found, &e),
			 0);
	assert_string_equal(a.root_key.data, "root key");
	assert_int_equal(a.intermediate_pem.len, 0);
	assert_int_equal(scratch_count(s, "ca/lab"), 2);
}

static void a_ca_that_lost_a_part_is_an_error_that_names_it(void **state)
{
	static const struct row {
		const char *path, *says;
	} rows[] = {
		{ "ca/lab/root.key", "root.key" },
		{ "ca/lab/intermediate.key", "intermediate.pem" },
		{ "ca/lab/intermediate.pem", "intermediate.pem" },
	};
	struct scratch *s = *state;

	save(s, "root", "middle", NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_AUTHORITY struct authority a = { 0 };
		bool is_found = false;
		struct err e;

		assert_int_equal(renameat(s->fd, rows[i].path, s->fd, "lost"), 0);
		assert_int_equal(authority_load(&(struct authority_id){ s->fd, "lab",
									1 },
						&a, &is_found, &e),
				 ERR_SYS);
		assert_non_null(strstr(e.text, rows[i].says));
		assert_non_null(strstr(e.text, "ca/lab"));
		assert_null(a.root_pem.data);
		assert_int_equal(renameat(s->fd, "lost", s->fd, rows[i].path), 0);
	}
}

static void a_key_that_cannot_be_read_is_not_taken_for_none(void **state)
{
	struct scratch *s = *state;
	AUTO_AUTHORITY struct authority a = { 0 };
	bool is_found = false;
	struct err e;

	save(s, "root", NULL, NULL);
	assert_int_equal(unlinkat(s->fd, "ca/lab/root.key", 0), 0);
	scratch_link(s, "root.pem", "ca/lab/root.key");
	assert_int_equal(authority_load(&(struct authority_id){ s->fd, "lab", 1 }, &a,
					&is_found, &e),
			 ERR_SYS);
}

static void the_list_is_replaced_in_both_forms(void **state)
{
	struct scratch *s = *state;
	AUTO_AUTHORITY struct authority a = { 0 };
	struct buf pem = { .data = (char[]){ "new" }, .len = 3 };
	struct buf der = { .data = (char[]){ "wen" }, .len = 3 };
	struct stat old, new;
	bool is_found;
	struct err e;

	save(s, "root", NULL, "old");
	old = scratch_stat(s, "ca/lab/crl.pem");
	assert_int_equal(authority_save_crl(&(struct authority_id){ s->fd, "lab", 1 },
					    &pem, &der, &e),
			 0);
	scratch_expect(s, "ca/lab/crl.pem", "new");
	scratch_expect(s, "ca/lab/crl.der", "wen");
	new = scratch_stat(s, "ca/lab/crl.pem");
	assert_true(mtime_ns(&new) >= mtime_ns(&old) + 1000000000);
	assert_int_equal(authority_load(&(struct authority_id){ s->fd, "lab", 1 }, &a,
					&is_found, &e),
			 0);
	assert_string_equal(a.crl_pem.data, "new");
}

/* Killed between the two: whom crl.pem revokes is on crl.der after the next run's sweep. */
static void a_list_that_is_behind_follows_when_it_is_swept(void **state)
{
	struct scratch *s = *state;
	struct crls_plan plan = { .key = certs_key(KEY_ECDSA_P256), .number = 2 };
	struct buf pem = { 0 }, der = { 0 };
	struct buf old = { .data = (char[]){ "old" }, .len = 3 };
	struct buf got = { 0 };
	struct err e;

	plan.ca = crls_ca("lab", plan.key, "critical,cRLSign");
	crls_make(&plan, &der);
	crls_pem(&der, &pem);
	save(s, "root", NULL, NULL);
	assert_int_equal(authority_save_crl(&(struct authority_id){ s->fd, "lab", 1 },
					    &pem, &old, &e),
			 0);
	assert_int_equal(authority_sweep(s->fd, "lab", &e), 0);
	assert_int_equal(file_read(s->fd, "ca/lab/crl.der", 1 << 16, &got, &e), 0);
	assert_int_equal(got.len, der.len);
	assert_memory_equal(got.data, der.data, der.len);
	assert_int_equal(unlinkat(s->fd, "ca/lab/crl.der", 0), 0);
	assert_int_equal(authority_sweep(s->fd, "lab", &e), 0);
	assert_int_equal(scratch_stat(s, "ca/lab/crl.der").st_size, der.len);
	X509_free(plan.ca);
	EVP_PKEY_free(plan.key);
	buf_done(&got);
	buf_done(&pem);
	buf_done(&der);
}

static void a_list_of_no_ca_is_refused(void **state)
{
	struct scratch *s = *state;
	struct buf list = { .data = (char[]){ "list" }, .len = 4 };
	struct err e;

	assert_int_equal(authority_save_crl(&(struct authority_id){ s->fd, "lab", 1 },
					    &list, &list, &e),
			 ERR_CONFIG);
	assert_int_equal(scratch_count(s, "."), 0);
}

static void a_name_that_leads_elsewhere_is_refused(void **state)
{
	static const char *const names[] = { "", "..", "a/b", ".hidden" };
	struct scratch *s = *state;
	AUTO_AUTHORITY struct authority a = of("root", NULL, NULL);
	struct err e;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(authority_save(&(struct authority_id){ s->fd, names[i],
									1 },
						&a, &e),
				 ERR_CONFIG);
	assert_int_equal(scratch_count(s, "."), 0);
}

static struct authority_id key_of(const struct scratch *s, unsigned number)
{
	return (struct authority_id){ s->fd, "lab", number };
}

static void save_key(const struct scratch *s, unsigned number, const char *root)
{
	AUTO_AUTHORITY struct authority a = of(root, "middle", "list");
	const struct authority_id id = key_of(s, number);
	struct err e = { 0 };

	if (authority_save(&id, &a, &e) < 0)
		fail_msg("%s", e.text);
}

static unsigned count(const struct scratch *s)
{
	unsigned n = 99;
	struct err e;

	assert_int_equal(authority_count(s->fd, "lab", &n, &e), 0);
	return n;
}

/* The root of that key; "": it is not found. */
static void is_root_of(const struct scratch *s, unsigned number, const char *root)
{
	AUTO_AUTHORITY struct authority a = { 0 };
	const struct authority_id id = key_of(s, number);
	bool is_found;
	struct err e = { 0 };

	if (authority_load(&id, &a, &is_found, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(is_found ? a.root_pem.data : "", root);
}

static void a_second_key_is_whole_or_not_there_and_the_first_stays(void **state)
{
	static const char *const left[] = { "root.key", "intermediate.key",
					    "intermediate.pem", "newWithOld.pem" };
	struct scratch *s = *state;

	assert_int_equal(count(s), 0);
	save_key(s, 1, "first");
	assert_int_equal(mkdirat(s->fd, "ca/lab/2", 0755), 0);
	for (size_t i = 0; i < sizeof(left) / sizeof(*left); i++) {
		char path[100];

		snprintf(path, sizeof(path), "ca/lab/2/%s", left[i]);
		scratch_put(s, path, "what a crash has left");
		assert_int_equal(count(s), 1);
		is_root_of(s, 1, "first cert");
		is_root_of(s, 2, "");
	}
	save_key(s, 2, "second");
	assert_int_equal(count(s), 2);
	is_root_of(s, 1, "first cert");
	is_root_of(s, 2, "second cert");
	scratch_expect(s, "ca/lab/2/root.key", "second key");
	assert_int_equal(faccessat(s->fd, "ca/lab/2/newWithOld.pem", F_OK, 0), -1);
	assert_int_equal(scratch_stat(s, "ca/lab/2/root.key").st_mode & 07777, 0600);
}

static void a_key_that_is_over_is_not_found_any_more(void **state)
{
	struct scratch *s = *state;
	const struct authority_id first = key_of(s, 1), second = key_of(s, 2);
	AUTO_AUTHORITY struct authority a = { 0 };
	bool is_found;
	struct err e;

	save_key(s, 1, "first");
	save_key(s, 2, "second");
	assert_int_equal(authority_retire(&first, &e), 0);
	is_root_of(s, 1, "");
	is_root_of(s, 2, "second cert");
	assert_int_equal(count(s), 2);
	assert_int_equal(faccessat(s->fd, "ca/lab/root.key", F_OK, 0), -1);
	assert_int_equal(faccessat(s->fd, "ca/lab/intermediate.key", F_OK, 0), -1);
	assert_int_equal(unlinkat(s->fd, "ca/lab/2/root.key", 0), 0); /* the last */
	assert_int_equal(authority_load(&second, &a, &is_found, &e), ERR_SYS);
}

static void what_a_crash_left_of_a_key_that_is_over_is_swept(void **state)
{
	struct scratch *s = *state;
	struct err e;

	save_key(s, 1, "first");
	save_key(s, 2, "second");
	assert_int_equal(unlinkat(s->fd, "ca/lab/root.key", 0), 0);
	scratch_put(s, "ca/lab/2/.crl.pem.everleaf", "half");
	is_root_of(s, 1, "");
	assert_int_equal(authority_sweep(s->fd, "lab", &e), 0);
	assert_int_equal(faccessat(s->fd, "ca/lab/intermediate.key", F_OK, 0), -1);
	assert_int_equal(faccessat(s->fd, "ca/lab/2/.crl.pem.everleaf", F_OK, 0), -1);
	scratch_expect(s, "ca/lab/2/intermediate.key", "middle key");
}

static void what_is_published_is_written_once(void **state)
{
	struct scratch *s = *state;
	struct buf both = { .data = (char[]){ "both" }, .len = 4 };
	struct stat first, second;
	struct err e;

	assert_int_equal(authority_publish(s->fd, "lab", &both, &e), ERR_CONFIG);
	save_key(s, 1, "first");
	assert_int_equal(authority_publish(s->fd, "lab", &both, &e), 0);
	scratch_expect(s, "ca/lab/root.pem", "both");
	first = scratch_stat(s, "ca/lab/root.pem");
	assert_int_equal(authority_publish(s->fd, "lab", &both, &e), 0);
	second = scratch_stat(s, "ca/lab/root.pem");
	assert_int_equal(first.st_ino, second.st_ino);
	assert_true(mtime_ns(&first) == mtime_ns(&second));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_saved_is_loaded),
		TEST(a_ca_without_an_intermediate_or_a_list_has_none),
		TEST(keys_are_closed_and_certificates_open),
		TEST(what_was_never_made_is_not_found),
		TEST(a_ca_that_exists_is_never_written_over),
		TEST(a_crash_before_the_root_certificate_is_as_if_nothing_was),
		TEST(a_ca_that_lost_a_part_is_an_error_that_names_it),
		TEST(a_key_that_cannot_be_read_is_not_taken_for_none),
		TEST(the_list_is_replaced_in_both_forms),
		TEST(a_list_that_is_behind_follows_when_it_is_swept),
		TEST(a_list_of_no_ca_is_refused),
		TEST(a_name_that_leads_elsewhere_is_refused),
		TEST(a_second_key_is_whole_or_not_there_and_the_first_stays),
		TEST(a_key_that_is_over_is_not_found_any_more),
		TEST(what_a_crash_left_of_a_key_that_is_over_is_swept),
		TEST(what_is_published_is_written_once),
	};

	return cmocka_run_group_tests_name("authority", tests, NULL, NULL);
}
