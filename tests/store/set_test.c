/* set: a generation is read back whole, or not at all. */
#include "tests/scratch.h"

#include <sys/resource.h>

#include "base/auto.h"
#include "base/csr.h"
#include "base/err.h"
#include "base/file.h"
#include "base/x509.h"
#include "store/generation.h"
#include "store/set.h"
#include "tests/store/sets.h"

static const struct file_access private = { FILE_KEEP, FILE_KEEP, 0600 };

/* Keep `set` as the next generation of "web"; parts that are empty are not written. */
static uint64_t keep(const struct scratch *s, const struct set *set)
{
	AUTO_BUF struct buf full = { 0 };
	const struct {
		const char *file;
		const struct buf *b;
	} parts[] = { { "privkey.pem", &set->key }, { "csr.pem", &set->csr },
		      { "cert.pem", &set->cert },   { "fullchain.pem", &full },
		      { "chain.pem", &set->chain }, { "ca.pem", &set->ca } };
	AUTO_GENERATION struct generation g = GENERATION_NONE;
	uint64_t number = 0;
	struct err e;

	buf_add(&full, set->cert.data, set->cert.len);
	if (set->chain.len > 0)
		buf_add(&full, set->chain.data, set->chain.len);
	assert_int_equal(generation_begin(&g, s->fd, "web", &e), 0);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (parts[i].b->len > 0)
			assert_int_equal(generation_add(&g, parts[i].file,
							parts[i].b->data,
							parts[i].b->len, &private, &e),
					 0);
	assert_int_equal(generation_keep(&g, &number, &e), 0);
	return number;
}

static void same(const struct buf *got, const struct buf *want)
{
	assert_int_equal(got->len, want->len);
	assert_memory_equal(got->data, want->data, want->len);
}

static void a_generation_is_read_back_whole(void **state)
{
	struct scratch *s = *state;
	AUTO_SET struct set set = { 0 }, got = { 0 };
	struct err e;

	make_set(&set);
	assert_int_equal(set_load(s->fd, "web", keep(s, &set), &got, &e), 0);
	same(&got.key, &set.key);
	same(&got.cert, &set.cert);
	same(&got.chain, &set.chain);
	same(&got.ca, &set.ca);
}

/* The key is elsewhere: what it was asked for with stands for it. */
static void a_request_may_stand_for_the_key(void **state)
{
	static const struct name name = { NAME_DNS, "example.org" };
	struct scratch *s = *state;
	AUTO_SET struct set set = { 0 }, got = { 0 }, other = { 0 };
	AUTO_KEY EVP_PKEY *key = NULL;
	AUTO_CSR X509_REQ *csr = NULL;
	AUTO_BUF struct buf der = { 0 };
	const unsigned char *at;
	struct err e;

	make_set(&set);
	make_set(&other);
	assert_int_equal(key_from_pem(set.key.data, set.key.len, &key, &e), 0);
	assert_int_equal(csr_make(key, &name, 1, &der, &e), 0);
	at = (const unsigned char *)der.data;
	csr = d2i_X509_REQ(NULL, &at, (long)der.len);
	assert_int_equal(csr_to_pem(csr, &set.csr, &e), 0);
	buf_done(&set.key);
	assert_int_equal(set_load(s->fd, "web", keep(s, &set), &got, &e), 0);
	same(&got.csr, &set.csr);
	assert_int_equal(got.key.len, 0);
	scratch_put(s, "archive/web/0000000001/cert.pem", other.cert.data);
	assert_int_equal(set_load(s->fd, "web", 1, &got, &e), ERR_TRUST);
	assert_non_null(strstr(e.text, "csr.pem is not for the key of cert.pem"));
}

static void chain_and_anchors_need_not_be_there(void **state)
{
	struct scratch *s = *state;
	AUTO_SET struct set set = { 0 }, got = { 0 };
	struct err e;

	make_set(&set);
	buf_done(&set.chain);
	buf_done(&set.ca);
	assert_int_equal(set_load(s->fd, "web", keep(s, &set), &got, &e), 0);
	assert_int_equal(got.chain.len + got.ca.len, 0);
}

static void another_certificates_key_is_not_published(void **state)
{
	struct scratch *s = *state;
	AUTO_SET struct set set = { 0 }, other = { 0 }, got = { 0 };
	struct err e;

	make_set(&set);
	make_set(&other);
	buf_done(&set.key);
	buf_add(&set.key, other.key.data, other.key.len);
	assert_int_equal(set_load(s->fd, "web", keep(s, &set), &got, &e), ERR_TRUST);
	assert_string_equal(e.text,
			    "generation 1 of web: privkey.pem is not the key of "
			    "cert.pem");
	assert_null(got.key.data);
	/* ... but by who has checked it himself */
	assert_int_equal(set_read(s->fd, "web", 1, &got, &e), 0);
	same(&got.key, &other.key);
}

static void what_cannot_be_read_is_not_published(void **state)
{
	struct scratch *s = *state;
	AUTO_SET struct set set = { 0 }, got = { 0 };
	struct err e;

	make_set(&set);
	keep(s, &set);
	scratch_put(s, "archive/web/0000000001/cert.pem", "half a certif");
	assert_int_equal(set_load(s->fd, "web", 1, &got, &e), ERR_TRUST);
	assert_non_null(strstr(e.text, "cert.pem"));
	scratch_put(s, "archive/web/0000000001/privkey.pem", "");
	assert_int_equal(set_load(s->fd, "web", 1, &got, &e), ERR_TRUST);
	assert_non_null(strstr(e.text, "privkey.pem"));
	assert_int_equal(unlinkat(s->fd, "archive/web/0000000001/privkey.pem", 0), 0);
	assert_int_equal(set_load(s->fd, "web", 1, &got, &e), ERR_SYS);
	assert_int_equal(set_load(s->fd, "web", 2, &got, &e), ERR_CONFIG);
}

/* Servers read it, and nothing else. */
static void what_servers_are_given_begins_with_the_certificate(void **state)
{
	struct scratch *s = *state;
	AUTO_SET struct set set = { 0 }, other = { 0 }, got = { 0 };
	struct err e;

	make_set(&set);
	make_set(&other);
	keep(s, &set);
	scratch_put(s, "archive/web/0000000001/fullchain.pem", other.cert.data);
	assert_int_equal(set_load(s->fd, "web", 1, &got, &e), ERR_TRUST);
	assert_non_null(strstr(e.text, "fullchain.pem does not begin with cert.pem"));
	scratch_put(s, "archive/web/0000000001/fullchain.pem", "");
	assert_int_equal(set_load(s->fd, "web", 1, &got, &e), ERR_TRUST);
	assert_non_null(strstr(e.text, "fullchain.pem: "));
	assert_int_equal(unlinkat(s->fd, "archive/web/0000000001/fullchain.pem", 0), 0);
	assert_int_equal(set_load(s->fd, "web", 1, &got, &e), ERR_TRUST);
	assert_non_null(strstr(e.text, "fullchain.pem: "));
}

static void write_chain(const struct scratch *s, const struct buf *one,
			const struct buf *two, size_t len)
{
	AUTO_BUF struct buf all = { 0 };

	buf_add(&all, one->data, one->len);
	if (two != NULL)
		buf_add(&all, two->data, two->len);
	all.data[len < all.len ? len : all.len] = '\0';
	scratch_put(s, "archive/web/0000000001/chain.pem", all.data);
}

static void refused(const struct scratch *s, const char *why)
{
	AUTO_SET struct set got = { 0 };
	struct err e;

	assert_int_equal(set_load(s->fd, "web", 1, &got, &e), ERR_TRUST);
	assert_non_null(strstr(e.text, why));
}

/* There are servers that read cert.pem and chain.pem. */
static void the_chain_is_what_stands_behind_the_certificate(void **state)
{
	struct scratch *s = *state;
	AUTO_SET struct set set = { 0 }, other = { 0 }, got = { 0 };
	struct err e;

	make_set(&set);
	make_set(&other);
	keep(s, &set);
	write_chain(s, &other.chain, NULL, SIZE_MAX);
	refused(s, "chain.pem is not what fullchain.pem has behind cert.pem");
	write_chain(s, &set.chain, &other.chain, SIZE_MAX);
	refused(s, "chain.pem is not what fullchain.pem has behind cert.pem");
	write_chain(s, &set.chain, NULL, set.chain.len / 2);
	refused(s, "chain.pem: ");
	write_chain(s, &set.chain, &other.chain, set.chain.len + 80);
	refused(s, "chain.pem: ");
	scratch_put(s, "archive/web/0000000001/chain.pem", "");
	refused(s, "chain.pem is missing or empty");
	assert_int_equal(unlinkat(s->fd, "archive/web/0000000001/chain.pem", 0), 0);
	refused(s, "chain.pem is missing or empty");
	write_chain(s, &set.chain, NULL, SIZE_MAX);
	assert_int_equal(set_load(s->fd, "web", 1, &got, &e), 0);
}

/* Each descriptor that it asks for is one too many, in turn. */
static void what_cannot_be_looked_at_for_want_of_descriptors_is_not_damaged(
    void **state)
{
	struct scratch *s = *state;
	AUTO_SET struct set set = { 0 }, got = { 0 };
	struct rlimit before, low;
	unsigned n = 0;
	struct err e;
	int rc = -1;

	make_set(&set);
	keep(s, &set);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	low = before;
	for (low.rlim_cur = 0; rc < 0 && low.rlim_cur < 64; low.rlim_cur++) {
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
		rc = set_load(s->fd, "web", 1, &got, &e);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		n += rc < 0;
		assert_true(rc == 0 || (rc == ERR_SYS && err_is_short(&e)));
	}
	assert_int_equal(rc, 0);
	assert_true(n > 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, store_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_generation_is_read_back_whole),
		TEST(a_request_may_stand_for_the_key),
		TEST(chain_and_anchors_need_not_be_there),
		TEST(another_certificates_key_is_not_published),
		TEST(what_cannot_be_read_is_not_published),
		TEST(what_servers_are_given_begins_with_the_certificate),
		TEST(the_chain_is_what_stands_behind_the_certificate),
		TEST(what_cannot_be_looked_at_for_want_of_descriptors_is_not_damaged),
	};

	return cmocka_run_group_tests_name("set", tests, NULL, NULL);
}
