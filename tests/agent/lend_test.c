#include "agent/role/lend.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/msg.h"

/* Who sees this table change asks why. */
static void each_right_is_for_what_its_name_says(void **state)
{
	static const char *const rows[LENDS] = {
		/* new find rolled update deactivate roll order fetch answer finalize
		 * revoke revoke-by-cert */
		[LEND_ORDER] = "111000111100",
		[LEND_REGISTER] = "111000010000",
		[LEND_UPDATE] = "011100010000",
		[LEND_ROLLOVER] = "011001010000",
		[LEND_DEACTIVATE] = "011010010000",
		[LEND_LOOK] = "000000000000",
		[LEND_REVOKE] = "011000000010",
		[LEND_REVOKE_BY_KEY] = "000000000001",
		[LEND_ROOTS] = "000000000000",
	};

	(void)state;
	for (enum lend what = 0; what < LENDS; what++)
		for (enum acme_ask_kind kind = 0; kind < ASK_KINDS; kind++)
			if (lend_allows(what, kind) != (rows[what][kind] == '1'))
				fail_msg("right %d, request %d", (int)what, (int)kind);
}

static void what_is_not_known_is_not_allowed(void **state)
{
	(void)state;
	assert_false(lend_allows(LENDS, ASK_FETCH));
	assert_false(lend_allows(LEND_ORDER, ASK_KINDS));
}

static void the_two_ends_of_a_ticket_meet(void **state)
{
	const struct lend_ticket t = { .what = LEND_ORDER, .issuer = 3, .cert = 17 };
	AUTO_MSG struct msg m = MSG_NONE;
	AUTO_FD int worker = -1;
	char byte = 0;
	struct err e;

	(void)state;
	assert_int_equal(lend_begin(&t, &m, &worker, &e), 0);
	assert_int_equal(m.type, KEEPER_LEND);
	assert_int_equal(send(worker, "x", 1, 0), 1);
	assert_int_equal(recv(m.fd, &byte, 1, 0), 1);
	assert_int_equal(byte, 'x');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_right_is_for_what_its_name_says),
		cmocka_unit_test(what_is_not_known_is_not_allowed),
		cmocka_unit_test(the_two_ends_of_a_ticket_meet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
