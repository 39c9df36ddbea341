/* metrics: lines that Prometheus understands, whatever names there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/metrics.h"
#include "base/buf.h"

static void a_family_says_what_it_is(void **state)
{
	AUTO_BUF struct buf out = { 0 };

	(void)state;
	metrics_family(&out, "everleaf_orders_total", "counter", "Orders.");
	assert_string_equal(out.data, "# HELP everleaf_orders_total Orders.\n"
				      "# TYPE everleaf_orders_total counter\n");
}

static void a_sample_is_a_line(void **state)
{
	static const struct {
		size_t n;
		struct metrics_label labels[2];
		int64_t value;
		const char *line;
	} rows[] = {
		{ 0, { { 0 } }, 0, "m 0\n" },
		{ 1, { { "name", "www" } }, -5, "m{name=\"www\"} -5\n" },
		{ 2,
		  { { "name", "www" }, { "issuer", "" } },
		  INT64_MAX,
		  "m{name=\"www\",issuer=\"\"} 9223372036854775807\n" },
		{ 1,
		  { { "name", "a\\b\"c\nd" } },
		  1,
		  "m{name=\"a\\\\b\\\"c\\nd\"} 1\n" },
		{ 1,
		  { { "name", "m\xc3\xbcll\r\t{}," } },
		  1,
		  "m{name=\"m\xc3\xbcll\r\t{},\"} 1\n" },
		{ 1,
		  { { "name", "\xff\xc3(" } },
		  1,
		  "m{name=\"\xef\xbf\xbd\xef\xbf\xbd(\"} 1\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_BUF struct buf out = { 0 };

		metrics_sample(&out, "m", rows[i].labels, rows[i].n, rows[i].value);
		assert_string_equal(out.data, rows[i].line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_family_says_what_it_is),
		cmocka_unit_test(a_sample_is_a_line),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
