#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

static const char metadata[] = "of a metadata service";

/* IANA's special-purpose registry (RFC 6890), and what large clouds use besides. */
static const struct net4 {
	uint32_t net;
	uint32_t mask;
	const char *why;
} nets4[] = {
	{ 0xa9fea9fe, 0xffffffff, metadata },       /* 169.254.169.254 */
	{ 0x646464c8, 0xffffffff, metadata },       /* 100.100.100.200 */
	{ 0xa83f8110, 0xffffffff, metadata },       /* 168.63.129.16 */
	{ 0xc00000c0, 0xffffffff, metadata },       /* 192.0.0.192 */
	{ 0x00000000, 0xff000000, "of this host" }, /* 0.0.0.0/8 */
	{ 0x7f000000, 0xff000000, "of this host" }, /* 127.0.0.0/8 */
	{ 0xa9fe0000, 0xffff0000, "link-local" },   /* 169.254.0.0/16 */
	{ 0xe0000000, 0xf0000000, "of a group" },   /* 224.0.0.0/4 */
	{ 0xffffffff, 0xffffffff, "of a group" },
};

static const char *local4(uint32_t address)
{
	for (size_t i = 0; i < sizeof(nets4) / sizeof(*nets4); i++)
		if ((address & nets4[i].mask) == nets4[i].net)
			return nets4[i].why;
	return NULL;
}

/* IPv4 in the clothes of IPv6: mapped, compatible, through NAT64 (RFC 6052) or 6to4. */
static const uint8_t *inside(const uint8_t *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	static const uint8_t zeros[12];
	static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };

	if (memcmp(a, mapped, 12) == 0 || memcmp(a, zeros, 12) == 0 ||
	    memcmp(a, nat64, 12) == 0)
		return a + 12;
	return a[0] == 0x20 && a[1] == 0x02 ? a + 2 : NULL;
}

static const char *local6(const uint8_t *a)
{
	static const uint8_t loopback[16] = { [15] = 1 };
	static const uint8_t ec2[16] = { 0xfd, 0x00,        0x0e,
					 0xc2, [14] = 0x02, [15] = 0x54 };
	const uint8_t *four = inside(a);
	uint32_t v4;

	if (memcmp(a, loopback, 16) == 0)
		return "of this host";
	if (memcmp(a, ec2, 16) == 0)
		return metadata;
	if (a[0] == 0xfe && (a[1] & 0xc0) == 0x80)
		return "link-local";
	if (a[0] == 0xff)
		return "of a group";
	if (four == NULL)
		return NULL;
	memcpy(&v4, four, sizeof(v4));
	return local4(ntohl(v4));
}

const char *address_local(const struct sockaddr *to)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (to->sa_family == AF_INET) {
		memcpy(&v4, to, sizeof(v4));
		return local4(ntohl(v4.sin_addr.s_addr));
	}
	if (to->sa_family == AF_INET6) {
		memcpy(&v6, to, sizeof(v6));
		return local6(v6.sin6_addr.s6_addr);
	}
	return "of no network";
}
