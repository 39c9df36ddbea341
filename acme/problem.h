/*
 * problem: what a CA's refusal means for the scheduler (RFC 8555 6.7, RFC 9457).
 *
 *     rateLimited, 429, 503, any Retry-After      ERR_LATER at that time
 *     5xx, serverInternal, connection, dns, tls   ERR_NET: it may work next time
 *     408, 425, a page for a browser              ERR_NET
 *     unauthorized, incorrectResponse of a name   ERR_NET: people mend web servers
 *     rejectedIdentifier, caa, badCSR, ...        ERR_REFUSED
 *     invalidContact, unsupportedContact          ERR_CONFIG
 *     malformed, badNonce, anything else          ERR_PROTO
 *
 * A problem that only collects others ("compound") is what the first of them is. The
 * text is the CA's own: type, detail, and for each subproblem the name it is about.
 * Control bytes in it are escaped; it is cut to what an err holds.
 *
 * A page is by somebody on the way (a proxy, a firewall, a load balancer): whatever its
 * status, it says nothing about an order, an authorization or an account.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct doc;
struct err;

/* When no time was given with a refusal that time will mend; and the soonest, whatever
 * was given: one that is "at once", or that has passed by our clock, is asked for ever. */
#define PROBLEM_LATER_S 3600
#define PROBLEM_SOON_S  5

/* Whether what came instead of a document is HTML, or XML. */
bool problem_is_page(const struct doc *doc, const struct buf *body);

/* Fill e from the answer; returns its code. `doc` may be NULL: then the first words of the
 * body that came instead are told (NULL: none came). */
int problem_err(struct err *e, long status, const struct doc *doc,
		const struct buf *body, int64_t retry_at_ms);

/* Fill e from the `error` of a challenge or an order (RFC 8555 7.1.3, 8). */
int problem_err_of(struct err *e, const struct doc *error);

/* Whether its type is urn:ietf:params:acme:error:WORD. */
bool problem_is(const struct doc *doc, const char *word);
