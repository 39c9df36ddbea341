/* pending: one key per order, durable before anyone is asked to certify it. */
#include "tests/scratch.h"

#include <errno.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "store/generation.h"
#include "tests/help/pending.h"

#define PENDING "archive/web/.pending"

static EVP_PKEY *get(const struct scratch *s, enum key_type type, int reuse)
{
	EVP_PKEY *key = NULL;
	struct err e = { 0 };

	if (pending_key(s->fd, "web", type, reuse, &key, &e) < 0)
		fail_msg("%s", e.text);
	assert_non_null(key);
	assert_int_equal(key_type_of(key), type);
	return key;
}

static EVP_PKEY *load(const struct scratch *s)
{
	EVP_PKEY *key = NULL;
	struct err e = { 0 };

	if (pending_load(s->fd, "web", &key, &e) < 0)
		fail_msg("%s", e.text);
	return key;
}

/* Make `key` that of the live generation, as the install step does. */
static void install(const struct scratch *s, const EVP_PKEY *key)
{
	const struct file_access access = { FILE_KEEP, FILE_KEEP, 0600 };
	AUTO_GENERATION struct generation g = GENERATION_NONE;
	AUTO_BUF struct buf pem = { 0 };
	uint64_t number = 0;
	struct err e = { 0 };

	assert_int_equal(key_to_pem(key, &pem, &e), 0);
	assert_int_equal(generation_begin(&g, s->fd, "web", &e), 0);
	assert_int_equal(generation_add(&g, "privkey.pem", pem.data, pem.len, &access,
					&e),
			 0);
	assert_int_equal(generation_keep(&g, &number, &e), 0);
	assert_int_equal(generation_live(s->fd, "web", number, &e), 0);
}

static void a_key_is_on_disk_before_it_is_used(void **state)
{
	struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *key = get(s, KEY_ECDSA_P256, 0);
	AUTO_KEY EVP_PKEY *there = load(s);

	assert_true(key_same_public(key, there));
	assert_int_equal(scratch_count(s, "archive/web"), 1);
}

static void nobody_else_reads_it(void **state)
{
	struct scratch *s = *state;
	mode_t old = umask(0);
	AUTO_KEY EVP_PKEY *key = get(s, KEY_ECDSA_P256, 0);

	umask(old);
	assert_non_null(key);
	assert_int_equal(scratch_stat(s, PENDING).st_mode & 07777, 0600);
	assert_int_equal(scratch_stat(s, "archive/web").st_mode & 07777, 0755);
}

static void a_retry_uses_the_key_that_is_there(void **state)
{
	struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *one = get(s, KEY_ECDSA_P256, 0);
	ino_t inode = scratch_stat(s, PENDING).st_ino;
	AUTO_KEY EVP_PKEY *two = get(s, KEY_ECDSA_P256, 0);

	assert_true(key_same_public(one, two));
	assert_int_equal(scratch_stat(s, PENDING).st_ino, inode);
}

static void another_type_is_another_key(void **state)
{
	struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *one = get(s, KEY_ECDSA_P256, 0);
	AUTO_KEY EVP_PKEY *two = get(s, KEY_ED25519, 0);
	AUTO_KEY EVP_PKEY *there = load(s);

	assert_false(key_same_public(one, two));
	assert_true(key_same_public(two, there));
}

static void there_is_none_before_it_is_asked_for(void **state)
{
	assert_null(load(*state));
}

static void a_dropped_key_is_gone(void **state)
{
	struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *one = get(s, KEY_ECDSA_P256, 0);
	AUTO_KEY EVP_PKEY *two = NULL;
	struct err e;

	assert_int_equal(pending_drop(s->fd, "web", &e), 0);
	assert_null(load(s));
	assert_int_equal(scratch_count(s, "archive/web"), 0);
	two = get(s, KEY_ECDSA_P256, 0);
	assert_false(key_same_public(one, two));
}

static void dropping_none_is_fine(void **state)
{
	struct scratch *s = *state;
	struct err e;

	assert_int_equal(pending_drop(s->fd, "web", &e), 0);
}

static void a_renewal_has_a_new_key(void **state)
{
	struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *old = get(s, KEY_ECDSA_P256, 0);
	AUTO_KEY EVP_PKEY *new = NULL;
	struct err e;

	install(s, old);
	assert_int_equal(pending_drop(s->fd, "web", &e), 0);
	new = get(s, KEY_ECDSA_P256, 0);
	assert_false(key_same_public(old, new));
}

static void a_key_that_went_live_before_a_crash_is_not_used_again(void **state)
{
	struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *old = get(s, KEY_ECDSA_P256, 0);
	AUTO_KEY EVP_PKEY *new = NULL;

	install(s, old); /* and killed before pending_drop() */
	new = get(s, KEY_ECDSA_P256, 0);
	assert_false(key_same_public(old, new));
}

static void reuse_takes_the_live_key_and_keeps_it(void **state)
{
	struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *old = get(s, KEY_ECDSA_P256, 0);
	AUTO_KEY EVP_PKEY *same = NULL;
	AUTO_KEY EVP_PKEY *there = NULL;
	AUTO_KEY EVP_PKEY *again = NULL;
	struct err e;

	install(s, old);
	assert_int_equal(pending_drop(s->fd, "web", &e), 0);
	same = get(s, KEY_ECDSA_P256, 1);
	there = load(s);
	again = get(s, KEY_ECDSA_P256, 1);
	assert_true(key_same_public(old, same));
	assert_true(key_same_public(old, there));
	assert_true(key_same_public(old, again));
}

static void reuse_of_another_type_makes_a_new_key(void **state)
{
	struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *old = get(s, KEY_ECDSA_P256, 0);
	AUTO_KEY EVP_PKEY *new = NULL;

	install(s, old);
	new = get(s, KEY_ED25519, 1);
	assert_false(key_same_public(old, new));
}

static void reuse_without_a_live_key_makes_one(void **state)
{
	struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *key = get(s, KEY_ECDSA_P256, 1);
	AUTO_KEY EVP_PKEY *there = load(s);

	assert_true(key_same_public(key, there));
}

static void what_is_no_key_gives_way_to_one(void **state)
{
	static const char *const bad[] = { "", "not a key",
					   ("-----BEGIN PRIVATE KEY-----\nAAAA\n"
					    "-----END PRIVATE KEY-----\n") };
	struct scratch *s = *state;

	scratch_mkdir(s, "archive/web");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		AUTO_KEY EVP_PKEY *key = NULL;
		AUTO_KEY EVP_PKEY *there = NULL;
		struct err e = { 0 };

		scratch_put(s, PENDING, bad[i]);
		assert_true(pending_load(s->fd, "web", &there, &e) < 0);
		assert_null(there);
		assert_non_null(strstr(e.text, ".pending"));
		key = get(s, KEY_ECDSA_P256, 0);
		there = load(s);
		assert_true(key_same_public(key, there));
	}
}

static void a_leftover_of_a_crash_is_removed(void **state)
{
	struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *key = NULL;

	scratch_mkdir(s, "archive/web");
	scratch_put(s, "archive/web/..pending.everleaf", "half a k");
	assert_null(load(s));
	key = get(s, KEY_ECDSA_P256, 0);
	assert_non_null(key);
	assert_int_equal(scratch_count(s, "archive/web"), 1);
}

static void a_sweep_leaves_the_key_that_waits(void **state)
{
	struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *old = get(s, KEY_ECDSA_P256, 0);
	AUTO_KEY EVP_PKEY *key = NULL, *there = NULL;
	struct err e;

	install(s, old);
	key = get(s, KEY_ECDSA_P256, 0);
	assert_int_equal(pending_sweep(s->fd, "web", &e), 0);
	there = load(s);
	assert_non_null(there);
	assert_true(key_same_public(key, there));
}

static void a_sweep_removes_a_key_that_is_in_a_generation(void **state)
{
	struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *key = get(s, KEY_ECDSA_P256, 0);
	struct err e;

	install(s, key);
	assert_int_equal(unlinkat(s->fd, "live/web", 0), 0);
	assert_int_equal(pending_sweep(s->fd, "web", &e), 0);
	assert_int_equal(scratch_count(s, "archive/web"), 1);
}

static void nothing_live_is_changed(void **state)
{
	struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *old = get(s, KEY_ECDSA_P256, 0);
	AUTO_KEY EVP_PKEY *new = NULL;
	struct stat before, after;

	install(s, old);
	before = scratch_stat(s, "archive/web/0000000001/privkey.pem");
	new = get(s, KEY_ECDSA_P384, 0);
	after = scratch_stat(s, "archive/web/0000000001/privkey.pem");
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(after.st_mtim));
	assert_int_equal(before.st_ino, after.st_ino);
}

static void a_disk_that_fails_is_not_taken_for_no_key(void **state)
{
	struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *key = NULL;
	struct err e;

	scratch_mkdir(s, "archive/web");
	scratch_mkdir(s, PENDING);
	assert_int_equal(pending_key(s->fd, "web", KEY_ECDSA_P256, 0, &key, &e),
			 ERR_SYS);
	assert_null(key);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, store_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_key_is_on_disk_before_it_is_used),
		TEST(nobody_else_reads_it),
		TEST(a_retry_uses_the_key_that_is_there),
		TEST(another_type_is_another_key),
		TEST(there_is_none_before_it_is_asked_for),
		TEST(a_dropped_key_is_gone),
		TEST(dropping_none_is_fine),
		TEST(a_renewal_has_a_new_key),
		TEST(a_key_that_went_live_before_a_crash_is_not_used_again),
		TEST(reuse_takes_the_live_key_and_keeps_it),
		TEST(reuse_of_another_type_makes_a_new_key),
		TEST(reuse_without_a_live_key_makes_one),
		TEST(what_is_no_key_gives_way_to_one),
		TEST(a_leftover_of_a_crash_is_removed),
		TEST(a_sweep_leaves_the_key_that_waits),
		TEST(a_sweep_removes_a_key_that_is_in_a_generation),
		TEST(nothing_live_is_changed),
		TEST(a_disk_that_fails_is_not_taken_for_no_key),
	};

	return cmocka_run_group_tests_name("pending", tests, NULL, NULL);
}
