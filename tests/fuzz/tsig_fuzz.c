/* tsig: a file with a secret; and the parts of a reply, which nobody without the secret can
 * make pass. The first line is the file. */
#include "acme/tsig.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "tests/fuzz/fuzz.h"

#define NOW INT64_C(1795000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz f = { data, len };
	const char *algorithm = tsig_algorithms[fuzz_byte(&f) % 2];
	const size_t n_mac = fuzz_byte(&f) % 70;
	AUTO_FREE char *file = fuzz_text(&f, '\0');
	AUTO_BUF struct buf text = { 0 }, secret = { 0 }, mac = { 0 };
	struct tsig_key key = { "key", algorithm, "0123456789abcdef", 16 };
	struct tsig_reply reply = { .message = f.at,
				    .len = f.len,
				    .at = (uint64_t)NOW + n_mac,
				    .fudge = 300,
				    .mac = f.at,
				    .n_mac = n_mac < f.len ? n_mac : f.len };
	struct err e = { .text = "" };

	buf_puts(&text, file);
	if (tsig_secret(&text, algorithm, &secret, &e) == 0)
		assert(secret.len > 0 && secret.len <= LIMIT_TSIG_KEY);
	else
		assert(e.code == ERR_CONFIG && e.text[0] != '\0');
	buf_puts(&mac, "mac");
	reply.error = n_mac > 60 ? 16 : 0;
	reply.other = f.at;
	reply.n_other = f.len < 6 ? f.len : 6;
	assert(tsig_check(&key, &mac, &reply, NOW, &e) == ERR_TRUST);
	return 0;
}
