/* content: what each kind holds, to the byte. */
#include "tests/scratch.h"

#include "base/err.h"
#include "base/x509.h"
#include "store/content.h"
#include "tests/store/sets.h"

static void each_content_holds_its_parts_in_order(void **state)
{
	static const struct row {
		const char *name;
		struct content content;
		const char *holds; /* k key, c leaf, i chain, a anchors */
	} rows[] = {
		{ "fullchain", { .kind = CONTENT_FULLCHAIN }, "ci" },
		{ "cert", { .kind = CONTENT_CERT }, "c" },
		{ "chain", { .kind = CONTENT_CHAIN }, "i" },
		{ "key", { .kind = CONTENT_KEY }, "k" },
		{ "combined", { .kind = CONTENT_COMBINED }, "kci" },
		{ "ca", { .kind = CONTENT_CA }, "a" },
	};
	AUTO_SET struct set set = { 0 };
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
		if (content_render(&set, &rows[i].content, &got, &e) < 0 ||
		    strcmp(got.data, want.data) != 0)
			fail_msg("%s", rows[i].name);
	}
}

static void blocks_without_a_last_newline_do_not_run_together(void **state)
{
	AUTO_SET struct set set = { 0 };
	AUTO_BUF struct buf got = { 0 };
	struct err e;

	(void)state;
	buf_puts(&set.key, "key");
	buf_puts(&set.cert, "cert");
	buf_puts(&set.chain, "chain\n");
	assert_int_equal(content_render(&set,
					&(struct content){ .kind = CONTENT_COMBINED },
					&got, &e),
			 0);
	assert_string_equal(got.data, "key\ncert\nchain\n");
}

static void der_is_the_leaf_in_binary(void **state)
{
	AUTO_SET struct set set = { 0 };
	AUTO_BUF struct buf got = { 0 }, pem = { 0 };
	AUTO_X509 X509 *cert = NULL;
	const unsigned char *p;
	struct err e;

	(void)state;
	make_set(&set);
	assert_int_equal(content_render(&set, &(struct content){ .kind = CONTENT_DER },
					&got, &e),
			 0);
	p = (const unsigned char *)got.data;
	cert = d2i_X509(NULL, &p, (long)got.len);
	assert_non_null(cert);
	assert_ptr_equal(p, got.data + got.len);
	assert_int_equal(x509_to_pem(cert, &pem, &e), 0);
	assert_string_equal(pem.data, set.cert.data);
}

static void what_cannot_be_rendered_is_a_matter_of_configuration(void **state)
{
	AUTO_SET struct set set = { 0 };
	AUTO_BUF struct buf got = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(content_render(&set,
					&(struct content){ .kind = CONTENT_PKCS12 },
					&got, &e),
			 ERR_CONFIG);
	assert_string_equal(e.text, "pkcs12: not in this version");
	assert_int_equal(content_render(&set, &(struct content){ .kind = CONTENT_CA },
					&got, &e),
			 ERR_CONFIG);
	assert_null(got.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_content_holds_its_parts_in_order),
		cmocka_unit_test(blocks_without_a_last_newline_do_not_run_together),
		cmocka_unit_test(der_is_the_leaf_in_binary),
		cmocka_unit_test(what_cannot_be_rendered_is_a_matter_of_configuration),
	};

	return cmocka_run_group_tests_name("content", tests, NULL, NULL);
}
