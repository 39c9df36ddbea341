#include "agent/worker/worker_self.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "acme/client.h"
#include "agent/net/dns_task.h"
#include "agent/role/log.h"
#include "agent/role/spec.h"
#include "agent/role/version.h"
#include "agent/worker/worker.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/origin.h"
#include "base/text.h"

#define ONE_MS     1500 /* for one address */
#define LIMIT_SAID 60   /* bytes of a wrong answer that are shown */
#define LIMIT_URL  100  /* ... of a URL */

#define REDIRECTS_MAX 10 /* after each other, as CAs follow them */

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

static int judge(const struct http_reply *r, const struct acme_token *t, struct err *e)
{
	AUTO_BUF struct buf said = { 0 };

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

/* `s` has where to, and as whom. */
static int ask(struct http_settings *s, const char *host, int64_t until_ms,
	       struct http_reply *reply, struct err *e)
{
	const int64_t left_ms = until_ms - clock_boot_ms();
	const struct http_request request = { .url = s->origin, .host = host };
	struct http *http = NULL;
	int rc;

	s->user_agent = "everleaf/" EVERLEAF_VERSION;
	s->language = "en";
	s->deadline_ms = left_ms < 1 ? 1 : left_ms < ONE_MS ? (long)left_ms : ONE_MS;
	s->plain = true;
	rc = http_new(s, &http, e);
	if (rc == 0)
		rc = http_exchange(http, &request, reply, e);
	http_free(http);
	return rc;
}

/* -- redirects -- */

static bool is_redirect(const struct http_reply *r)
{
	return r->status >= 300 && r->status < 400;
}

static const char *host_of(const char *url)
{
	return strstr(url, "://") + strlen("://");
}

/* Whether CAs go there: by name, at the ports that names are validated at. */
static bool is_followed(const char *url)
{
	const char *host, *port;
	size_t len;

	if (!origin_is_http(url) && !origin_same(url, url))
		return false;
	host = host_of(url);
	len = strcspn(host, "/?#");
	port = memchr(host, ':', len);
	if (port == NULL)
		return true;
	len -= (size_t)(port - host);
	return host[0] != '[' && ((len == 3 && memcmp(port, ":80", len) == 0) ||
				  (len == 4 && memcmp(port, ":443", len) == 0));
}

/* Where `url` is redirected to, owned; NULL: not where it could be followed to. */
static char *leads_to(const char *url, const struct http_reply *r)
{
	const char *to = http_header(r, "location", NULL);
	AUTO_FREE char *next = to == NULL ? NULL : origin_resolve(url, to);

	return next != NULL && is_followed(next) ? TAKE(next) : NULL;
}

static bool is_at(const char *url, const char *name)
{
	const char *host = host_of(url);

	return strcspn(host, ":/?#") == strlen(name) &&
	       strncasecmp(host, name, strlen(name)) == 0;
}

/* On from what an address has answered, as a CA goes on (RFC 8555 8.3). It does not ask
 * who a server is, which we do: of one that cannot be verified, as of all that this host
 * is not to connect to because somebody said so, nothing is known, and that is 0. */
static int follow(const struct acme_token *t, struct http_reply *r, int64_t until_ms,
		  struct err *e)
{
	AUTO_FREE char *url = xasprintf("http://%s/", t->name);

	for (int n = 0; is_redirect(r); n++) {
		AUTO_FREE char *next = leads_to(url, r);
		struct http_settings s = { .origin = next };
		int rc;

		if (next == NULL || clock_boot_ms() >= until_ms)
			return 0;
		free(url);
		url = TAKE(next);
		if (n == REDIRECTS_MAX)
			return err_set(e, ERR_PROTO, "more than %d redirects",
				       REDIRECTS_MAX);
		s.no_local = !is_at(url, t->name);
		rc = ask(&s, NULL, until_ms, r, e);
		if (rc == ERR_TRUST || rc == ERR_REFUSED || rc == ERR_CONFIG)
			return 0;
		if (rc < 0)
			return err_wrap(e, "redirected there");
	}
	return judge(r, t, e) == 0 ? 0
				   : err_wrap(e, "redirected to %.*s", LIMIT_URL, url);
}

/* -- addresses -- */

static int try(const struct acme_token *t, const char *url, int64_t until_ms,
	       struct err *e)
{
	AUTO_HTTP_REPLY struct http_reply reply = { 0 };
	struct http_settings s = { .origin = url };

	TRY(ask(&s, t->name, until_ms, &reply, e));
	return is_redirect(&reply) ? follow(t, &reply, until_ms, e)
				   : judge(&reply, t, e);
}

static void look_at(const struct acme_token *t, const char *address, int64_t until_ms)
{
	const char *open = strchr(address, ':') == NULL ? "" : "[";
	AUTO_FREE char *url =
	    xasprintf("http://%s%s%s/.well-known/acme-challenge/%s", open, address,
		      open[0] == '\0' ? "" : "]", t->token);
	struct err e;

	if (clock_boot_ms() < until_ms && try(t, url, until_ms, &e) < 0)
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
