/* http_reply: what came back from an exchange (http.h), and what its headers say. */
#pragma once

#include <stdint.h>

#include "base/buf.h"

struct http_reply {
	long status;
	struct buf body;
	struct buf
	    headers; /* "name: value" lines, names in lower case, each with a NUL */
};

#define AUTO_HTTP_REPLY __attribute__((cleanup(http_reply_done)))

/* Add the header line `line`, as it came, without its end. What is none is left out. */
void http_reply_add(struct http_reply *reply, const char *line, size_t len);

/* The first value of header `name` (lower case), or NULL; borrowed. With `after`, a
 * value that was found: the next one. */
const char *http_header(const struct http_reply *reply, const char *name,
			const char *after);

/* When Retry-After (RFC 9110 10.2.3: seconds or a date) says to come back, Unix
 * milliseconds, between now and now + `max_s`; 0 if there is none that can be read. A date
 * is taken as so long after that of the answer (http_date()), where it has one. */
int64_t http_retry_at_ms(const struct http_reply *reply, int64_t max_s);

/* When the server says that it answered (RFC 9110 6.6.1), Unix seconds; 0: it does not. */
int64_t http_date(const struct http_reply *reply);

void http_reply_done(struct http_reply *reply);
