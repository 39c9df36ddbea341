/* hashed: a folder of trust anchors as OpenSSL finds them, among the files of others. */
#include "tests/scratch.h"

#include <stdbool.h>

#include "base/err.h"
#include "base/file.h"
#include "store/hashed.h"
#include "store/publish.h"
#include "tests/help/certs.h"
#include "tests/store/sets.h"

/* The scratch folder has a folder "cas" in it. */
static int folder_in(void **state)
{
	if (scratch_in(state) < 0)
		return -1;
	scratch_mkdir(*state, "cas");
	return 0;
}

static const char *folder(const struct scratch *s)
{
	static char path[PATH_MAX + 8];

	snprintf(path, sizeof(path), "%s/cas", s->path);
	return path;
}

/* One more CA of the name `subject` in set->ca; its key differs each time. */
static void add_ca(struct set *set, const char *subject)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_X509 X509 *ca = certs_make(&(struct cert_plan){
	    .subject = subject, .key = key, .issuer_key = key, .to = 4000000000 });
	struct err e;

	assert_int_equal(x509_to_pem(ca, &set->ca, &e), 0);
}

static struct publish_file file_of(const struct scratch *s)
{
	return (struct publish_file){ folder(s),
				      { .kind = CONTENT_HASHED },
				      { FILE_KEEP, FILE_KEEP, 0644 } };
}

static void write_ok(const struct scratch *s, const struct set *set)
{
	const struct publish_file file = file_of(s);
	struct err e;

	if (publish_write(set, &file, &e) < 0)
		fail_msg("%s", e.text);
}

static unsigned audit(const struct scratch *s, const struct set *set)
{
	const struct publish_file file = file_of(s);
	unsigned differs = 99;
	struct err e;

	if (publish_audit(set, &file, &differs, &e) < 0)
		fail_msg("%s", e.text);
	return differs;
}

/* The name of the CA number `i` of the set, with the number `n`. */
static const char *name_of(const struct set *set, int i, unsigned n)
{
	static char name[32];
	AUTO_CHAIN STACK_OF(X509) *all = NULL;
	struct err e;
	int ok = 0;

	assert_int_equal(x509_chain_from_pem(set->ca.data, set->ca.len, &all, &e), 0);
	snprintf(name, sizeof(name), "cas/%08lx.%u",
		 X509_NAME_hash_ex(X509_get_subject_name(sk_X509_value(all, i)), NULL,
				   NULL, &ok),
		 n);
	assert_int_equal(ok, 1);
	return name;
}

/* Whether OpenSSL finds the CA number `i` of the set in the folder. */
static bool finds(const struct scratch *s, const struct set *set, int i)
{
	AUTO_CHAIN STACK_OF(X509) *all = NULL;
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	struct err e;
	bool found;

	assert_int_equal(x509_chain_from_pem(set->ca.data, set->ca.len, &all, &e), 0);
	assert_int_equal(X509_STORE_load_path(store, folder(s)), 1);
	assert_int_equal(X509_STORE_CTX_init(ctx, store, sk_X509_value(all, i), NULL),
			 1);
	found = X509_verify_cert(ctx) == 1;
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return found;
}

static void each_anchor_is_found_by_openssl(void **state)
{
	AUTO_SET struct set set = { .name = "web" };

	add_ca(&set, "one");
	add_ca(&set, "two");
	assert_int_equal(audit(*state, &set), TARGET_MISSING);
	write_ok(*state, &set);
	assert_int_equal(scratch_count(*state, "cas"), 2);
	assert_true(scratch_has(*state, name_of(&set, 0, 0)));
	assert_true(finds(*state, &set, 0));
	assert_true(finds(*state, &set, 1));
	assert_int_equal(audit(*state, &set), 0);
}

static void two_anchors_of_one_name_are_numbered(void **state)
{
	AUTO_SET struct set set = { .name = "web" };

	add_ca(&set, "one");
	add_ca(&set, "one");
	write_ok(*state, &set);
	assert_true(scratch_has(*state, name_of(&set, 0, 0)));
	assert_true(scratch_has(*state, name_of(&set, 1, 1)));
	assert_int_equal(scratch_count(*state, "cas"), 2);
	assert_int_equal(audit(*state, &set), 0);
}

static void what_is_already_so_is_not_written_again(void **state)
{
	AUTO_SET struct set set = { .name = "web" };
	struct stat before, after;

	add_ca(&set, "one");
	write_ok(*state, &set);
	before = scratch_stat(*state, name_of(&set, 0, 0));
	write_ok(*state, &set);
	after = scratch_stat(*state, name_of(&set, 0, 0));
	assert_int_equal(before.st_ino, after.st_ino);
}

static void an_anchor_that_is_trusted_no_more_is_removed(void **state)
{
	AUTO_SET struct set old = { .name = "web" }, set = { .name = "web" };

	add_ca(&old, "one");
	add_ca(&set, "two");
	write_ok(*state, &old);
	assert_int_equal(audit(*state, &set), TARGET_MISSING);
	write_ok(*state, &set);
	assert_int_equal(scratch_count(*state, "cas"), 1);
	assert_false(finds(*state, &old, 0));
	write_ok(*state, &old);
	add_ca(&old, "three");
	write_ok(*state, &old);
	assert_int_equal(audit(*state, &set), TARGET_MISSING);
}

static void what_is_too_much_is_a_difference(void **state)
{
	AUTO_SET struct set more = { .name = "web" }, set = { .name = "web" };

	add_ca(&more, "one");
	buf_puts(&set.ca, more.ca.data);
	add_ca(&more, "two");
	write_ok(*state, &more);
	assert_int_equal(audit(*state, &set), TARGET_CONTENT);
	write_ok(*state, &set);
	assert_int_equal(audit(*state, &set), 0);
	assert_int_equal(scratch_count(*state, "cas"), 1);
}

static void the_files_of_others_stay(void **state)
{
	struct scratch *s = *state;
	AUTO_SET struct set set = { .name = "web" }, other = { .name = "mail" };
	char taken[32];

	add_ca(&set, "one");
	add_ca(&other, "one");
	snprintf(taken, sizeof(taken), "%s", name_of(&set, 0, 0));
	scratch_put(s, taken, "# somebody's\n");
	scratch_put(s, "cas/0123abcd.0", "# everleaf mail\n");
	scratch_put(s, "cas/README", "# everleaf web\n");
	scratch_link(s, "README", "cas/0123abcd.1");
	write_ok(s, &set);
	scratch_expect(s, taken, "# somebody's\n");
	assert_true(scratch_has(s, name_of(&set, 0, 1)));
	assert_int_equal(scratch_count(s, "cas"), 5);
	assert_int_equal(audit(s, &set), 0);
}

static void a_number_that_others_free_is_taken(void **state)
{
	struct scratch *s = *state;
	AUTO_SET struct set set = { .name = "web" };

	add_ca(&set, "one");
	scratch_put(s, name_of(&set, 0, 0), "somebody's");
	write_ok(s, &set);
	assert_int_equal(unlinkat(s->fd, name_of(&set, 0, 0), 0), 0);
	assert_int_equal(audit(s, &set), TARGET_MISSING);
	write_ok(s, &set);
	assert_int_equal(scratch_count(s, "cas"), 1);
	assert_true(finds(s, &set, 0));
}

static void what_was_changed_is_mended(void **state)
{
	struct scratch *s = *state;
	AUTO_SET struct set set = { .name = "web" };
	int fd;

	add_ca(&set, "one");
	write_ok(s, &set);
	fd = openat(s->fd, name_of(&set, 0, 0), O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
	assert_int_equal(audit(s, &set), TARGET_CONTENT);
	write_ok(s, &set);
	assert_int_equal(audit(s, &set), 0);
}

static void drafts_of_a_crash_are_removed(void **state)
{
	struct scratch *s = *state;
	AUTO_SET struct set set = { .name = "web" };
	struct err e;

	scratch_put(s, "cas/.0123abcd.12.everleaf", "half");
	scratch_put(s, "cas/.notes.everleaf", "somebody's");
	assert_int_equal(publish_sweep(folder(s), CONTENT_HASHED, &e), 0);
	assert_int_equal(scratch_count(s, "cas"), 1);
	scratch_put(s, "cas/.0123abcd.12.everleaf", "half");
	add_ca(&set, "one");
	write_ok(s, &set);
	assert_int_equal(scratch_count(s, "cas"), 2);
}

static void without_an_anchor_nothing_is_touched(void **state)
{
	struct scratch *s = *state;
	AUTO_SET struct set set = { .name = "web" }, none = { .name = "web" };
	const struct publish_file file = file_of(s);
	struct err e;

	add_ca(&set, "one");
	write_ok(s, &set);
	assert_int_equal(publish_write(&none, &file, &e), ERR_CONFIG);
	assert_non_null(strstr(e.text, "there is no CA certificate"));
	assert_int_equal(scratch_count(s, "cas"), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, folder_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_anchor_is_found_by_openssl),
		TEST(two_anchors_of_one_name_are_numbered),
		TEST(what_is_already_so_is_not_written_again),
		TEST(an_anchor_that_is_trusted_no_more_is_removed),
		TEST(what_is_too_much_is_a_difference),
		TEST(the_files_of_others_stay),
		TEST(a_number_that_others_free_is_taken),
		TEST(what_was_changed_is_mended),
		TEST(drafts_of_a_crash_are_removed),
		TEST(without_an_anchor_nothing_is_touched),
	};

	return cmocka_run_group_tests_name("hashed", tests, NULL, NULL);
}
