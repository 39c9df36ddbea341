/*
 * dns_task: what is done at name servers for dns-01, by the probe role: find where a
 * record belongs, send an update, look whether the record is shown. Each is linear, ends
 * within its time, and decides nothing; it has no secret, and what it sends was signed
 * by the keeper.
 *
 *     dns_find.c  DNS_FIND    whose record, in which zone
 *     dns_send.c  DNS_SEND    the update (RFC 2136), and its reply in parts
 *     dns_look.c  DNS_LOOK    all name servers of the zone
 *     dns_ahead.c DNS_AHEAD   before a CA is asked: what it will find (check --online)
 *     dns_caa.c               ... whether it may issue; before each order too (a worker)
 *     dns_address.c           where a name is (a worker)
 *     dns_role.c              their messages
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/dns.h"
#include "base/err.h"

struct msg;

#define DNS_FIND_MS    40000 /* each: less than a worker may be busy (POOL_PROBE_MS) */
#define DNS_SEND_MS    40000
#define DNS_LOOK_MS    40000
#define DNS_AHEAD_MS   40000
#define DNS_TASK_MAX   100 /* names or records of one task */
#define DNS_ALIAS_MAX  8   /* aliases after each other, as resolvers follow them */
#define DNS_NS_MAX     16  /* name servers of a zone; more are not looked at */
#define DNS_NS_ADDRESS 32  /* ... and addresses of all of them */

/* Who is asked. */
struct dns_asked {
	const char *const *resolvers; /* NULL-terminated; none: those of the host */
	const char *port;             /* of a zone's name servers: "53" */
};

/* Where the TXT record for a name stands. */
struct dns_place {
	char owner[DNS_NAME_SIZE]; /* _acme-challenge.NAME, or what it is an alias of */
	char zone[DNS_NAME_SIZE];  /* that it is to be changed in */
};

/* Aliases are followed (CNAME, and DNAME by the CNAME that comes with it: RFC 6672 3.1);
 * the zone is where the SOA record is, unless `zone` names it. ERR_NET: names cannot be
 * looked up; ERR_CONFIG: not in `zone`. */
int dns_find(const struct dns_asked *asked, const char *zone, const char *const *names,
	     size_t n, struct dns_place *places, struct err *e);

/* The parts of a reply to an update (tsig.h), in `bytes`, which is the caller's. */
struct dns_sent {
	struct buf bytes; /* owned: as it came, with the header that the MAC is over */
	size_t len;       /* of the message without its TSIG record */
	unsigned rcode;
	uint64_t at;
	unsigned fudge;
	unsigned error;
	const uint8_t *other; /* both in bytes */
	size_t n_other;
	const uint8_t *mac;
	size_t n_mac;
};

/* `update` is of `zone`. ERR_NET: not sent, or not answered; ERR_PROTO: by what is no reply
 * to it. */
int dns_send(const char *server, const char *zone, const struct buf *update,
	     struct dns_sent *sent, struct err *e);

struct dns_shown {
	const char *owner;
	const char *value;
};

/* Addresses of all name servers of the zone, and what of it is shown there. */
struct dns_sight {
	unsigned shown;         /* all of it */
	unsigned late;          /* not all yet */
	unsigned down;          /* they do not answer for the zone */
	char why[ERR_TEXT_MAX]; /* of one of the late, else of those that are down */
};

int dns_look(const struct dns_asked *asked, const char *zone,
	     const struct dns_shown *records, size_t n, struct dns_sight *sight,
	     struct err *e);

#define DNS_ADDRESSES_MAX 8

/* Where a name is: addresses of both kinds, as text. */
struct dns_addresses {
	size_t n;
	char list[DNS_ADDRESSES_MAX][INET6_ADDRSTRLEN];
};

/* ERR_NET: it cannot be looked up. */
int dns_addresses(const struct dns_asked *asked, const char *name, int64_t until_ms,
		  struct dns_addresses *out, struct err *e);

/* A CA that will look. */
struct dns_ca {
	const char *const
	    *identities;     /* in CAA records; NULL-terminated; none: it has none */
	const char *account; /* URL; NULL: none yet */
};

/* What it will find of one name. */
struct dns_ahead {
	const char *name; /* or a wildcard */
	bool is_bad;
	struct err why;
};

const char *dns_ahead_bare(const struct dns_ahead *name); /* without "*." */

/* Names that have no CAA records, for a while: those above are the same for many. */
#define DNS_NONE_MS 60000

struct dns_none {
	struct buf names; /* owned; each with its NUL */
	int64_t until_ms; /* clock_boot_ms() */
};

/* Whether CAA records let it issue: `why` of a bad one is ERR_REFUSED where they do not,
 * and something else where they cannot be had. Names that are bad are not looked at, and
 * none is for a CA without an identity. ERR_NET: names cannot be looked up. */
struct dns_caa {
	const struct dns_asked *asked;
	const struct dns_ca *ca;
	const char *method; /* "http-01" */
	struct dns_none *none;
	int64_t until_ms;
};

int dns_caa(const struct dns_caa *c, struct dns_ahead *names, size_t n, struct err *e);

/* ERR_NET: names cannot be looked up. */
int dns_ahead(const struct dns_asked *asked, const struct dns_ca *ca,
	      const char *method, struct dns_ahead *names, size_t n, struct err *e);

/* The rules of DNS_FIND, DNS_SEND, DNS_LOOK, DNS_AHEAD; `spec` is a struct spec. */
int dns_on_find(void *spec, struct msg *m, struct err *e);
int dns_on_send(void *spec, struct msg *m, struct err *e);
int dns_on_look(void *spec, struct msg *m, struct err *e);
int dns_on_ahead(void *spec, struct msg *m, struct err *e);
