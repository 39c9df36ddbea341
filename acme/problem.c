#include "acme/problem.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/text.h"

#define PREFIX     "urn:ietf:params:acme:error:"
#define PREFIX_LEN (sizeof(PREFIX) - 1)

#define DETAIL_MAX 200 /* bytes of one detail that are shown */
#define SUB_MAX    20  /* subproblems that are shown; an err holds fewer */

/* RFC 8555 6.7, and what is registered or seen besides. All others: ERR_PROTO. */
static const struct {
	const char *word;
	enum err_code code;
} types[] = {
	{ "rateLimited", ERR_LATER },
	{ "serverInternal", ERR_NET },
	{ "connection", ERR_NET },
	{ "dns", ERR_NET },
	{ "tls", ERR_NET },
	{ "incorrectResponse", ERR_NET },
	{ "invalidContact", ERR_CONFIG },
	{ "unsupportedContact", ERR_CONFIG },
	{ "accountDoesNotExist", ERR_REFUSED },
	{ "alreadyReplaced", ERR_REFUSED },
	{ "alreadyRevoked", ERR_REFUSED },
	{ "badCSR", ERR_REFUSED },
	{ "badPublicKey", ERR_REFUSED },
	{ "badRevocationReason", ERR_REFUSED },
	{ "badSignatureAlgorithm", ERR_REFUSED },
	{ "caa", ERR_REFUSED },
	{ "conflict", ERR_REFUSED },
	{ "externalAccountRequired", ERR_REFUSED },
	{ "invalidProfile", ERR_REFUSED },
	{ "rejectedIdentifier", ERR_REFUSED },
	{ "unauthorized", ERR_REFUSED },
	{ "unsupportedIdentifier", ERR_REFUSED },
	{ "userActionRequired", ERR_REFUSED },
};

static enum err_code code_of_type(const struct doc *p)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (problem_is(p, types[i].word))
			return types[i].code;
	return ERR_PROTO;
}

static enum err_code code_of(const struct doc *p)
{
	if (problem_is(p, "compound"))
		p = doc_at(doc_member(p, "subproblems"), 0);
	return code_of_type(p);
}

static void say(struct buf *out, const char *word)
{
	if (word != NULL)
		text_escape(out, word, strlen(word), DETAIL_MAX);
}

/* `caa: "the record forbids it"` */
static void describe(struct buf *out, const struct doc *p)
{
	const char *type = doc_str(p, "type");
	const char *detail = doc_str(p, "detail");

	if (type != NULL && strncmp(type, PREFIX, PREFIX_LEN) == 0)
		type += PREFIX_LEN;
	say(out, type);
	if (detail == NULL)
		return;
	buf_puts(out, type == NULL ? "\"" : ": \"");
	say(out, detail);
	buf_puts(out, "\"");
}

static void describe_all(struct buf *out, const struct doc *p)
{
	const struct doc *subs = doc_member(p, "subproblems");

	describe(out, p);
	if (problem_is(p, "userActionRequired") && doc_str(p, "instance") != NULL) {
		buf_puts(out, ", see ");
		say(out, doc_str(p, "instance"));
	}
	for (size_t i = 0; i < doc_len(subs) && i < SUB_MAX; i++) {
		const struct doc *sub = doc_at(subs, i);
		const char *name = doc_str(doc_member(sub, "identifier"), "value");

		buf_puts(out, "; ");
		say(out, name);
		buf_puts(out, name == NULL ? "" : ": ");
		describe(out, sub);
	}
}

bool problem_is(const struct doc *doc, const char *word)
{
	const char *type = doc_str(doc, "type");

	return type != NULL && strncmp(type, PREFIX, PREFIX_LEN) == 0 &&
	       strcmp(type + PREFIX_LEN, word) == 0;
}

static int fill(struct err *e, enum err_code code, int64_t retry_at_ms,
		const struct buf *text)
{
	const char *said = text->len == 0 ? "it says nothing more" : text->data;
	const int64_t now_ms = clock_now_ms();
	const int64_t soonest = now_ms + PROBLEM_SOON_S * INT64_C(1000);

	if (code != ERR_LATER)
		return err_set(e, code, "%s", said);
	if (retry_at_ms == 0)
		retry_at_ms = now_ms + PROBLEM_LATER_S * INT64_C(1000);
	else if (retry_at_ms < soonest)
		retry_at_ms = soonest;
	return err_later(e, retry_at_ms, "%s", said);
}

bool problem_is_page(const struct doc *doc, const struct buf *body)
{
	size_t at = 0;

	while (at < body->len && isspace((unsigned char)body->data[at]) != 0)
		at++;
	return doc == NULL && at < body->len && body->data[at] == '<';
}

static enum err_code code_of_answer(long status, const struct doc *doc, bool page,
				    int64_t retry_at_ms)
{
	const enum err_code code = code_of(doc);

	if (status == 429 || retry_at_ms != 0 || (status == 503 && !page))
		return ERR_LATER;
	/* RFC 9110 15.5.9, RFC 8470 5.2: the same request may be sent again. */
	if (status >= 500 || status == 408 || status == 425 || page)
		return ERR_NET;
	if (code == ERR_PROTO && (status == 401 || status == 403))
		return ERR_REFUSED;
	return code;
}

int problem_err(struct err *e, long status, const struct doc *doc,
		const struct buf *body, int64_t retry_at_ms)
{
	const bool page = body != NULL && problem_is_page(doc, body);
	AUTO_BUF struct buf text = { 0 };

	describe_all(&text, doc);
	if (doc == NULL && body != NULL)
		text_escape(&text, body->data, body->len, DETAIL_MAX);
	fill(e, code_of_answer(status, doc, page, retry_at_ms), retry_at_ms, &text);
	return err_wrap(e,
			page ? "the CA answers %ld with a page, as a proxy or a "
			       "firewall does"
			     : "the CA answers %ld",
			status);
}

int problem_err_of(struct err *e, const struct doc *error)
{
	AUTO_BUF struct buf text = { 0 };
	enum err_code code = code_of(error);

	if (problem_is(error, "unauthorized"))
		code = ERR_NET;
	describe_all(&text, error);
	return fill(e, code, 0, &text);
}
