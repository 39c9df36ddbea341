/* fallback: when another issuer is asked, and which, by a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/rule/fallback.h"
#include "base/err.h"

static void another_issuer_is_asked_where_the_first_is_of_no_use(void **state)
{
	static const struct {
		const char *row;
		struct fallback before;
		unsigned n;
		struct fallback_failure why;
		struct fallback after;
		bool now;
	} rows[] = {
		{ "refused",
		  { 0, 0 },
		  3,
		  { ERR_REFUSED, 0, 0, false },
		  { 1, 0 },
		  true },
		{ "refused by the next",
		  { 1, 2 },
		  3,
		  { ERR_REFUSED, 0, 0, false },
		  { 2, 0 },
		  true },
		{ "refused by the last",
		  { 2, 0 },
		  3,
		  { ERR_REFUSED, 0, 0, false },
		  { 0, 0 },
		  false },
		{ "refused by the only",
		  { 0, 0 },
		  1,
		  { ERR_REFUSED, 0, 0, false },
		  { 0, 0 },
		  false },
		{ "gone once", { 0, 0 }, 2, { ERR_NET, 0, 0, false }, { 0, 1 }, false },
		{ "gone twice",
		  { 0, 1 },
		  2,
		  { ERR_NET, 0, 0, false },
		  { 0, 2 },
		  false },
		{ "gone three times",
		  { 0, 2 },
		  2,
		  { ERR_NET, 0, 0, false },
		  { 1, 0 },
		  true },
		{ "the last gone",
		  { 1, 2 },
		  2,
		  { ERR_NET, 0, 0, false },
		  { 0, 0 },
		  false },
		{ "the only gone",
		  { 0, 2 },
		  1,
		  { ERR_NET, 0, 0, false },
		  { 0, 0 },
		  false },
		{ "talks nonsense",
		  { 0, 2 },
		  2,
		  { ERR_PROTO, 0, 0, false },
		  { 1, 0 },
		  true },
		{ "talks too much",
		  { 0, 2 },
		  2,
		  { ERR_LIMIT, 0, 0, false },
		  { 1, 0 },
		  true },
		{ "not trusted",
		  { 0, 2 },
		  2,
		  { ERR_TRUST, 0, 0, false },
		  { 1, 0 },
		  true },
		{ "a mix of them",
		  { 0, 1 },
		  2,
		  { ERR_TRUST, 0, 0, false },
		  { 0, 2 },
		  false },
		{ "later, soon",
		  { 0, 2 },
		  2,
		  { ERR_LATER, 3600, 0, false },
		  { 0, 2 },
		  false },
		{ "later, not soon",
		  { 0, 2 },
		  2,
		  { ERR_LATER, 3601, 0, false },
		  { 1, 0 },
		  true },
		{ "all later",
		  { 1, 0 },
		  2,
		  { ERR_LATER, 7200, 0, false },
		  { 0, 0 },
		  false },
		{ "the last, with an order",
		  { 1, 0 },
		  2,
		  { ERR_LATER, 7200, 60, true },
		  { 1, 0 },
		  false },
		{ "not the last, with an order",
		  { 0, 0 },
		  2,
		  { ERR_LATER, 7200, 60, true },
		  { 1, 0 },
		  true },
		{ "soon, for a day",
		  { 0, 0 },
		  2,
		  { ERR_LATER, 60, 86400, false },
		  { 0, 0 },
		  false },
		{ "soon, for longer",
		  { 0, 2 },
		  2,
		  { ERR_LATER, 60, 86401, false },
		  { 1, 0 },
		  true },
		{ "an order for longer",
		  { 0, 0 },
		  2,
		  { ERR_LATER, 60, 86401, true },
		  { 1, 0 },
		  true },
		{ "the last, for longer",
		  { 1, 0 },
		  2,
		  { ERR_LATER, 60, 86401, true },
		  { 0, 0 },
		  false },
		{ "gone, for longer",
		  { 0, 0 },
		  2,
		  { ERR_NET, 0, 86401, false },
		  { 0, 1 },
		  false },
		{ "our configuration",
		  { 0, 2 },
		  2,
		  { ERR_CONFIG, 0, 0, false },
		  { 0, 2 },
		  false },
		{ "our disk", { 0, 2 }, 2, { ERR_SYS, 0, 0, false }, { 0, 2 }, false },
		{ "our lock", { 0, 2 }, 2, { ERR_BUSY, 0, 0, false }, { 0, 2 }, false },
		{ "a shorter list",
		  { 4, 2 },
		  2,
		  { ERR_NET, 0, 0, false },
		  { 0, 1 },
		  false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fallback f = rows[i].before;
		bool now = fallback_after(&f, rows[i].n, &rows[i].why);

		if (now != rows[i].now || f.asked != rows[i].after.asked ||
		    f.failures != rows[i].after.failures)
			fail_msg("%s: %s, place %u, %u failures", rows[i].row,
				 now ? "now" : "not now", f.asked, f.failures);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_issuer_is_asked_where_the_first_is_of_no_use),
	};

	return cmocka_run_group_tests_name("fallback", tests, NULL, NULL);
}
