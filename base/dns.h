/*
 * dns: names and messages of the DNS, as they are written (RFC 1035 3.1, 4.1).
 *
 * A name is text in one spelling: lower case, no dot at its end, labels of letters,
 * digits, "-" and "_". No name that we look for, sign for or are sent to has anything
 * else in it, and what has not cannot be mistaken for another. Names are written without
 * compression: what is signed is signed that way (RFC 8945 4.3.3).
 *
 * Reading what others have written is dns_reply.h's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

#define DNS_NAME_SIZE   254 /* of the text, with its NUL: 255 octets on the wire */
#define DNS_LABEL_MAX   63
#define DNS_HEAD        12    /* octets of a header */
#define DNS_MESSAGE_MAX 65535 /* its length is sent as 16 bits (RFC 1035 4.2.2) */

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_TSIG = 250,
	DNS_CAA = 257,
};

enum dns_class {
	DNS_IN = 1,
	DNS_NONE = 254,
	DNS_ANY = 255,
};

enum dns_opcode {
	DNS_QUERY = 0,
	DNS_UPDATE = 5,
};

/* Flags of a header, which the opcode stands among. */
#define DNS_RESPONSE      0x8000
#define DNS_AUTHORITATIVE 0x0400
#define DNS_RECURSE       0x0100 /* please */
#define DNS_OPCODE(flags) ((flags) >> 11 & 15)
#define DNS_RCODE(flags)  ((flags)&15)

#define DNS_NXDOMAIN 3

/* "Example.ORG." is example.org: false if `text` is no such name. The root is none. */
bool dns_name_read(const char *text, char name[DNS_NAME_SIZE]);

/* Whether it is spelled as all names here are. */
bool dns_name_is(const char *name);

/* Whether `name` is `zone` or below it. */
bool dns_name_within(const char *name, const char *zone);

/* The name that `name` is directly below; NULL: it is a top-level domain. */
const char *dns_name_parent(const char *name);

/* "192.0.2.1", "[2001:db8::1]:5353", "ns.example.org:53": host and port ("53" where none
 * is named). False: it is none of those. */
bool dns_server_read(const char *text, char host[DNS_NAME_SIZE], char port[6]);

void dns_put_u16(struct buf *out, unsigned v);
void dns_put_u32(struct buf *out, uint32_t v);
void dns_put_name(struct buf *out, const char *name); /* dns_name_is() */

/* A header that announces one question (or zone) and `n_updates` records of the third
 * section; and that question. */
void dns_put_head(struct buf *out, unsigned id, unsigned flags, unsigned n_updates);
void dns_put_question(struct buf *out, const char *name, enum dns_type type);

/* What RFC 1035 4.1.1, RFC 2136 2.2 and RFC 8945 3 call an answer's code: "NXDOMAIN". */
const char *dns_rcode(unsigned rcode);
