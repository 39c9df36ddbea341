/* publish: a set is whole and fits together, and each content is made of it. */
#include "tests/scratch.h"

#include "base/auto.h"
#include "base/err.h"
#include "base/x509.h"
#include "store/generation.h"
#include "store/publish.h"
#include "tests/store/sets.h"

static const struct file_access private = { FILE_KEEP, FILE_KEEP, 0600 };

/* Keep `set` as the next generation of "web"; parts that are empty are not written. */
static uint64_t keep(const struct scratch *s, const struct publish_set *set)
{
	const struct {
		const char *file;
		const struct buf *b;
	} parts[] = { { "privkey.pem", &set->key },
		      { "cert.pem", &set->cert },
		      { "chain.pem", &set->chain },
		      { "ca.pem", &set->ca } };
	AUTO_GENERATION struct generation g = GENERATION_NONE;
	uint64_t number = 0;
	struct err e;

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
	AUTO_PUBLISH_SET struct publish_set set = { 0 }, got = { 0 };
	struct err e;

	make_set(&set);
	assert_int_equal(publish_load(s->fd, "web", keep(s, &set), &got, &e), 0);
	same(&got.key, &set.key);
	same(&got.cert, &set.cert);
	same(&got.chain, &set.chain);
	same(&got.ca, &set.ca);
}

static void chain_and_anchors_need_not_be_there(void **state)
{
	struct scratch *s = *state;
	AUTO_PUBLISH_SET struct publish_set set = { 0 }, got = { 0 };
	struct err e;

	make_set(&set);
	buf_done(&set.chain);
	buf_done(&set.ca);
	assert_int_equal(publish_load(s->fd, "web", keep(s, &set), &got, &e), 0);
	assert_int_equal(got.chain.len + got.ca.len, 0);
}

static void another_certificates_key_is_not_published(void **state)
{
	struct scratch *s = *state;
	AUTO_PUBLISH_SET struct publish_set set = { 0 }, other = { 0 }, got = { 0 };
	struct err e;

	make_set(&set);
	make_set(&other);
	buf_done(&set.key);
	buf_add(&set.key, other.key.data, other.key.len);
	assert_int_equal(publish_load(s->fd, "web", keep(s, &set), &got, &e),
			 ERR_TRUST);
	assert_string_equal(e.text,
			    "generation 1 of web: privkey.pem is not the key of "
			    "cert.pem");
	assert_null(got.key.data);
}

static void what_cannot_be_read_is_not_published(void **state)
{
	struct scratch *s = *state;
	AUTO_PUBLISH_SET struct publish_set set = { 0 }, got = { 0 };
	struct err e;

	make_set(&set);
	keep(s, &set);
	scratch_put(s, "archive/web/0000000001/cert.pem", "half a certif");
	assert_int_equal(publish_load(s->fd, "web", 1, &got, &e), ERR_TRUST);
	assert_non_null(strstr(e.text, "cert.pem"));
	scratch_put(s, "archive/web/0000000001/privkey.pem", "");
	assert_int_equal(publish_load(s->fd, "web", 1, &got, &e), ERR_TRUST);
	assert_non_null(strstr(e.text, "privkey.pem"));
	assert_int_equal(unlinkat(s->fd, "archive/web/0000000001/privkey.pem", 0), 0);
	assert_int_equal(publish_load(s->fd, "web", 1, &got, &e), ERR_SYS);
	assert_int_equal(publish_load(s->fd, "web", 2, &got, &e), ERR_CONFIG);
}

static void each_content_holds_its_parts_in_order(void **state)
{
	static const struct row {
		const char *name;
		enum publish_content content;
		const char *holds; /* k key, c leaf, i chain, a anchors */
	} rows[] = {
		{ "fullchain", PUBLISH_FULLCHAIN, "ci" }, { "cert", PUBLISH_CERT, "c" },
		{ "chain", PUBLISH_CHAIN, "i" },          { "key", PUBLISH_KEY, "k" },
		{ "combined", PUBLISH_COMBINED, "kci" },  { "ca", PUBLISH_CA, "a" },
	};
	AUTO_PUBLISH_SET struct publish_set set = { 0 };
	struct err e;

	(void)state;
	make_set(&set);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_BUF struct buf got = { 0 }, want = { 0 };

		for (const char *p = rows[i].holds; *p != '\0'; p++) {
			const struct buf *b = *p == 'k'   ? &set.key
					      : *p == 'c' ? &set.cert
					      : *p == 'i' ? &set.chain
							  : &set.ca;

			buf_add(&want, b->data, b->len);
		}
		buf_puts(&got, "what was here before");
		if (publish_render(&set, rows[i].content, &got, &e) < 0 ||
		    strcmp(got.data, want.data) != 0)
			fail_msg("%s", rows[i].name);
	}
}

static void blocks_without_a_last_newline_do_not_run_together(void **state)
{
	AUTO_PUBLISH_SET struct publish_set set = { 0 };
	AUTO_BUF struct buf got = { 0 };
	struct err e;

	(void)state;
	buf_puts(&set.key, "key");
	buf_puts(&set.cert, "cert");
	buf_puts(&set.chain, "chain\n");
	assert_int_equal(publish_render(&set, PUBLISH_COMBINED, &got, &e), 0);
	assert_string_equal(got.data, "key\ncert\nchain\n");
}

static void der_is_the_leaf_in_binary(void **state)
{
	AUTO_PUBLISH_SET struct publish_set set = { 0 };
	AUTO_BUF struct buf got = { 0 }, pem = { 0 };
	AUTO_X509 X509 *cert = NULL;
	const unsigned char *p;
	struct err e;

	(void)state;
	make_set(&set);
	assert_int_equal(publish_render(&set, PUBLISH_DER, &got, &e), 0);
	p = (const unsigned char *)got.data;
	cert = d2i_X509(NULL, &p, (long)got.len);
	assert_non_null(cert);
	assert_ptr_equal(p, got.data + got.len);
	assert_int_equal(x509_to_pem(cert, &pem, &e), 0);
	same(&pem, &set.cert);
}

static void what_cannot_be_rendered_is_a_matter_of_configuration(void **state)
{
	AUTO_PUBLISH_SET struct publish_set set = { 0 };
	AUTO_BUF struct buf got = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(publish_render(&set, PUBLISH_PKCS12, &got, &e), ERR_CONFIG);
	assert_string_equal(e.text, "pkcs12: not in this version");
	assert_int_equal(publish_render(&set, PUBLISH_CA, &got, &e), ERR_CONFIG);
	assert_null(got.data);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, store_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_generation_is_read_back_whole),
		TEST(chain_and_anchors_need_not_be_there),
		TEST(another_certificates_key_is_not_published),
		TEST(what_cannot_be_read_is_not_published),
		TEST(each_content_holds_its_parts_in_order),
		TEST(blocks_without_a_last_newline_do_not_run_together),
		TEST(der_is_the_leaf_in_binary),
		TEST(what_cannot_be_rendered_is_a_matter_of_configuration),
	};

	return cmocka_run_group_tests_name("publish_load", tests, NULL, NULL);
}
