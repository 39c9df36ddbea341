#include "base/http_reply.h"

#include <ctype.h>
#include <string.h>

#include <curl/curl.h>

#include "base/clock.h"
#include "base/text.h"

#define LINEAR_SPACE " \t"

/* RFC 9110 5.6.2 */
static bool is_token(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (isalnum((unsigned char)s[i]) == 0 &&
		    (s[i] == '\0' || strchr("!#$%&'*+-.^_`|~", s[i]) == NULL))
			return false;
	return len > 0;
}

/* A folded line begins with a space and so is none; nor is one with a NUL. */
void http_reply_add(struct http_reply *reply, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	size_t name = colon == NULL ? 0 : (size_t)(colon - line);
	size_t at = name + 1;

	if (!is_token(line, name) || memchr(line, '\0', len) != NULL)
		return;
	while (at < len && strchr(LINEAR_SPACE, line[at]) != NULL)
		at++;
	while (len > at && strchr(LINEAR_SPACE, line[len - 1]) != NULL)
		len--;
	for (size_t i = 0; i < name; i++) {
		char c = (char)tolower((unsigned char)line[i]);

		buf_add(&reply->headers, &c, 1);
	}
	buf_puts(&reply->headers, ": ");
	buf_add(&reply->headers, line + at, len - at);
	buf_add(&reply->headers, "", 1);
}

const char *http_header(const struct http_reply *reply, const char *name,
			const char *after)
{
	const char *at = reply->headers.data;
	size_t n = strlen(name);

	if (at == NULL)
		return NULL;
	if (after != NULL)
		at = after + strlen(after) + 1;
	for (; at < reply->headers.data + reply->headers.len; at += strlen(at) + 1)
		if (strncmp(at, name, n) == 0 && at[n] == ':')
			return at + n + 2;
	return NULL;
}

int64_t http_date(const struct http_reply *reply)
{
	const char *value = http_header(reply, "date", NULL);
	const time_t at = value == NULL ? -1 : curl_getdate(value, NULL);

	return at < 0 ? 0 : at;
}

/* A date is one by the server's clock, and its answer says how late it is there: ours may be
 * another. */
static int64_t ms_until(int64_t at, const struct http_reply *reply)
{
	const int64_t there = http_date(reply);
	const int64_t from = there == 0 ? clock_now() : there;

	if (at <= from)
		return 0;
	return at - from > INT64_MAX / 1000 ? INT64_MAX : (at - from) * 1000;
}

int64_t http_retry_at_ms(const struct http_reply *reply, int64_t max_s)
{
	const char *value = http_header(reply, "retry-after", NULL);
	const int64_t now = clock_now_ms();
	int64_t at, wait;
	uint64_t seconds;

	if (value == NULL)
		return 0;
	if (value[strspn(value, "0123456789")] == '\0') {
		if (!text_u64(value, (uint64_t)max_s, &seconds))
			seconds = (uint64_t)max_s; /* more than any CA means */
		return value[0] == '\0' ? 0 : now + (int64_t)seconds * 1000;
	}
	at = curl_getdate(value, NULL);
	if (at < 0)
		return 0;
	wait = ms_until(at, reply);
	return now + (wait > max_s * 1000 ? max_s * 1000 : wait);
}

void http_reply_done(struct http_reply *reply)
{
	buf_done(&reply->body);
	buf_done(&reply->headers);
	*reply = (struct http_reply){ 0 };
}
