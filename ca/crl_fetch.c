#include "ca/crl_fetch.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/origin.h"

#define LATER_MAX_S 86400 /* a server does not say for longer when to come back */

struct counted {
	const struct crl_fetch *f;
	uint64_t n;
};

static int on_piece(void *arg, const void *data, size_t len, struct err *e)
{
	struct counted *c = arg;

	if (len > c->f->max_size - c->n)
		return err_set(e, ERR_LIMIT, "it is larger than max_size, %llu octets",
			       (unsigned long long)c->f->max_size);
	c->n += len;
	return c->f->sink(c->f->sink_arg, data, len, e);
}

/* -- where it leads -- */

/* Byte by byte: one origin that is written in two ways is two. */
static bool is_origin_of(const char *url, const char *of)
{
	const size_t len = origin_len(of);

	return origin_len(url) == len && strncmp(url, of, len) == 0;
}

static bool is_https(const char *url)
{
	return origin_same(url, url);
}

static int check_url(const char *url, struct err *e)
{
	if (strlen(url) > LIMIT_CRL_URL)
		return err_set(e, ERR_LIMIT, "a URL of more than %d octets",
			       LIMIT_CRL_URL);
	if (is_https(url) || origin_is_http(url))
		return 0;
	if (strncasecmp(url, "ldap", 4) == 0)
		return err_set(e, ERR_REFUSED,
			       "ldap is not supported: give an http URL");
	return err_set(e, ERR_REFUSED, "its URL is none of http or https");
}

static int follow(const struct http_reply *reply, char **url, struct err *e)
{
	const char *to = http_header(reply, "location", NULL);
	char *next;

	if (to == NULL)
		return err_set(e, ERR_PROTO, "it sends us on (%ld), but not where to",
			       reply->status);
	next = origin_resolve(*url, to);
	if (check_url(next, e) < 0) {
		free(next);
		return err_wrap(e, "it sends us on");
	}
	if (is_https(*url) && !is_https(next)) {
		free(next);
		return err_set(e, ERR_REFUSED, "it sends us on from https to http");
	}
	free(*url);
	*url = next;
	return 0;
}

/* -- what it says -- */

static bool sends_on(long status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 ||
	       status == 308;
}

static bool has_version(const struct crl_fetch *f)
{
	return (f->etag != NULL && f->etag[0] != '\0') ||
	       (f->last_modified != NULL && f->last_modified[0] != '\0');
}

static int judge(const struct crl_fetch *f, const struct http_reply *reply,
		 struct err *e)
{
	const long status = reply->status;
	int64_t at;

	if (status == 200 || (status == 304 && has_version(f)))
		return 0;
	if (status == 408 || status == 425 || status == 429 || status >= 500) {
		at = http_retry_at_ms(reply, LATER_MAX_S);
		return at > 0 ? err_later(e, at,
					  "its server says %ld, and when to come "
					  "back",
					  status)
			      : err_set(e, ERR_NET, "its server says %ld", status);
	}
	return err_set(e, status >= 400 ? ERR_REFUSED : ERR_PROTO,
		       "its server says %ld%s", status,
		       status == 404 || status == 410 ? ", there is none" : "");
}

static int ask(const struct crl_fetch *f, const char *url, struct http_reply *reply,
	       struct err *e)
{
	const struct http_settings s = {
		.origin = url,
		.trust = f->trust,
		.user_agent = f->user_agent,
		.language = "en",
		.deadline_ms = f->deadline_ms == 0 ? CRL_FETCH_MS : f->deadline_ms,
		.plain = true,
		.no_local =
		    f->local == CRL_LOCAL_NONE ||
		    (f->local == CRL_LOCAL_ORIGIN && !is_origin_of(url, f->url)),
	};
	struct counted c = { f, 0 };
	const struct http_request r = {
		.url = url,
		.accept = "application/pkix-crl, */*",
		.if_none_match = f->etag,
		.if_modified_since = f->last_modified,
		.sink = on_piece,
		.sink_arg = &c,
	};
	struct http *h = NULL;
	int rc;

	TRY(http_new(&s, &h, e));
	rc = http_exchange(h, &r, reply, e);
	http_free(h);
	return rc;
}

int crl_fetch(const struct crl_fetch *f, struct http_reply *reply, struct err *e)
{
	AUTO_FREE char *url = xstrdup(f->url);

	TRY(check_url(url, e));
	for (int n = 0; n <= CRL_REDIRECTS; n++) {
		TRY(ask(f, url, reply, e));
		if (!sends_on(reply->status))
			return judge(f, reply, e);
		TRY(follow(reply, &url, e));
	}
	return err_set(e, ERR_PROTO, "it sends us on more than %d times",
		       CRL_REDIRECTS);
}
