#include <stdlib.h>
#include <string.h>

#include "agent/net/dns_talk.h"
#include "agent/net/dns_task.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/dns_reply.h"
#include "base/err.h"

/* -- the TSIG record -- */

/* Fixed parts of its data (RFC 8945 4.2), around algorithm, MAC and other data. */
#define BEFORE_MAC 10 /* time, fudge, how long the MAC is */
#define AFTER_MAC  6  /* original id, error, how long the other data is */

static int no_tsig(struct err *e)
{
	return err_set(e, ERR_PROTO, "the reply has a TSIG record that is none");
}

static uint64_t get_time(const uint8_t *p)
{
	uint64_t at = 0;

	for (size_t i = 0; i < 6; i++)
		at = at << 8 | p[i];
	return at;
}

/* The MAC is over the message as it was before the record came to its end: with the id that
 * it names, and one record less (RFC 8945 4.3.2). */
static void restore(struct dns_sent *s, const uint8_t *id, unsigned n_additional)
{
	uint8_t *head = (uint8_t *)s->bytes.data;

	memcpy(head, id, 2);
	head[10] = (uint8_t)((n_additional - 1) >> 8);
	head[11] = (uint8_t)((n_additional - 1) & 255);
}

static int take_tsig(const struct dns_reply *r, const struct dns_record *record,
		     struct dns_sent *s, struct err *e)
{
	char algorithm[DNS_NAME_SIZE];
	const uint8_t *p, *end = record->data + record->len;
	size_t at;

	TRY(dns_reply_name(r, record->at, algorithm, &at, e));
	p = r->data + at;
	if (p > end || end - p < BEFORE_MAC)
		return no_tsig(e);
	s->at = get_time(p);
	s->fudge = dns_get_u16(p + 6);
	s->n_mac = dns_get_u16(p + 8);
	s->mac = p + BEFORE_MAC;
	if ((size_t)(end - s->mac) < s->n_mac + AFTER_MAC)
		return no_tsig(e);
	p = s->mac + s->n_mac;
	s->error = dns_get_u16(p + 2);
	s->n_other = dns_get_u16(p + 4);
	s->other = p + AFTER_MAC;
	if ((size_t)(end - s->other) != s->n_other)
		return no_tsig(e);
	s->len = record->from;
	restore(s, p, r->n[DNS_ADDITIONAL]);
	return 0;
}

/* -- the reply -- */

/* One TSIG record is the last of all (RFC 8945 5.1), or there is none. */
static int take_reply(unsigned id, const char *zone, struct dns_sent *s, struct err *e)
{
	struct dns_record record, last = { .type = 0 };
	struct dns_reply r;
	int rc;

	TRY(dns_reply_open(&r, s->bytes.data, s->bytes.len, e));
	if (!dns_reply_is_to(&r, id, DNS_UPDATE, zone, DNS_SOA))
		return err_set(e, ERR_PROTO, "a reply to something else");
	while ((rc = dns_reply_next(&r, &record, e)) > 0)
		last = record;
	TRY(rc);
	s->rcode = DNS_RCODE(r.flags);
	s->len = s->bytes.len;
	if (last.type != DNS_TSIG || last.section != DNS_ADDITIONAL)
		return 0;
	return take_tsig(&r, &last, s, e);
}

int dns_send(const char *server, const char *zone, const struct buf *update,
	     struct dns_sent *sent, struct err *e)
{
	const int64_t until_ms = clock_boot_ms() + DNS_SEND_MS;
	AUTO_FD int fd = -1;

	*sent = (struct dns_sent){ .rcode = 0 };
	if (update->len < DNS_HEAD || update->len > DNS_MESSAGE_MAX)
		return err_set(e, ERR_PROTO, "an update of %zu bytes", update->len);
	TRY(dns_connect(server, until_ms, &fd, e));
	if (dns_write(fd, update, until_ms, e) < 0 ||
	    dns_read(fd, &sent->bytes, until_ms, e) < 0 ||
	    take_reply(dns_get_u16((const uint8_t *)update->data), zone, sent, e) < 0) {
		buf_done(&sent->bytes);
		return err_wrap(e, "%s", server);
	}
	return 0;
}
