/* account: what is kept of an ACME account, whatever a crash left. */
#include "tests/scratch.h"

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "store/account.h"

#define URL "https://ca.example/acme/acct/1"

static struct account load(const struct scratch *s)
{
	struct account a = { 0 };
	struct err e;

	if (account_load(s->fd, "le", &a, &e) < 0)
		fail_msg("%s", e.text);
	return a;
}

static EVP_PKEY *make(const struct scratch *s, enum key_type type)
{
	AUTO_ACCOUNT struct account a = load(s);
	struct err e;

	if (account_make_key(s->fd, "le", type, &a, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(key_type_of(a.key), type);
	assert_null(a.next);
	assert_null(a.url);
	return TAKE(a.key);
}

static EVP_PKEY *make_next(const struct scratch *s)
{
	AUTO_ACCOUNT struct account a = load(s);
	struct err e;

	if (account_make_next(s->fd, "le", KEY_ED25519, &a, &e) < 0)
		fail_msg("%s", e.text);
	return TAKE(a.next);
}

static void save_url(const struct scratch *s, const char *url)
{
	struct err e;

	if (account_save_url(s->fd, "le", url, &e) < 0)
		fail_msg("%s", e.text);
}

static void what_was_never_made_is_nothing(void **state)
{
	const struct scratch *s = *state;
	AUTO_ACCOUNT struct account a = load(s);
	struct err e;

	assert_true(a.key == NULL && a.next == NULL && a.url == NULL);
	assert_int_equal(account_take_next(s->fd, "le", &e), 0);
	assert_int_equal(account_drop_next(s->fd, "le", &e), 0);
	assert_int_equal(account_sweep(s->fd, "le", &e), 0);
	assert_int_equal(account_remove(s->fd, "le", &e), 0);
	assert_int_equal(scratch_count(s, "."), 0);
}

static void a_key_and_its_url_are_kept(void **state)
{
	const struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *key = make(s, KEY_ECDSA_P256);
	AUTO_ACCOUNT struct account before = load(s);
	AUTO_ACCOUNT struct account after = { 0 };

	assert_true(key_same_public(key, before.key));
	assert_null(before.url);
	save_url(s, URL);
	scratch_expect(s, "accounts/le/account.json",
		       "{\"version\":1,\"url\":\"" URL "\"}");
	after = load(s);
	assert_string_equal(after.url, URL);
	assert_true(key_same_public(key, after.key));
}

static void an_account_that_was_deactivated_is_nothing(void **state)
{
	const struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *key = make(s, KEY_ECDSA_P256);
	AUTO_KEY EVP_PKEY *next = make_next(s);
	struct account a;
	struct err e;

	save_url(s, "https://ca.example/acct/1");
	assert_int_equal(account_remove(s->fd, "le", &e), 0);
	a = load(s);
	assert_true(a.key == NULL && a.next == NULL && a.url == NULL);
}

static void nobody_else_reads_it(void **state)
{
	static const struct row {
		const char *path;
		mode_t mode;
	} rows[] = {
		{ "accounts", 0700 },
		{ "accounts/le", 0700 },
		{ "accounts/le/account.key", 0600 },
		{ "accounts/le/account.json", 0600 },
		{ "accounts/le/next.key", 0600 },
	};
	const struct scratch *s = *state;
	mode_t old = umask(0);
	AUTO_KEY EVP_PKEY *key = make(s, KEY_ECDSA_P256);
	AUTO_KEY EVP_PKEY *next = make_next(s);

	save_url(s, URL);
	umask(old);
	assert_true(key != NULL && next != NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((scratch_stat(s, rows[i].path).st_mode & 07777) != rows[i].mode)
			fail_msg("%s", rows[i].path);
}

static void a_new_key_has_no_url_and_no_successor(void **state)
{
	const struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *old = make(s, KEY_ECDSA_P256);
	AUTO_KEY EVP_PKEY *next = make_next(s);
	AUTO_KEY EVP_PKEY *new = NULL;
	AUTO_ACCOUNT struct account a = { 0 };

	assert_non_null(next);
	save_url(s, URL);
	new = make(s, KEY_ECDSA_P384);
	a = load(s);
	assert_true(key_same_public(new, a.key));
	assert_false(key_same_public(old, a.key));
	assert_true(a.next == NULL && a.url == NULL);
}

/* Killed before the CA was asked, while it was, or before its answer was kept: old and
 * new are both there until one of them is chosen. */
static void a_roll_over_keeps_both_keys_until_one_is_chosen(void **state)
{
	const struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *old = make(s, KEY_ECDSA_P256);
	AUTO_KEY EVP_PKEY *next = make_next(s);
	AUTO_ACCOUNT struct account open = load(s);
	AUTO_ACCOUNT struct account taken = { 0 };
	struct err e;

	assert_true(key_same_public(open.key, old));
	assert_true(key_same_public(open.next, next));
	save_url(s, URL);
	assert_int_equal(account_take_next(s->fd, "le", &e), 0);
	taken = load(s);
	assert_true(key_same_public(taken.key, next));
	assert_null(taken.next);
	assert_string_equal(taken.url, URL); /* RFC 8555 7.3.5: the account stays */
	assert_int_equal(account_take_next(s->fd, "le", &e), 0); /* it is done */
}

static void a_roll_over_that_was_refused_leaves_the_old_key(void **state)
{
	const struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *old = make(s, KEY_ECDSA_P256);
	AUTO_KEY EVP_PKEY *next = make_next(s);
	AUTO_ACCOUNT struct account a = { 0 };
	struct err e;

	assert_non_null(next);
	assert_int_equal(account_drop_next(s->fd, "le", &e), 0);
	a = load(s);
	assert_true(key_same_public(a.key, old));
	assert_null(a.next);
}

static void a_file_that_is_not_as_we_write_it_is_no_registration(void **state)
{
	static const char *const rows[] = {
		"",
		"{}",
		"{\"version\":1,\"url\":\"\"}",
		"{\"version\":2,\"url\":\"" URL "\"}",
		"{\"version\":1,\"url\":\"" URL "\"",
		"{\"version\":1,\"url\":\"" URL "\"}\n",
		"{\"version\": 1, \"url\": \"" URL "\"}",
		"{\"version\":1,\"url\":\"" URL "\",\"a\":\"b\"}",
		"{\"version\":1,\"url\":\"https://a\\\"b\"}",
		"{\"version\":1,\"url\":\"https://a b\"}",
		"{\"version\":1,\"url\":null}",
	};
	const struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *key = make(s, KEY_ECDSA_P256);

	assert_non_null(key);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_ACCOUNT struct account a = { 0 };

		scratch_put(s, "accounts/le/account.json", rows[i]);
		a = load(s);
		if (a.url != NULL)
			fail_msg("%s: %s", rows[i], a.url);
		assert_non_null(a.key);
	}
}

static void what_is_no_url_is_not_saved(void **state)
{
	static const char *const rows[] = { "", "a b", "a\"b", "a\\b", "a\nb", "\xff" };
	const struct scratch *s = *state;
	struct err e;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(account_save_url(s->fd, "le", rows[i], &e), ERR_PROTO);
	assert_int_equal(scratch_count(s, "."), 0);
}

/* It may be worth more than a certificate: a person has to give it up. */
static void a_key_that_cannot_be_read_is_told_and_not_replaced(void **state)
{
	const struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *key = make(s, KEY_ECDSA_P256);
	AUTO_ACCOUNT struct account a = { 0 };
	struct err e;

	assert_non_null(key);
	scratch_put(s, "accounts/le/account.key", "half a k");
	assert_int_equal(account_load(s->fd, "le", &a, &e), ERR_CONFIG);
	assert_non_null(strstr(e.text, "accounts/le: account.key is no key"));
	assert_null(a.key);
}

static void a_url_without_a_key_is_nothing(void **state)
{
	const struct scratch *s = *state;
	AUTO_ACCOUNT struct account a = { 0 };

	save_url(s, URL);
	a = load(s);
	assert_null(a.url);
}

static void a_sweep_removes_drafts_and_nothing_else(void **state)
{
	const struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *key = make(s, KEY_ECDSA_P256);
	AUTO_KEY EVP_PKEY *next = make_next(s);
	struct err e;

	assert_true(key != NULL && next != NULL);
	save_url(s, URL);
	scratch_put(s, "accounts/le/.account.key.everleaf", "half");
	scratch_put(s, "accounts/le/.next.key.everleaf", "half");
	scratch_put(s, "accounts/le/.account.json.everleaf", "half");
	assert_int_equal(account_sweep(s->fd, "le", &e), 0);
	assert_int_equal(scratch_count(s, "accounts/le"), 3);
}

#define CA    "https://ca.example/directory"
#define OTHER "https://ca.example/other/directory"

static const char *folder_of(const struct scratch *s, const char *directory)
{
	static char text[64];
	AUTO_BUF struct buf folder = { 0 };
	struct err e;

	if (account_folder(s->fd, "le", directory, &folder, &e) < 0)
		fail_msg("%s", e.text);
	snprintf(text, sizeof(text), "%s", folder.data);
	return text;
}

static void claim(const struct scratch *s, const char *folder, const char *directory)
{
	struct err e;

	if (account_claim(s->fd, folder, directory, &e) < 0)
		fail_msg("%s", e.text);
}

static void each_ca_has_a_folder_of_its_own(void **state)
{
	const struct scratch *s = *state;
	char hashed[64];

	assert_string_equal(folder_of(s, CA), "le");
	claim(s, "le", CA);
	claim(s, "le", CA);
	scratch_expect(s, "accounts/le/directory", CA "\n");
	assert_int_equal(scratch_stat(s, "accounts/le/directory").st_mode & 07777,
			 0600);
	assert_string_equal(folder_of(s, CA), "le");
	snprintf(hashed, sizeof(hashed), "%s", folder_of(s, OTHER));
	assert_string_not_equal(hashed, "le");
	assert_true(strncmp(hashed, "le@", 3) == 0 && strlen(hashed) == 3 + 16);
	claim(s, hashed, OTHER);
	assert_string_equal(folder_of(s, CA), "le"); /* it is that one's again */
	assert_string_equal(folder_of(s, OTHER), hashed);
	assert_string_not_equal(folder_of(s, CA "2"), hashed);
	/* Somebody has taken the first one away: the other's stays where it is. */
	assert_int_equal(unlinkat(s->fd, "accounts/le/directory", 0), 0);
	assert_string_equal(folder_of(s, OTHER), hashed);
}

/* Made before it was written down whose they are. */
static void an_account_without_a_ca_belongs_to_the_server_of_its_url(void **state)
{
	const struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *key = make(s, KEY_ECDSA_P256);

	assert_non_null(key);
	assert_string_equal(folder_of(s, "https://other.example/dir"), "le");
	save_url(s, URL);
	assert_string_equal(folder_of(s, OTHER), "le");
	assert_string_not_equal(folder_of(s, "https://other.example/dir"), "le");
	scratch_put(s, "accounts/le/directory", "");
	assert_string_not_equal(folder_of(s, OTHER), "le");
}

static void a_name_that_leads_elsewhere_is_refused(void **state)
{
	static const char *const rows[] = { "", ".", "..", "../x", "a/b", ".a" };
	const struct scratch *s = *state;
	AUTO_ACCOUNT struct account a = { 0 };
	struct err e;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(account_load(s->fd, rows[i], &a, &e), ERR_CONFIG);
		assert_int_equal(account_make_key(s->fd, rows[i], KEY_ECDSA_P256, &a,
						  &e),
				 ERR_CONFIG);
	}
	assert_int_equal(scratch_count(s, "."), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_in, scratch_out)
	const struct CMUnitTest tests[] = {
		TEST(what_was_never_made_is_nothing),
		TEST(a_key_and_its_url_are_kept),
		TEST(an_account_that_was_deactivated_is_nothing),
		TEST(nobody_else_reads_it),
		TEST(a_new_key_has_no_url_and_no_successor),
		TEST(a_roll_over_keeps_both_keys_until_one_is_chosen),
		TEST(a_roll_over_that_was_refused_leaves_the_old_key),
		TEST(a_file_that_is_not_as_we_write_it_is_no_registration),
		TEST(what_is_no_url_is_not_saved),
		TEST(a_key_that_cannot_be_read_is_told_and_not_replaced),
		TEST(a_url_without_a_key_is_nothing),
		TEST(a_sweep_removes_drafts_and_nothing_else),
		TEST(each_ca_has_a_folder_of_its_own),
		TEST(an_account_without_a_ca_belongs_to_the_server_of_its_url),
		TEST(a_name_that_leads_elsewhere_is_refused),
	};

	return cmocka_run_group_tests_name("account", tests, NULL, NULL);
}
