/*
 * txt: an update that adds or deletes TXT records of one zone (RFC 2136).
 *
 * Nothing is asked of what is there already: a record that is added twice is there once,
 * one that is deleted twice is gone, others at the same name stay (RFC 2136 3.4.2.2,
 * 3.4.2.4). So an update may be sent again whatever became of the last.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct err;

#define TXT_VALUE_LEN 43 /* SHA-256 in base64url */

#define TXT_MAX 100 /* records of one update: as many as there are names in an order */
#define TXT_TTL 60  /* seconds that a resolver may keep what is to go again */

struct txt_record {
	const char *owner; /* see dns.h */
	const char *value; /* at most 255 octets */
};

/* = RFC 8555 8.4 "The record provisioned to the DNS contains the base64url encoding of this
 * digest." [dns01] It is that of the key authorization, by SHA-256. */
void txt_value(const char *authorization, char value[TXT_VALUE_LEN + 1]);

/* Begin `message` with it. ERR_PROTO: an owner that is not in the zone. */
int txt_update(unsigned id, const char *zone, bool add,
	       const struct txt_record *records, size_t n, struct buf *message,
	       struct err *e);
