/* http: the headers of an answer, a line each: Retry-After and Date, Link and its URLs. */
#include <stdlib.h>

#include "acme/weblink.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/http_reply.h"
#include "tests/fuzz/fuzz.h"

#define NOW   INT64_C(1795000000)
#define MOST  INT64_C(86400)
#define LINES 200

static void links(const char *value)
{
	const char *at = value;
	char *url;

	while ((url = weblink_next(&at, "alternate")) != NULL) {
		assert(at > value && at <= value + strlen(value));
		value = at;
		free(url);
	}
}

/* Whatever has come, a header is one line of what was sent. */
static void look(const struct http_reply *reply)
{
	const int64_t at = http_retry_at_ms(reply, MOST);
	const char *value = NULL;

	assert(at == 0 || (at >= NOW * 1000 && at <= (NOW + MOST) * 1000));
	assert(http_date(reply) >= 0);
	while ((value = http_header(reply, "link", value)) != NULL) {
		assert(strpbrk(value, "\n") == NULL);
		links(value);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz f = { data, len };
	AUTO_HTTP_REPLY struct http_reply reply = { 0 };

	clock_fake(NOW);
	for (int i = 0; i < LINES && f.len > 0; i++) {
		const uint8_t *end = memchr(f.at, '\n', f.len);
		const size_t n = end == NULL ? f.len : (size_t)(end - f.at);

		http_reply_add(&reply, (const char *)f.at, n);
		f.at += n + (end != NULL);
		f.len -= n + (end != NULL);
	}
	look(&reply);
	return 0;
}
