/* starttls: what a server says before TLS, in each protocol: the first octet. */
#include <sys/socket.h>

#include "agent/probe/probe_starttls.h"
#include "agent/role/spec.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz f = { data, len };
	const uint32_t proto = fuzz_byte(&f) % PROBE_PROTOS;
	struct err e = { .text = "" };
	int ends[2], rc;

	assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
			  ends) == 0);
	if (f.len > 0)
		(void)!send(ends[0], f.at, f.len, MSG_NOSIGNAL);
	shutdown(ends[0], SHUT_WR);
	rc = probe_starttls(ends[1], proto, "a.test", clock_boot_ms() + 5000, &e);
	assert(rc == 0 || rc == ERR_NET || rc == ERR_LIMIT || rc == ERR_PROTO);
	assert(rc == 0 || e.text[0] != '\0');
	close(ends[0]);
	close(ends[1]);
	return 0;
}
