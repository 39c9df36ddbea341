/* address: which addresses a URL from outside must not lead to. */
#include "base/address.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static const char *asked(const char *text)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return address_local((struct sockaddr *)&v4);
	if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1)
		return address_local((struct sockaddr *)&v6);
	fail_msg("%s is no address", text);
	return NULL;
}

static void what_is_here_or_tells_secrets_is_told(void **state)
{
	static const char *const rows[][2] = {
		{ "127.0.0.1", "of this host" },
		{ "127.255.0.9", "of this host" },
		{ "0.0.0.0", "of this host" },
		{ "0.1.2.3", "of this host" },
		{ "169.254.7.7", "link-local" },
		{ "169.254.169.254", "of a metadata service" },
		{ "100.100.100.200", "of a metadata service" },
		{ "168.63.129.16", "of a metadata service" },
		{ "192.0.0.192", "of a metadata service" },
		{ "224.0.0.251", "of a group" },
		{ "255.255.255.255", "of a group" },
		{ "::1", "of this host" },
		{ "::", "of this host" },
		{ "::7f00:1", "of this host" },
		{ "::ffff:127.0.0.1", "of this host" },
		{ "::ffff:169.254.169.254", "of a metadata service" },
		{ "64:ff9b::a9fe:a9fe", "of a metadata service" },
		{ "2002:7f00:1::", "of this host" },
		{ "fd00:ec2::254", "of a metadata service" },
		{ "fe80::1", "link-local" },
		{ "febf::1", "link-local" },
		{ "ff02::1", "of a group" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *why = asked(rows[i][0]);

		if (why == NULL || strcmp(why, rows[i][1]) != 0)
			fail_msg("%s: %s", rows[i][0], why == NULL ? "-" : why);
	}
}

static void what_is_elsewhere_may_be_asked(void **state)
{
	static const char *const rows[] = {
		"192.0.2.1",  "10.0.0.1",        "192.168.1.1", "172.16.0.1",
		"100.64.0.1", "169.253.255.255", "170.0.0.1",   "128.0.0.1",
		"fd00::1",    "2001:db8::1",     "fec0::1",     "64:ff9b::a00:1",
		"2002:a00::", "::ffff:10.0.0.1", "1.0.0.0",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (asked(rows[i]) != NULL)
			fail_msg("%s: %s", rows[i], asked(rows[i]));
}

static void what_is_no_network_is_not_asked(void **state)
{
	const struct sockaddr other = { .sa_family = AF_UNIX };

	(void)state;
	assert_string_equal(address_local(&other), "of no network");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_here_or_tells_secrets_is_told),
		cmocka_unit_test(what_is_elsewhere_may_be_asked),
		cmocka_unit_test(what_is_no_network_is_not_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
