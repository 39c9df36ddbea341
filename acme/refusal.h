/*
 * refusal: for which names a CA has refused an order, as far as it says.
 *
 * An authorization that has failed is about a name, and about the way by which that was
 * to be shown. A problem may name some of several (subproblems, RFC 8555 6.7.1); of one
 * that does not, the names that its text is about are taken: CAs write so where there is
 * one.
 */
#pragma once

#include <stddef.h>

#include "acme/order.h"

struct doc;
struct err;

#define ACME_ANY_WAY (~0u) /* whatever the way: the name itself is refused */

struct acme_refusal {
	unsigned way;     /* as order_way.number, or ACME_ANY_WAY */
	const char *name; /* borrowed from the want */
	char *why;        /* owned */
};

struct refusals {
	struct acme_refusal list[ORDER_AUTHZ_MAX];
	size_t n;
};

#define AUTO_REFUSALS __attribute__((cleanup(refusals_done)))

/* More than fit are passed over. */
void refusals_add(struct refusals *r, unsigned way, const char *name,
		  const struct err *why);

/* All names of `want` that `problem` (NULL: none) is about. */
void refusals_of_problem(struct refusals *r, const struct order_want *want,
			 const struct doc *problem);

void refusals_done(struct refusals *r);
