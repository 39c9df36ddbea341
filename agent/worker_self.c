#include "agent/worker_self.h"

#include <arpa/inet.h>
#include <string.h>

#include "acme/client.h"
#include "agent/dns_task.h"
#include "agent/log.h"
#include "agent/spec.h"
#include "agent/version.h"
#include "agent/worker.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"

#define ONE_MS     1500 /* for one address */
#define LIMIT_SAID 60   /* bytes of a wrong answer that are shown */

static bool is_wanted(const struct worker *w, const struct spec_challenge *c)
{
	return c->type == CHALLENGE_HTTP_01 &&
	       (c->self_test == SELF_TEST_YES ||
		(c->self_test == SELF_TEST_PUBLIC &&
		 w->spec->issuers[w->issuer].is_public != 0));
}

static bool is_token(const struct http_reply *r, const struct acme_token *t)
{
	const size_t len = strlen(t->authorization);

	/* RFC 8555 8.3: white space behind it is ignored. */
	return r->body.len >= len && memcmp(r->body.data, t->authorization, len) == 0 &&
	       r->body.data[len + strspn(r->body.data + len, " \t\r\n")] == '\0';
}

/* 0: it is seen, or that is not to be known from here. */
static int judge(const struct http_reply *r, const struct acme_token *t, struct err *e)
{
	AUTO_BUF struct buf said = { 0 };

	if (r->status >= 300 && r->status < 400)
		return 0;
	if (r->status != 200)
		return err_set(e, ERR_PROTO, "status %ld instead of the token",
			       r->status);
	if (is_token(r, t))
		return 0;
	text_escape(&said, r->body.len == 0 ? "" : r->body.data, r->body.len,
		    LIMIT_SAID);
	return err_set(e, ERR_PROTO, "\"%s\" instead of the token",
		       said.len == 0 ? "" : said.data);
}

static int ask(const struct acme_token *t, const char *url, int64_t ms, struct err *e)
{
	const struct http_settings s = {
		.origin = url,
		.user_agent = "everleaf/" EVERLEAF_VERSION,
		.language = "en",
		.deadline_ms = ms < ONE_MS ? (long)ms : ONE_MS,
		.plain = true,
	};
	const struct http_request request = { .url = url, .host = t->name };
	AUTO_HTTP_REPLY struct http_reply reply = { 0 };
	struct http *http = NULL;
	int rc = http_new(&s, &http, e);

	if (rc == 0)
		rc = http_exchange(http, &request, &reply, e);
	if (rc == 0)
		rc = judge(&reply, t, e);
	http_free(http);
	return rc;
}

static void look_at(const struct acme_token *t, const char *address, int64_t until_ms)
{
	const char *open = strchr(address, ':') == NULL ? "" : "[";
	AUTO_FREE char *url =
	    xasprintf("http://%s%s%s/.well-known/acme-challenge/%s", open, address,
		      open[0] == '\0' ? "" : "]", t->token);
	const int64_t left_ms = until_ms - clock_boot_ms();
	struct err e;

	if (left_ms > 0 && ask(t, url, left_ms, &e) < 0)
		log_warn("%s: its token for http-01 is not seen at %s: %s; the CA is "
			 "asked all the same, as it may come by another way",
			 t->name, address, e.text);
}

/* False: names cannot be looked up. */
static bool look(const struct worker *w, const struct acme_token *t, int64_t until_ms)
{
	AUTO_FREE const char **resolvers =
	    spec_words(w->spec, w->spec->challenges[t->way].resolvers);
	const struct dns_asked asked = { .resolvers = resolvers };
	struct dns_addresses at = { .n = 0 };
	struct in6_addr raw;
	struct err e;

	if (inet_pton(AF_INET, t->name, &raw) == 1 ||
	    inet_pton(AF_INET6, t->name, &raw) == 1) {
		look_at(t, t->name, until_ms);
		return true;
	}
	if (dns_addresses(&asked, t->name, until_ms, &at, &e) < 0)
		return false;
	if (at.n == 0)
		log_warn("%s: it has no address: a CA cannot come to it for http-01",
			 t->name);
	for (size_t i = 0; i < at.n; i++)
		look_at(t, at.list[i], until_ms);
	return true;
}

void worker_self(struct worker *w, const struct acme_token *tokens, size_t n)
{
	const int64_t now_ms = clock_boot_ms();

	if (now_ms < w->no_dns_until_ms)
		return;
	for (size_t i = 0; i < n; i++)
		if (is_wanted(w, &w->spec->challenges[tokens[i].way]) &&
		    !look(w, &tokens[i], now_ms + WORKER_SELF_MS)) {
			w->no_dns_until_ms = clock_boot_ms() + DNS_NONE_MS;
			return;
		}
}
