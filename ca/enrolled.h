/*
 * enrolled: what has come of an enrolment, by whatever protocol.
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"

struct enrolled {
	struct buf chain;   /* PEM, in any order: x509_order.h */
	struct buf anchors; /* PEM of what it has to lead to: `trust`, or without it the
				  roots that the CA names; empty: of ACME, which is trusted
				  for its TLS */
	char *note;         /* owned; for people; NULL: nothing has to be said */
	int64_t clock_ahead_s; /* of the CA's clock before ours */
};
