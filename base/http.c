#include "base/http.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include <curl/curl.h>
#include <openssl/err.h>

#include "base/address.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/http_bind.h"
#include "base/http_fault.h"
#include "base/http_proxy.h"
#include "base/http_trust.h"
#include "base/mem.h"
#include "base/origin.h"
#include "base/text.h"

/* A single header of more than 100 kB: CURLE_TOO_LARGE of libcurl 8.6; those before it say
 * that they are out of memory. (Where it is really short, others notice first.) */
#define TOO_LARGE 100

struct http {
	CURL *easy;                /* owned */
	struct http_settings s;    /* strings borrowed */
	char *agent;               /* owned */
	char *base;                /* owned: "https://host:port" of the origin */
	char why[CURL_ERROR_SIZE]; /* filled by libcurl */
	struct http_reply *reply;  /* of the exchange under way */
	bool is_new;               /* ... a connection was begun for it */
	bool connected;            /* somebody has accepted the connection */
	size_t n_lines;            /* of headers so far */
	bool body;                 /* something of it has come */
	const char *limit;         /* static: what was too large; NULL: nothing */
	const char *local; /* static: what its address is of, which may not be */
	const struct http_request *request; /* ... under way */
	struct err sunk; /* what its sink said; code 0: nothing wrong */
};

/* Called when hands are about to be shaken. What libcurl knows of a connection it says,
 * depending on its version, before that or only after it. */
static CURLcode on_handshake(CURL *easy, void *ctx, void *arg)
{
	struct http *h = arg;

	(void)easy;
	(void)ctx;
	h->connected = true;
	return CURLE_OK;
}

/* -- what comes back, bounded -- */

static size_t too_large(struct http *h, const char *what)
{
	h->limit = what;
	return 0; /* which libcurl takes as the end of the exchange */
}

/* Called for each line of each head: of a 1xx answer too, which is forgotten when the
 * next one begins. */
static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct http *h = arg;
	size_t len = size * n;
	size_t bare = len;

	if (++h->n_lines > LIMIT_HTTP_HEADERS || len > LIMIT_HTTP_LINE)
		return too_large(h, "headers");
	while (bare > 0 && (data[bare - 1] == '\n' || data[bare - 1] == '\r'))
		bare--;
	if (len > 5 && strncmp(data, "HTTP/", 5) == 0)
		http_reply_done(h->reply);
	else
		http_reply_add(h->reply, data, bare);
	return len;
}

static bool goes_on(const struct http *h)
{
	long status = 0;

	curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
	return h->request->sink != NULL && status == 200;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct http *h = arg;
	size_t len = size * n;

	h->body = true;
	if (goes_on(h)) {
		int rc = h->request->sink(h->request->sink_arg, data, len, &h->sunk);

		return rc == 0 ? len : CURL_WRITEFUNC_ERROR;
	}
	if (len > LIMIT_HTTP_BODY - h->reply->body.len)
		return too_large(h, "body");
	buf_add(&h->reply->body, data, len);
	return len;
}

/* -- where it connects to -- */

/* Never waited for: libcurl does not mind if it cannot tell the system so. */
static curl_socket_t on_socket(void *arg, curlsocktype purpose,
			       struct curl_sockaddr *to)
{
	struct http *h = arg;
	const char *local = h->s.no_local ? address_local(&to->addr) : NULL;

	(void)purpose;
	h->is_new = true;
	if (local == NULL)
		return socket(to->family, to->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
			      to->protocol);
	h->local = local;
	return CURL_SOCKET_BAD;
}

/* Hands are shaken, nothing is sent yet. */
static int on_ready(void *arg, char *to, char *from, int to_port, int from_port)
{
	struct http *h = arg;

	(void)to, (void)from, (void)to_port, (void)from_port;
	if (h->request->bind == NULL || http_bind(h->easy, h->request, &h->sunk) == 0)
		return CURL_PREREQFUNC_OK;
	return CURL_PREREQFUNC_ABORT;
}

/* -- settings -- */

static long deadline_ms(const struct http *h)
{
	return h->s.deadline_ms != 0 ? h->s.deadline_ms : HTTP_DEADLINE_MS;
}

/* All of libcurl that could do more than was asked of it is off. */
static CURLcode set_bounds(struct http *h)
{
	CURL *c = h->easy;
	long connect_ms =
	    deadline_ms(h) < HTTP_CONNECT_MS ? deadline_ms(h) : HTTP_CONNECT_MS;
	CURLcode rc = CURLE_OK;

#define SET(option, value)  \
	if (rc == CURLE_OK) \
	rc = curl_easy_setopt(c, CURLOPT_##option, value)
	SET(PROTOCOLS_STR, h->s.plain ? "http,https" : "https");
	SET(FOLLOWLOCATION, 0L);
	SET(NETRC, (long)CURL_NETRC_IGNORED);
	SET(HTTP_CONTENT_DECODING, 0L);
	SET(SUPPRESS_CONNECT_HEADERS, 1L);
	SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(MAXCONNECTS, 1L);
	SET(NOSIGNAL, 1L);
	SET(QUICK_EXIT, 1L); /* a resolver that hangs is not waited for */
	SET(TIMEOUT_MS, deadline_ms(h));
	SET(CONNECTTIMEOUT_MS, connect_ms);
	SET(ERRORBUFFER, h->why);
	SET(SSL_CTX_FUNCTION, on_handshake);
	SET(SSL_CTX_DATA, h);
	SET(HEADERFUNCTION, on_header);
	SET(HEADERDATA, h);
	SET(WRITEFUNCTION, on_body);
	SET(WRITEDATA, h);
	SET(PREREQFUNCTION, on_ready);
	SET(PREREQDATA, h);
	SET(OPENSOCKETFUNCTION, on_socket);
	SET(OPENSOCKETDATA, h);
	return rc;
}

static struct curl_blob borrow(const char *pem)
{
	return (struct curl_blob){ .data = (void *)(uintptr_t)pem,
				   .len = strlen(pem),
				   .flags = CURL_BLOB_NOCOPY };
}

/* Who we are. Of two ways to send a password the server says which one. */
static CURLcode set_credentials(struct http *h)
{
	const bool has_pair = h->s.chain != NULL && h->s.key != NULL;
	CURL *c = h->easy;
	CURLcode rc = CURLE_OK;

	if (has_pair) {
		struct curl_blob chain = borrow(h->s.chain), key = borrow(h->s.key);

		SET(SSLCERT_BLOB, &chain);
		SET(SSLKEY_BLOB, &key);
	}
	if (h->s.user == NULL)
		return rc;
	SET(HTTPAUTH, (long)(CURLAUTH_BASIC | CURLAUTH_DIGEST));
	SET(USERNAME, h->s.user);
	SET(PASSWORD, h->s.password == NULL ? "" : h->s.password);
	return rc;
}

static CURLcode set_peer(struct http *h, const struct http_trust *trust)
{
	CURL *c = h->easy;
	const char *from = h->s.source_address;
	CURLcode rc = CURLE_OK;

	SET(URL, h->base);
	SET(USERAGENT, h->agent);
	SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CAINFO, trust->file);
	SET(CAPATH, trust->folder);
	SET(SSL_VERIFYPEER, h->s.blind ? 0L : 1L);
	SET(SSL_VERIFYHOST, h->s.blind ? 0L : 2L);
	SET(PROXY,
	    h->s.proxy == NULL ? "" : h->s.proxy); /* "": nor the environment's */
	SET(NOPROXY, "");
	SET(PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(PROXY_CAINFO, trust->file);
	SET(PROXY_CAPATH, trust->folder);
	if (from == NULL)
		return rc;
	SET(INTERFACE, from);
	SET(IPRESOLVE, strchr(from, ':') == NULL ? (long)CURL_IPRESOLVE_V4
						 : (long)CURL_IPRESOLVE_V6);
	return rc;
}
#undef SET

static bool is_ours(const struct http_settings *s, const char *url)
{
	return origin_same(url, s->origin) ||
	       (s->plain && origin_same_http(url, s->origin));
}

int http_new(const struct http_settings *s, struct http **out, struct err *e)
{
	struct http_trust trust = { 0 };
	struct http *h;
	CURLcode rc;

	assert(!s->blind || (s->key == NULL && s->user == NULL));
	if (!is_ours(s, s->origin))
		return err_set(e, ERR_CONFIG, "%s: no https URL", s->origin);
	if (s->blind)
		trust = (struct http_trust){ .file = NULL };
	else if (!s->plain || !origin_is_http(s->origin))
		TRY(http_trust_find(s->trust, &trust, e));
	if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, xmalloc, free, xresize, xstrdup,
				 xcalloc) != CURLE_OK)
		return err_set(e, ERR_SYS, "libcurl does not start");
	h = xcalloc(1, sizeof(*h));
	h->s = *s;
	h->base = xstrndup(s->origin, origin_len(s->origin));
	h->agent = xasprintf("%s libcurl/%s", s->user_agent,
			     curl_version_info(CURLVERSION_NOW)->version);
	h->easy = curl_easy_init();
	rc = h->easy == NULL ? CURLE_FAILED_INIT : set_bounds(h);
	if (rc == CURLE_OK)
		rc = set_peer(h, &trust);
	if (rc == CURLE_OK)
		rc = set_credentials(h);
	if (rc != CURLE_OK) {
		http_free(h);
		return err_set(e, ERR_SYS, "libcurl: %s", curl_easy_strerror(rc));
	}
	*out = h;
	return 0;
}

void http_free(struct http *h)
{
	if (h == NULL)
		return;
	curl_easy_cleanup(h->easy);
	ERR_clear_error(); /* libcurl leaves some: no reason of what fails next */
	curl_global_cleanup();
	free(h->base);
	free(h->agent);
	free(h);
}

/* -- one exchange -- */

/* How far it came before its time was over. */
static const char *stage(const struct http *h)
{
	curl_off_t resolved = 0;
	long sent = 0;

	curl_easy_getinfo(h->easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved);
	curl_easy_getinfo(h->easy, CURLINFO_REQUEST_SIZE, &sent);
	if (h->body)
		return "its answer does not end";
	if (h->n_lines > 0)
		return "the headers of its answer do not end, or no body follows";
	if (sent > 0)
		return "it does not answer";
	if (h->connected)
		return "it does not shake hands";
	return resolved > 0 ? "it does not accept a connection"
			    : "its name cannot be looked up in time";
}

static int too_slow(const struct http *h, struct err *e)
{
	curl_off_t us = 0;

	curl_easy_getinfo(h->easy, CURLINFO_TOTAL_TIME_T, &us);
	return err_set(e, ERR_NET, "given up after %d.%d s: %s", (int)(us / 1000000),
		       (int)(us / 100000 % 10), stage(h));
}

/* libcurl's words may repeat what the peer said. */
static int failed(const struct http *h, CURLcode rc, enum err_code code, struct err *e)
{
	const char *why = h->why[0] != '\0' ? h->why : curl_easy_strerror(rc);
	AUTO_BUF struct buf text = { 0 };
	long error = 0;

	curl_easy_getinfo(h->easy, CURLINFO_OS_ERRNO, &error);
	if (!http_fault((int)rc, why, (int)error, &text))
		text_escape(&text, why, strcspn(why, "\n"), ERR_TEXT_MAX / 2);
	return err_set(e, code, "%s", text.data == NULL ? "?" : text.data);
}

static int not_trusted(const struct http *h, struct err *e)
{
	return http_untrusted(http_proxy_verdict(h->easy, h->s.proxy), h->why,
			      h->s.trust, e);
}

/* A server that verifies certificates says by an alert that it does not like one, in the
 * handshake or, since TLS 1.3, behind it. Where ours has expired, libcurl has the words for
 * that which it has for a server's. Some alerts are about no certificate. */
static bool turns_us_away(const struct http *h)
{
	static const char *const others[] = { "alert internal error",
					      "alert protocol version",
					      "alert insufficient security" };

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (strstr(h->why, others[i]) != NULL)
			return false;
	return h->s.key != NULL &&
	       (strstr(h->why, "alert") != NULL ||
		strstr(h->why, "certificate verification failed") != NULL);
}

static int judge(const struct http *h, CURLcode rc, struct err *e)
{
	if (h->local != NULL && !h->connected && h->n_lines == 0)
		return err_set(
		    e, ERR_REFUSED,
		    "its address is %s, which is not asked unless allow_local "
		    "is set",
		    h->local);
	if (h->limit != NULL)
		return err_set(e, ERR_LIMIT, "its answer is too large (%s)", h->limit);
	if (turns_us_away(h)) {
		failed(h, rc, ERR_REFUSED, e);
		return err_wrap(e, "it does not take our certificate");
	}
	/* The codes are libcurl's, and many: all others mean that it was not reached. */
	switch ((int)rc) {
	case CURLE_OUT_OF_MEMORY:
	case TOO_LARGE:
		return err_set(e, ERR_LIMIT, "its answer is too large (one header)");
	case CURLE_OPERATION_TIMEDOUT:
		return too_slow(h, e);
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
		return not_trusted(h, e);
	case CURLE_SSL_CACERT_BADFILE:
		return err_set(e, ERR_CONFIG,
			       "%s cannot be read or holds no certificate to trust",
			       h->s.trust == NULL ? "the system's store" : h->s.trust);
	case CURLE_SSL_CERTPROBLEM:
		return failed(h, rc, ERR_CONFIG, e);
	case CURLE_INTERFACE_FAILED: /* it comes with a link that is down, or a boot */
		return err_set(e, ERR_NET,
			       "source_address %s is not of this host, or not now",
			       h->s.source_address);
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_BAD_CONTENT_ENCODING:
		return failed(h, rc, ERR_PROTO, e);
	default:
		return failed(h, rc, ERR_NET, e);
	}
}

static struct curl_slist *header(struct curl_slist *list, const char *name,
				 const char *value)
{
	AUTO_FREE char *line = xasprintf("%s: %s", name, value);
	struct curl_slist *longer = curl_slist_append(list, line);

	if (longer == NULL)
		abort(); /* out of memory, as in mem.h */
	return longer;
}

static struct curl_slist *headers(const struct http *h, const struct http_request *r)
{
	struct curl_slist *list = NULL;

	list = header(list, "Accept-Language", h->s.language);
	if (r->host != NULL)
		list = header(list, "Host", r->host);
	list = header(list, "Accept", r->accept == NULL ? "*/*" : r->accept);
	if (r->authorization != NULL)
		list = header(list, "Authorization", r->authorization);
	if (r->body != NULL)
		list = header(list, "Content-Type", r->content_type);
	if (r->body != NULL && r->transfer_encoding != NULL)
		list = header(list, "Content-Transfer-Encoding", r->transfer_encoding);
	if (r->if_none_match != NULL && r->if_none_match[0] != '\0')
		list = header(list, "If-None-Match", r->if_none_match);
	if (r->if_modified_since != NULL && r->if_modified_since[0] != '\0')
		list = header(list, "If-Modified-Since", r->if_modified_since);
	return header(list, "Expect", ""); /* no round trip to ask whether to send */
}

static CURLcode perform(struct http *h, const struct http_request *r,
			struct curl_slist *list)
{
	AUTO_FREE char *path = http_proxy_target(r->url, h->s.proxy);
	CURL *c = h->easy;
	CURLcode rc;

	/* In this order: each of the first three undoes what the last request was. */
	curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
	if (r->head)
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	if (r->body != NULL) {
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)r->body_len);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->body);
	}
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, list);
	if (curl_easy_setopt(c, CURLOPT_REQUEST_TARGET, path) != CURLE_OK)
		return CURLE_OUT_OF_MEMORY;
	rc = curl_easy_perform(c);
	ERR_clear_error();
	return rc;
}

static int other_origin(const struct http *h, const char *url, struct err *e)
{
	AUTO_BUF struct buf text = { 0 };

	text_escape(&text, url, strlen(url), ERR_TEXT_MAX / 4);
	return err_set(e, ERR_PROTO, "\"%s\" is not a URL of %s",
		       text.data == NULL ? "" : text.data, h->base);
}

int http_exchange(struct http *h, const struct http_request *r,
		  struct http_reply *reply, struct err *e)
{
	struct curl_slist *list;
	CURLcode rc;

	http_reply_done(reply);
	if (!is_ours(&h->s, r->url))
		return other_origin(h, r->url, e);
	h->reply = reply;
	h->request = r;
	h->sunk = (struct err){ .code = 0 };
	h->local = NULL;
	h->is_new = false;
	h->connected = false;
	h->n_lines = 0;
	h->body = false;
	h->limit = NULL;
	h->why[0] = '\0';
	list = headers(h, r);
	rc = perform(h, r, list);
	curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(list);
	if (h->sunk.code != 0) {
		*e = h->sunk;
		return e->code;
	}
	if (rc != CURLE_OK) {
		judge(h, rc, e);
		http_proxy_blame(h->easy, h->s.proxy, h->is_new, e);
		return err_wrap(e, "%s", h->base);
	}
	curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &reply->status);
	return 0;
}
