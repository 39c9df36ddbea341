/*
 * answer: what a CA's refusal means for the scheduler, where its protocol has no words of
 * its own for that (RFC 9110 15).
 *
 *     202, 429, 503, any Retry-After    ERR_LATER at that time
 *     other 5xx, 408, 425               ERR_NET: it may work next time
 *     400, 401, 403, 409, 422           ERR_REFUSED: a person must look
 *     anything else                     ERR_PROTO: it is not what is asked for here
 */
#pragma once

struct err;
struct http_reply;

/* When no time was given; and the soonest, whatever was. */
#define ANSWER_LATER_S 3600
#define ANSWER_SOON_S  5
#define ANSWER_MOST_S  86400 /* no Retry-After keeps anything waiting for longer */

#define ANSWER_SAID_MAX 200 /* bytes that are shown of what it says */

/* Fill e from the answer; returns its code. `said` is what the CA has to say, as it came;
 * NULL: the body. */
int answer_err(const struct http_reply *reply, const char *said, struct err *e);
