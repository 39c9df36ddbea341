/* http01: what anyone may send to the port that challenges are answered at, in two parts
 * that are cut where the first octet says. Nothing but the one answer can come out. */
#include "agent/responder/responder_reply.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "tests/fuzz/fuzz.h"

#define TOKEN  "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
#define ANSWER TOKEN ".0123456789012345678901234567890123456789012"

static bool begins(const char *in, const char *with)
{
	return strncmp(in, with, strlen(with)) == 0;
}

static void hold(const char *sent, const struct buf *out)
{
	const char *body = strstr(out->data, "\r\n\r\n");

	assert(begins(out->data, "HTTP/1.1 ") && body != NULL);
	assert(strchr(out->data, 0x1b) == NULL);
	if (strstr(out->data, ANSWER) != NULL)
		assert(begins(sent, "GET /.well-known/acme-challenge/" TOKEN));
	if (begins(out->data, "HTTP/1.1 200") && begins(sent, "HEAD"))
		assert(body[4] == '\0');
}

static void page(const struct responder_ask *ask)
{
	AUTO_BUF struct buf out = { 0 };

	assert(ask->page < RESPONDER_PAGES);
	responder_reply_page(ask, 10, &out);
	assert(begins(out.data, "HTTP/1.1 200"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct responder_tokens tokens;
	struct fuzz f = { data, len };
	const size_t cut = fuzz_byte(&f);
	AUTO_FREE char *sent = fuzz_text(&f, '\0');
	AUTO_FREE char *in = xstrdup(sent);
	AUTO_BUF struct buf out = { 0 };
	const struct responder_offer offer = { &tokens, cut % 2 == 0 };
	struct responder_ask ask = { PAGE_HEALTH, false };
	struct err e;

	if (tokens.n == 0)
		assert(responder_tokens_add(&tokens, TOKEN, ANSWER, &e) == 0);
	if (cut < strlen(in)) {
		in[cut] = '\0';
		if (responder_reply(&offer, in, false, &ask, &out) != REPLY_LATER)
			return 0;
		in[cut] = sent[cut];
		assert(strcmp(in, sent) == 0);
	}
	switch (responder_reply(&offer, in, cut % 3 == 0, &ask, &out)) {
	case REPLY_NOW:
		hold(sent, &out);
		break;
	case REPLY_PAGE:
		page(&ask);
		break;
	case REPLY_LATER:
		assert(strcmp(in, sent) == 0 && cut % 3 != 0);
		break;
	}
	return 0;
}
