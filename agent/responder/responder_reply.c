#include "agent/responder/responder_reply.h"

#include <assert.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"

/* = RFC 8555 8.3 "The path at which the resource is provisioned is comprised of the fixed
 * prefix "/.well-known/acme-challenge/", followed by the "token" value in the challenge." */
#define PREFIX "/.well-known/acme-challenge/"
#define ALIVE  "ok\n"

struct request_line {
	const char *method;
	const char *target;
	const char *version;
};

static const struct {
	const char *target;
	const char *type;
} pages[RESPONDER_PAGES] = {
	[PAGE_HEALTH] = { "/healthz", "text/plain; charset=utf-8" },
	[PAGE_METRICS] = { "/metrics", "text/plain; version=0.0.4; charset=utf-8" },
	[PAGE_STATUS] = { "/status.json", "application/json" },
};

/* Words by single spaces, as RFC 9112 3 has it: what is spelled otherwise is no HTTP/1. */
static bool take_line(char *line, struct request_line *l)
{
	l->method = strsep(&line, " ");
	l->target = strsep(&line, " ");
	l->version = line;
	return line != NULL &&
	       (strcmp(line, "HTTP/1.1") == 0 || strcmp(line, "HTTP/1.0") == 0);
}

/* = RFC 9112 3.2 "A server MUST respond with a 400 (Bad Request) status code to any
 * HTTP/1.1 request message that lacks a Host header field and to any request message that
 * contains more than one Host header field line" */
static bool has_its_host(const char *version, const char *fields)
{
	size_t n = 0;

	for (; fields != NULL; fields = strstr(fields, "\r\n")) {
		fields += 2;
		n += strncasecmp(fields, "Host:", 5) == 0;
	}
	return n == 1 || (n == 0 && strcmp(version, "HTTP/1.0") == 0);
}

static bool is_page(const char *target, enum responder_page *page)
{
	for (size_t i = 0; i < RESPONDER_PAGES; i++)
		if (strcmp(target, pages[i].target) == 0) {
			*page = (enum responder_page)i;
			return true;
		}
	return false;
}

static bool is_head(const struct request_line *l)
{
	return strcmp(l->method, "HEAD") == 0;
}

/* The status, and what is in its body if it has one; NULL: it is a page. */
static const char *judge(const struct responder_offer *offer, char *in,
			 struct request_line *l, enum responder_page *page,
			 const char **body)
{
	char *fields = strstr(in, "\r\n");

	assert(fields != NULL); /* the header is whole */
	*fields = '\0';
	if (!take_line(in, l) || !has_its_host(l->version, fields))
		return "400 Bad Request";
	if (strcmp(l->method, "GET") != 0 && !is_head(l))
		return "405 Method Not Allowed\r\nAllow: GET, HEAD";
	if (offer->pages && is_page(l->target, page))
		return NULL;
	if (offer->tokens != NULL && strncmp(l->target, PREFIX, strlen(PREFIX)) == 0)
		*body =
		    responder_tokens_find(offer->tokens, l->target + strlen(PREFIX));
	return *body == NULL ? "404 Not Found"
			     : "200 OK\r\nContent-Type: application/octet-stream";
}

/* = RFC 9110 6.6.1 "An origin server with a clock MUST generate a Date header field in all
 * 2xx (Successful), 3xx (Redirection), and 4xx (Client Error) responses" */
static void put(struct buf *out, const char *status, size_t length, const char *body)
{
	const time_t now = clock_now();
	char date[32];
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %T GMT", &tm);
	buf_printf(out,
		   "HTTP/1.1 %s\r\nDate: %s\r\nContent-Length: %zu\r\n"
		   "Connection: close\r\n\r\n%s",
		   status, date, length, body);
}

static const char *refuse(const char *in)
{
	return strstr(in, "\r\n") == NULL ? "414 URI Too Long"
					  : "431 Request Header Fields Too Large";
}

enum responder_word responder_reply(const struct responder_offer *offer, char *in,
				    bool full, struct responder_ask *ask,
				    struct buf *out)
{
	char *end = strstr(in, "\r\n\r\n");
	struct request_line line = { .method = "" };
	const char *body = NULL;
	const char *status;

	if (end == NULL && !full)
		return REPLY_LATER;
	if (end != NULL)
		end[2] = '\0'; /* what follows is a body, or one request too many */
	status = end == NULL ? refuse(in) : judge(offer, in, &line, &ask->page, &body);
	ask->head = is_head(&line);
	if (status == NULL)
		return REPLY_PAGE;
	if (body == NULL)
		body = "";
	put(out, status, strlen(body), ask->head ? "" : body);
	return REPLY_NOW;
}

void responder_reply_page(const struct responder_ask *ask, size_t length,
			  struct buf *out)
{
	const bool alive = ask->page == PAGE_HEALTH;
	AUTO_BUF struct buf status = { 0 };

	buf_printf(&status, "200 OK\r\nContent-Type: %s\r\nCache-Control: no-store",
		   pages[ask->page].type);
	put(out, status.data, alive ? strlen(ALIVE) : length,
	    alive && !ask->head ? ALIVE : "");
}

void responder_reply_silent(struct buf *out)
{
	put(out, "503 Service Unavailable\r\nRetry-After: 5", 0, "");
}
