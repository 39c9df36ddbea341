#include "ca/answer.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/http_reply.h"
#include "base/text.h"

static enum err_code code_of(long status, int64_t retry_at_ms)
{
	if (status == 202 || status == 429 || status == 503 || retry_at_ms != 0)
		return ERR_LATER;
	/* RFC 9110 15.5.9, RFC 8470 5.2: the same request may be sent again. */
	if (status >= 500 || status == 408 || status == 425)
		return ERR_NET;
	if (status == 400 || status == 401 || status == 403 || status == 409 ||
	    status == 422)
		return ERR_REFUSED;
	return ERR_PROTO;
}

static int64_t clamp(int64_t retry_at_ms)
{
	const int64_t now_ms = clock_now_ms();
	const int64_t soonest = now_ms + ANSWER_SOON_S * INT64_C(1000);

	if (retry_at_ms == 0)
		return now_ms + ANSWER_LATER_S * INT64_C(1000);
	return retry_at_ms < soonest ? soonest : retry_at_ms;
}

int answer_err(const struct http_reply *reply, const char *said, struct err *e)
{
	const int64_t retry_at_ms = http_retry_at_ms(reply, ANSWER_MOST_S);
	const enum err_code code = code_of(reply->status, retry_at_ms);
	AUTO_BUF struct buf text = { 0 };

	if (said != NULL)
		text_escape(&text, said, strlen(said), ANSWER_SAID_MAX);
	else
		text_escape(&text, reply->body.data, reply->body.len, ANSWER_SAID_MAX);
	if (text.len == 0)
		buf_puts(&text, "nothing more");
	if (code == ERR_LATER)
		return err_later(e, clamp(retry_at_ms), "the CA answers %ld: %s",
				 reply->status, text.data);
	err_set(e, code, "the CA answers %ld: %s", reply->status, text.data);
	if (reply->status / 100 == 3)
		err_wrap(e, "it sends us elsewhere: is url right?");
	return e->code;
}
