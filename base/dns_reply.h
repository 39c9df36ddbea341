/*
 * dns_reply: what a name server has answered, read with bounds (RFC 1035 4.1).
 *
 * Nothing of it is believed: every offset is checked, a compressed name only ever points
 * back and is never longer than a name can be, records are counted. A reply is one to
 * what was asked: its id, its opcode and its question say so.
 *
 *     TRY(dns_reply_open(&r, bytes, len, e));
 *     while ((rc = dns_reply_next(&r, &record, e)) > 0) ...
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/dns.h"

struct err;

#define LIMIT_DNS_RECORDS 512 /* of one reply: a name's TXT may be many, never these */

enum dns_section {
	DNS_QUESTIONS,
	DNS_ANSWERS,
	DNS_AUTHORITY,
	DNS_ADDITIONAL,
	DNS_SECTIONS,
};

struct dns_reply {
	const uint8_t *data; /* borrowed */
	size_t len;
	unsigned id;
	unsigned flags;
	unsigned n[DNS_SECTIONS];
	char question[DNS_NAME_SIZE]; /* "": none is repeated */
	unsigned type;                /* ... asked for */
	size_t at;                    /* where the next record is read */
	enum dns_section section;     /* ... and of which */
	unsigned left;                /* records of that section */
};

struct dns_record {
	enum dns_section section;
	char owner[DNS_NAME_SIZE]; /* "": the root, or no name of ours */
	unsigned type;
	unsigned class;
	uint32_t ttl;
	const uint8_t *data; /* borrowed from the reply */
	size_t len;
	size_t from; /* where the record, and its data, begin in the reply */
	size_t at;
};

/* Header and question. ERR_PROTO: it is no reply; ERR_LIMIT: too many records. */
int dns_reply_open(struct dns_reply *r, const void *data, size_t len, struct err *e);

/* ERR_NET: it says neither what there is at `name` nor that there is no such name. */
int dns_reply_check(const struct dns_reply *r, const char *name, struct err *e);

/* Whether it is one to this question. */
bool dns_reply_is_to(const struct dns_reply *r, unsigned id, enum dns_opcode opcode,
		     const char *name, enum dns_type type);

/* The next record: 1; 0 if there is none; ERR_PROTO. */
int dns_reply_next(struct dns_reply *r, struct dns_record *record, struct err *e);

/* The next record of that type among the answers, at whatever name: it may be an alias. Of
 * addresses, those of their length. */
int dns_reply_answer(struct dns_reply *r, enum dns_type type, struct dns_record *record,
		     struct err *e);

/* The name at `at`, and where it ends. A name that is not of dns.h's letters is "". */
int dns_reply_name(const struct dns_reply *r, size_t at, char name[DNS_NAME_SIZE],
		   size_t *end, struct err *e);

/* Two octets at `p`. */
unsigned dns_get_u16(const uint8_t *p);
