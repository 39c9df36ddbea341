/*
 * answers: in place of http.c the input answers, whatever is asked: for each request an
 * octet of how, the lines of the headers, an empty one, and the body. Ends of lines are
 * "\n", an octet 0 ends the answer, and "@" is the CA. What is asked is asked of it alone.
 *
 *     answers_begin(&f, what);     for each input
 *     ... what calls http_exchange() ...
 *     assert(answers.n < MOST);    requests
 *     answers_failed(rc, &e, LATEST);
 */
#pragma once

#include <openssl/evp.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/http.h"
#include "base/origin.h"
#include "tests/fuzz/fuzz.h"

#define ANSWERS_NOW INT64_C(1795000000)
#define ANSWERS_CA  "https://ca.test"

/* Of `how`. */
#define ANSWERS_BYTES   0x80 /* of answers_what.bytes */
#define ANSWERS_NO_HEAD 0x40

struct answers_what {
	/* Looks at each request; NULL: nobody does. */
	void (*asked)(const struct http_request *request);
	/* A header of each answer without ANSWERS_BYTES; NULL: none. */
	const char *header;
	/* Makes a body of what stands behind a length of two octets; NULL: there is no such
	 * answer. */
	void (*bytes)(const uint8_t *at, size_t len, struct buf *body);
	/* PEM in the place of octets 1, 2, ..., as JSON has it; NULL: themselves. */
	const char *words[4];
};

struct http {
	char none;
};

static struct {
	struct fuzz in;
	struct answers_what what;
	unsigned n;
} answers;

static inline void answers_begin(const struct fuzz *f, const struct answers_what *what)
{
	clock_fake(ANSWERS_NOW);
	answers.in = *f;
	answers.what = *what;
	answers.n = 0;
}

int http_new(const struct http_settings *s, struct http **h, struct err *e)
{
	(void)e;
	assert(origin_same(s->origin, ANSWERS_CA "/"));
	*h = xcalloc(1, sizeof(**h));
	return 0;
}

void http_free(struct http *h)
{
	free(h);
}

static void answers_word(struct buf *out, const char *pem)
{
	for (; *pem != '\0'; pem++)
		if (*pem == '\n')
			buf_puts(out, "\\n");
		else
			buf_add(out, pem, 1);
}

static void answers_put(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		const unsigned n = (unsigned char)*text - 1u;

		if (*text == '@')
			buf_puts(out, ANSWERS_CA);
		else if (n < 4 && answers.what.words[n] != NULL)
			answers_word(out, answers.what.words[n]);
		else
			buf_add(out, text, 1);
	}
}

static void answers_headers(struct fuzz *f, struct http_reply *reply)
{
	for (int i = 0; i < LIMIT_HTTP_HEADERS && f->len > 0; i++) {
		AUTO_FREE char *line = fuzz_text(f, '\n');
		AUTO_BUF struct buf said = { 0 };

		if (line[0] == '\0')
			break;
		answers_put(&said, line);
		http_reply_add(reply, said.data, said.len);
	}
}

static void answers_bytes(struct fuzz *f, struct buf *body)
{
	size_t n = fuzz_byte(f);

	n = n << 8 | fuzz_byte(f);
	if (n > f->len)
		n = f->len;
	answers.what.bytes(f->at, n, body);
	f->at += n;
	f->len -= n;
}

static void answers_text(struct fuzz *f, bool headers, struct http_reply *reply)
{
	const uint8_t *end = f->len == 0 ? NULL : memchr(f->at, 0, f->len);
	struct fuzz one = { f->at, end == NULL ? f->len : (size_t)(end - f->at) };
	AUTO_FREE char *body = NULL;

	f->at += one.len + (end != NULL);
	f->len -= one.len + (end != NULL);
	if (headers)
		answers_headers(&one, reply);
	body = fuzz_text(&one, '\0');
	answers_put(&reply->body, body);
}

static void answers_one(struct fuzz *f, struct http_reply *reply)
{
	static const long statuses[] = { 200, 201, 400, 403, 404, 409, 429,
					 500, 503, 202, 401, 302, 422 };
	const uint8_t how = fuzz_byte(f);
	const char *header = answers.what.header;

	reply->status = statuses[how % (sizeof(statuses) / sizeof(*statuses))];
	if ((how & ANSWERS_BYTES) == 0 && header != NULL)
		http_reply_add(reply, header, strlen(header));
	if ((how & ANSWERS_BYTES) != 0 && answers.what.bytes != NULL)
		answers_bytes(f, &reply->body);
	else
		answers_text(f, (how & ANSWERS_NO_HEAD) == 0, reply);
}

int http_exchange(struct http *h, const struct http_request *request,
		  struct http_reply *reply, struct err *e)
{
	assert(h != NULL && request->url != NULL);
	assert(origin_same(request->url, ANSWERS_CA "/"));
	http_reply_done(reply);
	answers.n++;
	if (answers.in.len == 0)
		return err_set(e, ERR_NET, "the input ends");
	if (request->bind != NULL)
		TRY(request->bind(request->bind_arg, "0123456789ab", 12, e));
	if (answers.what.asked != NULL)
		answers.what.asked(request);
	answers_one(&answers.in, reply);
	return 0;
}

/* A failure is told in a line that a terminal can show, and no wait is too long. */
static inline void answers_failed(int rc, const struct err *e, int64_t latest_s)
{
	assert(rc >= ERR_HOOK && rc == (int)e->code && e->text[0] != '\0');
	assert(memchr(e->text, '\0', sizeof(e->text)) != NULL);
	for (const char *c = e->text; *c != '\0'; c++)
		assert((unsigned char)*c >= ' ' && *c != 0x7f);
	if (rc == ERR_LATER)
		assert(e->retry_at_ms > ANSWERS_NOW * 1000 &&
		       e->retry_at_ms <= (ANSWERS_NOW + latest_s) * 1000);
}
