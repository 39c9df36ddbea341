/* hello: what anyone may say to the port of tls-alpn-01. Behind a first octet of 0 the
 * rest is an ALPN extension, of 1 an SNI extension, of others what a client sends. */
#include <sys/socket.h>

#include "acme/alpn.h"
#include "agent/responder/responder_tls.h"
#include "base/auto.h"
#include "base/err.h"
#include "tests/fuzz/fuzz.h"

#define TOKEN  "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
#define ANSWER TOKEN ".0123456789012345678901234567890123456789012"

static void extension(uint8_t how, const struct fuzz *f)
{
	char sni[DNS_NAME_SIZE];

	if (how == 0 && alpn_is_asked(f->at, f->len))
		assert(f->len == sizeof(ALPN_PROTOCOL) - 1 + 3);
	if (how == 1 && alpn_read_sni(f->at, f->len, sni))
		assert(sni[0] != '\0' && strlen(sni) < f->len);
}

/* An answer to "a.test" is ready; whoever is not asking for that gets none. */
static struct responder_names *known(void)
{
	struct responder_names *names = NULL;
	struct err e;

	assert(responder_alpn.open(&names, &e) == 0);
	assert(responder_alpn.add(names, "a.test", TOKEN, ANSWER, &e) == 0);
	assert(responder_alpn.add(names, "192.0.2.7", TOKEN, ANSWER, &e) == 0);
	return names;
}

/* Who enters a sandbox (replay.c) makes none in it. */
static void take_pair(int ends[2])
{
	static int pairs[32][2];
	static unsigned left;

	if (left == 0)
		while (left < 32)
			assert(socketpair(AF_UNIX,
					  SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
					  pairs[left++]) == 0);
	left--;
	ends[0] = pairs[left][0];
	ends[1] = pairs[left][1];
}

static void client(struct responder_names *names, const struct fuzz *f)
{
	struct responder_shake *shake;
	int ends[2];

	take_pair(ends);
	if (f->len > 0)
		(void)!send(ends[0], f->at, f->len, MSG_NOSIGNAL);
	shutdown(ends[0], SHUT_WR);
	shake = responder_alpn.begin(names, ends[1]);
	for (int i = 0; i < 100 && responder_alpn.go_on(shake) != SHAKE_OVER; i++)
		assert(i < 99);
	responder_alpn.end(shake);
	close(ends[0]);
	close(ends[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct responder_names *names;
	struct fuzz f = { data, len };
	const uint8_t how = fuzz_byte(&f);

	if (names == NULL) {
		int ends[2];

		names = known();
		take_pair(ends);
		close(ends[0]);
		close(ends[1]);
	}
	if (how < 2)
		extension(how, &f);
	else
		client(names, &f);
	return 0;
}
