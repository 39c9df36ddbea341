#include "agent/responder_reply.h"

#include <assert.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"

/* = RFC 8555 8.3 "The path at which the resource is provisioned is comprised of the fixed
 * prefix "/.well-known/acme-challenge/", followed by the "token" value in the challenge." */
#define PREFIX "/.well-known/acme-challenge/"

struct request_line {
	const char *method;
	const char *target;
	const char *version;
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

/* The status, and what is in its body if it has one. */
static const char *judge(const struct responder_tokens *tokens, char *in,
			 struct request_line *l, const char **body)
{
	char *fields = strstr(in, "\r\n");

	assert(fields != NULL); /* the header is whole */
	*fields = '\0';
	if (!take_line(in, l) || !has_its_host(l->version, fields))
		return "400 Bad Request";
	if (strcmp(l->method, "GET") != 0 && strcmp(l->method, "HEAD") != 0)
		return "405 Method Not Allowed\r\nAllow: GET, HEAD";
	if (strncmp(l->target, PREFIX, strlen(PREFIX)) == 0)
		*body = responder_tokens_find(tokens, l->target + strlen(PREFIX));
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

bool responder_reply(const struct responder_tokens *tokens, char *in, bool full,
		     struct buf *out)
{
	char *end = strstr(in, "\r\n\r\n");
	struct request_line line = { .method = "" };
	const char *body = NULL;
	const char *status;

	if (end == NULL && !full)
		return false;
	if (end != NULL)
		end[2] = '\0'; /* what follows is a body, or one request too many */
	status = end == NULL ? refuse(in) : judge(tokens, in, &line, &body);
	if (body == NULL)
		body = "";
	put(out, status, strlen(body), strcmp(line.method, "HEAD") == 0 ? "" : body);
	return true;
}
