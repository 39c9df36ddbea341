/* pending: one key per order, durable before anyone is asked to certify it. */
#include "tests/scratch.h"

#include <errno.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/names.h"
#include "base/text.h"
#include "store/generation.h"
#include "tests/help/pending.h"

#define PENDING "archive/web/.pending"
#define NEXT    "archive/web/next.tlsa"
#define HEX63   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"

static EVP_PKEY *get(const struct scratch *s, enum key_type type,
		     enum pending_reuse reuse)
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

	assert_int_equal(pending_drop(s->fd, "web", false, &e), 0);
	assert_null(load(s));
	assert_int_equal(scratch_count(s, "archive/web"), 0);
	two = get(s, KEY_ECDSA_P256, 0);
	assert_false(key_same_public(one, two));
}

static void a_request_is_kept_with_its_key(void **state)
{
	static const struct name name = { NAME_DNS, "web.example" };
	struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *key = get(s, KEY_ECDSA_P256, 0);
	AUTO_KEY EVP_PKEY *there = NULL;
	AUTO_CSR X509_REQ *none = NULL;
	AUTO_CSR X509_REQ *csr = NULL;
	AUTO_CSR X509_REQ *kept = NULL;
	AUTO_BUF struct buf der = { 0 };
	AUTO_BUF struct buf pem = { 0 };
	const unsigned char *at;
	struct err e;

	assert_int_equal(pending_request(s->fd, "web", &none, &e), 0);
	assert_null(none);
	assert_int_equal(csr_make(key, &name, 1, &der, &e), 0);
	at = (const unsigned char *)der.data;
	csr = d2i_X509_REQ(NULL, &at, (long)der.len);
	assert_int_equal(key_to_pem(key, &pem, &e), 0);
	assert_int_equal(csr_to_pem(csr, &pem, &e), 0);
	assert_int_equal(pending_keep(s->fd, "web", &pem, &e), 0);
	assert_int_equal(pending_request(s->fd, "web", &kept, &e), 0);
	assert_non_null(kept);
	assert_true(key_same_public(X509_REQ_get0_pubkey(kept), key));
	there = load(s);
	assert_true(key_same_public(there, key));
	assert_int_equal(pending_drop(s->fd, "web", false, &e), 0);
	assert_int_equal(scratch_count(s, "archive/web"), 0);
}

static void dropping_none_is_fine(void **state)
{
	struct scratch *s = *state;
	struct err e;

	assert_int_equal(pending_drop(s->fd, "web", false, &e), 0);
}

static void a_renewal_has_a_new_key(void **state)
{
	struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *old = get(s, KEY_ECDSA_P256, 0);
	AUTO_KEY EVP_PKEY *new = NULL;
	struct err e;

	install(s, old);
	assert_int_equal(pending_drop(s->fd, "web", false, &e), 0);
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
	assert_int_equal(pending_drop(s->fd, "web", false, &e), 0);
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
	assert_int_equal(pending_sweep(s->fd, "web", false, &e), 0);
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
	assert_int_equal(pending_sweep(s->fd, "web", false, &e), 0);
	assert_int_equal(scratch_count(s, "archive/web"), 1);
}

static void announce(const struct scratch *s, const EVP_PKEY *key,
		     char hex[PENDING_HEX])
{
	AUTO_BUF struct buf spki = { 0 };
	uint8_t sum[HASH_LEN];
	struct err e;

	assert_int_equal(key_to_spki(key, &spki, &e), 0);
	if (pending_announce(s->fd, "web", &spki, &e) < 0)
		fail_msg("%s", e.text);
	hash_all(spki.data, spki.len, sum);
	text_hex(hex, sum, sizeof(sum));
}

static void expect_announced(const struct scratch *s, const char *expected)
{
	char hex[PENDING_HEX] = "?";
	struct err e;

	assert_int_equal(pending_announced(s->fd, "web", hex, &e), 0);
	assert_string_equal(hex, expected);
}

static void what_waits_is_announced_to_everybody(void **state)
{
	struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *key = get(s, KEY_ECDSA_P256, 0);
	AUTO_BUF struct buf text = { 0 };
	char hex[PENDING_HEX], line[PENDING_HEX + 8];
	struct stat first;
	struct err e;

	expect_announced(s, "");
	announce(s, key, hex);
	expect_announced(s, hex);
	first = scratch_stat(s, NEXT);
	assert_int_equal(first.st_mode & 07777, 0644);
	assert_int_equal(file_read(s->fd, NEXT, 100, &text, &e), 0);
	snprintf(line, sizeof(line), "3 1 1 %s\n", hex);
	assert_string_equal(text.data, line);
	announce(s, key, hex); /* it says so already */
	assert_true(scratch_stat(s, NEXT).st_ino == first.st_ino);
}

static void what_was_announced_stays_as_long_as_it_is_asked_for(void **state)
{
	struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *key = get(s, KEY_ECDSA_P256, 0);
	char hex[PENDING_HEX];
	struct err e;

	announce(s, key, hex);
	assert_int_equal(pending_sweep(s->fd, "web", false, &e), 0);
	expect_announced(s, hex); /* the key is still to be used */
	install(s, key);
	assert_int_equal(pending_sweep(s->fd, "web", true, &e), 0);
	expect_announced(s, hex);
	assert_int_equal(pending_drop(s->fd, "web", true, &e), 0);
	expect_announced(s, hex);
	assert_int_equal(pending_sweep(s->fd, "web", false, &e), 0);
	expect_announced(s, "");
	announce(s, key, hex);
	assert_int_equal(pending_drop(s->fd, "web", false, &e), 0);
	expect_announced(s, "");
}

/* Stored and not live: a crash came before anybody knew of it, or it was rolled back. */
static void what_was_announced_is_used_though_its_generation_is_not(void **state)
{
	struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *first = get(s, KEY_ECDSA_P256, 0);
	AUTO_KEY EVP_PKEY *next = NULL, *again = NULL, *other = NULL;
	char hex[PENDING_HEX];
	struct err e;

	install(s, first);
	next = get(s, KEY_ECDSA_P256, REUSE_ANNOUNCED);
	assert_false(key_same_public(first, next)); /* it is live */
	announce(s, next, hex);
	install(s, next);
	assert_int_equal(pending_drop(s->fd, "web", true, &e), 0);
	assert_int_equal(generation_live(s->fd, "web", 1, &e), 0);
	again = get(s, KEY_ECDSA_P256, REUSE_ANNOUNCED);
	assert_true(key_same_public(next, again));
	assert_int_equal(pending_drop(s->fd, "web", true, &e), 0);
	announce(s, first, hex); /* of another one nobody knows */
	other = get(s, KEY_ECDSA_P256, REUSE_ANNOUNCED);
	assert_false(key_same_public(next, other));
	assert_false(key_same_public(first, other));
}

static void what_somebody_else_wrote_there_announces_nothing(void **state)
{
	static const char *const texts[] = {
		"",
		"3 1 1 \n",
		"3 1 1 00\n",
		"3 1 2 " HEX63 "f\n",
		"3 1 1 " HEX63 "g\n",
		"3 1 1 " HEX63 "f0",
		"3 1 1 " HEX63 "f\n\n",
	};
	struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *key = get(s, KEY_ECDSA_P256, 0);
	char hex[PENDING_HEX];

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		scratch_put(s, NEXT, texts[i]);
		expect_announced(s, "");
	}
	announce(s, key, hex);
	expect_announced(s, hex);
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
		TEST(a_request_is_kept_with_its_key),
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
		TEST(what_waits_is_announced_to_everybody),
		TEST(what_was_announced_stays_as_long_as_it_is_asked_for),
		TEST(what_was_announced_is_used_though_its_generation_is_not),
		TEST(what_somebody_else_wrote_there_announces_nothing),
		TEST(nothing_live_is_changed),
		TEST(a_disk_that_fails_is_not_taken_for_no_key),
	};

	return cmocka_run_group_tests_name("pending", tests, NULL, NULL);
}
