/*
 * worker_caa: before an order is made, whether the CAA records of its names let the CA
 * issue (RFC 8659, RFC 8657). What is certain to be refused costs no order then, and is
 * told with the record that forbids it, not in the words of the CA.
 *
 * Only what is clear stops it: a record that lets this CA issue by no challenge that there
 * is for the name. What cannot be looked up does not, for it is the CA's resolver that
 * counts; name servers that fail are told of, as a CA refuses then too.
 */
#pragma once

struct err;
struct order_want;
struct spec_cert;
struct worker;

/* All lookups for one order; a resolver that does not answer is not asked again for as
 * long as DNS_NONE_MS. */
#define WORKER_CAA_MS 3000

/* ERR_REFUSED: it may not. */
int worker_caa(struct worker *w, const struct spec_cert *c,
	       const struct order_want *want, struct err *e);
