/* text: words that people and files write, a line each, are read as one thing or not at
 * all; and nothing that is shown can move a cursor or end a line. */
#include "acme/token.h"
#include "base/auto.h"
#include "base/base64url.h"
#include "base/buf.h"
#include "base/text.h"
#include "tests/fuzz/fuzz.h"

#define YEAR_0     INT64_C(-62167219200)
#define YEAR_10000 INT64_C(253402300800)

static void numbers(const char *word)
{
	char text[TEXT_TIME_MAX], span[TEXT_SPAN_MAX];
	int64_t at = 0, again = 0;
	uint64_t n = 0;

	if (text_time_read(word, &at)) {
		assert(text_time_read(text_time(text, at), &again));
		assert(again == at || at < YEAR_0 || at >= YEAR_10000);
	}
	if (text_span(word, &at))
		assert(at >= 0 && strlen(text_span_of(span, at)) < sizeof(span));
	if (text_size(word, &n) || text_u64(word, UINT64_MAX, &n))
		assert(word[0] >= '0' && word[0] <= '9');
}

static void shown(const char *s, size_t len)
{
	AUTO_BUF struct buf out = { 0 };

	text_field(&out, "key", s, len, 200);
	for (size_t i = 0; i < out.len;) {
		uint32_t c = 0;
		const size_t n = text_utf8(out.data + i, out.len - i, &c);

		assert(n > 0 && c >= ' ' && (c < 0x7f || c >= 0xa0));
		i += n;
	}
	assert(out.data[out.len - 1] == '"');
}

static void base64(const char *word, size_t len)
{
	AUTO_BUF struct buf bytes = { 0 }, lenient = { 0 }, again = { 0 };

	if (base64url_read(word, len, false, &bytes)) {
		assert(base64url_is(word, len) || len == 0);
		base64url_add(&again, bytes.data, bytes.len);
		assert(again.len == len &&
		       (len == 0 || memcmp(again.data, word, len) == 0));
		assert(base64url_read(word, len, true, &lenient));
	}
	if (token_is_valid(word, len))
		assert(base64url_is(word, len) && strlen(word) == len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz f = { data, len };

	if (len > 0)
		shown((const char *)data, len);
	while (f.len > 0) {
		AUTO_FREE char *word = fuzz_text(&f, '\n');

		numbers(word);
		base64(word, strlen(word));
		token_is_authorization("0123456789012345678901", word);
	}
	return 0;
}
