#include "base/dns_reply.h"

#include <string.h>

#include "base/err.h"

#define POINTER  0xc0 /* RFC 1035 4.1.4 */
#define WIRE_MAX 255  /* octets of a name */

unsigned dns_get_u16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static int cut_off(struct err *e)
{
	return err_set(e, ERR_PROTO, "the reply ends in the middle");
}

/* -- names -- */

struct spelling {
	char *name;
	size_t n;   /* octets on the wire so far */
	size_t len; /* of the text */
};

/* What could be taken for something else is no name of ours. */
static char letter(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c | 0x20);
	return (char)(c == '.' || c == '\0' ? '?' : c);
}

static int add_label(struct spelling *s, const uint8_t *label, size_t n, struct err *e)
{
	s->n += n + 1;
	if (s->n >= WIRE_MAX)
		return err_set(e, ERR_PROTO, "a name in the reply is too long");
	if (s->len > 0)
		s->name[s->len++] = '.';
	for (size_t i = 0; i < n; i++)
		s->name[s->len++] = letter(label[i]);
	return 0;
}

/* A pointer leads back from where it, or what led to it, stands: so there is an end. */
int dns_reply_name(const struct dns_reply *r, size_t at, char name[DNS_NAME_SIZE],
		   size_t *end, struct err *e)
{
	struct spelling s = { .name = name };
	size_t before = at;
	bool jumped = false;

	while (at < r->len && r->data[at] != 0) {
		const size_t n = r->data[at];

		if ((n & POINTER) == 0) {
			if (n >= r->len - at)
				return cut_off(e);
			TRY(add_label(&s, r->data + at + 1, n, e));
			at += n + 1;
			continue;
		}
		if ((n & POINTER) != POINTER || r->len - at < 2)
			return err_set(e, ERR_PROTO, "a name in the reply is none");
		if (!jumped)
			*end = at + 2;
		jumped = true;
		at = dns_get_u16(r->data + at) & 0x3fff;
		if (at >= before)
			return err_set(e, ERR_PROTO, "a name in the reply has no end");
		before = at;
	}
	if (at >= r->len)
		return cut_off(e);
	if (!jumped)
		*end = at + 1;
	name[s.len] = '\0';
	if (!dns_name_is(name))
		name[0] = '\0';
	return 0;
}

/* -- header and question -- */

static int read_question(struct dns_reply *r, struct err *e)
{
	TRY(dns_reply_name(r, r->at, r->question, &r->at, e));
	if (r->len - r->at < 4)
		return cut_off(e);
	r->type = dns_get_u16(r->data + r->at);
	r->at += 4;
	return 0;
}

int dns_reply_open(struct dns_reply *r, const void *data, size_t len, struct err *e)
{
	*r = (struct dns_reply){ .data = data, .len = len, .at = DNS_HEAD };
	if (len < DNS_HEAD || len > DNS_MESSAGE_MAX)
		return cut_off(e);
	r->id = dns_get_u16(r->data);
	r->flags = dns_get_u16(r->data + 2);
	for (size_t i = 0; i < DNS_SECTIONS; i++)
		r->n[i] = dns_get_u16(r->data + 4 + 2 * i);
	if ((r->flags & DNS_RESPONSE) == 0 || r->n[DNS_QUESTIONS] > 1)
		return err_set(e, ERR_PROTO, "what came is not a reply");
	if (r->n[DNS_ANSWERS] + r->n[DNS_AUTHORITY] + r->n[DNS_ADDITIONAL] >
	    LIMIT_DNS_RECORDS)
		return err_set(e, ERR_LIMIT, "the reply has more than %d records",
			       LIMIT_DNS_RECORDS);
	return r->n[DNS_QUESTIONS] == 1 ? read_question(r, e) : 0;
}

int dns_reply_check(const struct dns_reply *r, const char *name, struct err *e)
{
	const unsigned code = DNS_RCODE(r->flags);

	if (code == 0 || code == DNS_NXDOMAIN)
		return 0;
	return err_set(e, ERR_NET, "the name servers of %s fail (%s)", name,
		       dns_rcode(code));
}

bool dns_reply_is_to(const struct dns_reply *r, unsigned id, enum dns_opcode opcode,
		     const char *name, enum dns_type type)
{
	if (r->id != id || DNS_OPCODE(r->flags) != (unsigned)opcode)
		return false;
	if (r->n[DNS_QUESTIONS] ==
	    0) /* of an update it need not be repeated: RFC 2136 3.8 */
		return opcode == DNS_UPDATE;
	return r->type == (unsigned)type && strcmp(r->question, name) == 0;
}

/* -- records -- */

static bool next_section(struct dns_reply *r)
{
	while (r->left == 0 && r->section < DNS_ADDITIONAL) {
		r->section++;
		r->left = r->n[r->section];
	}
	return r->left > 0;
}

int dns_reply_next(struct dns_reply *r, struct dns_record *record, struct err *e)
{
	const uint8_t *p;

	if (!next_section(r))
		return 0;
	r->left--;
	*record = (struct dns_record){ .section = r->section, .from = r->at };
	TRY(dns_reply_name(r, r->at, record->owner, &r->at, e));
	if (r->len - r->at < 10)
		return cut_off(e);
	p = r->data + r->at;
	record->type = dns_get_u16(p);
	record->class = dns_get_u16(p + 2);
	record->ttl = (uint32_t)dns_get_u16(p + 4) << 16 | dns_get_u16(p + 6);
	record->len = dns_get_u16(p + 8);
	record->data = p + 10;
	record->at = r->at + 10;
	if (record->len > r->len - record->at)
		return cut_off(e);
	r->at = record->at + record->len;
	return 1;
}

static bool has_length_of(enum dns_type type, size_t len)
{
	return type == DNS_A ? len == 4 : type != DNS_AAAA || len == 16;
}

int dns_reply_answer(struct dns_reply *r, enum dns_type type, struct dns_record *record,
		     struct err *e)
{
	int rc;

	while ((rc = dns_reply_next(r, record, e)) > 0)
		if (record->section == DNS_ANSWERS && record->type == (unsigned)type &&
		    has_length_of(type, record->len))
			return 1;
	return rc;
}
