#include "base/dns.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

/* -- names -- */

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool dns_name_is(const char *name)
{
	size_t label = 0, n = 0;

	for (; name[n] != '\0'; n++) {
		if (n == DNS_NAME_SIZE - 1)
			return false;
		if (name[n] != '.' && !is_letter(name[n]))
			return false;
		if (name[n] == '.' && label == 0)
			return false;
		label = name[n] == '.' ? 0 : label + 1;
		if (label > DNS_LABEL_MAX)
			return false;
	}
	return label > 0;
}

bool dns_name_read(const char *text, char name[DNS_NAME_SIZE])
{
	size_t n = strlen(text);

	if (n > 0 && text[n - 1] == '.')
		n--;
	if (n >= DNS_NAME_SIZE)
		return false;
	for (size_t i = 0; i < n; i++)
		name[i] =
		    (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]);
	name[n] = '\0';
	return dns_name_is(name);
}

bool dns_name_within(const char *name, const char *zone)
{
	size_t n = strlen(name), z = strlen(zone);

	return n >= z && strcmp(name + n - z, zone) == 0 &&
	       (n == z || name[n - z - 1] == '.');
}

const char *dns_name_parent(const char *name)
{
	const char *dot = strchr(name, '.');

	return dot == NULL ? NULL : dot + 1;
}

/* -- name servers -- */

static bool read_port(const char *text, char port[6])
{
	uint64_t value;

	if (!text_u64(text, UINT16_MAX, &value) || value == 0)
		return false;
	snprintf(port, 6, "%u", (unsigned)value);
	return true;
}

static bool is_address(const char *host)
{
	struct in6_addr any;

	return inet_pton(strchr(host, ':') == NULL ? AF_INET : AF_INET6, host, &any) ==
	       1;
}

bool dns_server_read(const char *text, char host[DNS_NAME_SIZE], char port[6])
{
	const char *end = strrchr(text, ':');
	const char *from = text;
	size_t n;

	snprintf(port, 6, "53");
	if (text[0] == '[') {
		from = text + 1;
		n = strcspn(from, "]");
		if (from[n] == '\0')
			return false;
		end = from[n + 1] == '\0' ? NULL : from + n + 1;
	} else if (end == NULL || strchr(text, ':') != end) {
		n = strlen(text);
		end = NULL;
	} else {
		n = (size_t)(end - text);
	}
	if (n >= DNS_NAME_SIZE ||
	    (end != NULL && (end[0] != ':' || !read_port(end + 1, port))))
		return false;
	memcpy(host, from, n);
	host[n] = '\0';
	if (from != text || strchr(host, ':') != NULL)
		return strchr(host, ':') != NULL && is_address(host);
	return dns_name_read(host, host);
}

/* -- messages -- */

void dns_put_u16(struct buf *out, unsigned v)
{
	const unsigned char octets[] = { (unsigned char)(v >> 8 & 255),
					 (unsigned char)(v & 255) };

	buf_add(out, octets, sizeof(octets));
}

void dns_put_u32(struct buf *out, uint32_t v)
{
	dns_put_u16(out, v >> 16);
	dns_put_u16(out, v & UINT16_MAX);
}

void dns_put_name(struct buf *out, const char *name)
{
	for (size_t n; *name != '\0'; name += n + (name[n] == '.')) {
		unsigned char len;

		n = strcspn(name, ".");
		len = (unsigned char)n;
		buf_add(out, &len, 1);
		buf_add(out, name, n);
	}
	buf_add(out, "", 1);
}

void dns_put_head(struct buf *out, unsigned id, unsigned flags, unsigned n_updates)
{
	dns_put_u16(out, id);
	dns_put_u16(out, flags);
	dns_put_u16(out, 1);
	dns_put_u16(out, 0);
	dns_put_u16(out, n_updates);
	dns_put_u16(out, 0);
}

void dns_put_question(struct buf *out, const char *name, enum dns_type type)
{
	dns_put_name(out, name);
	dns_put_u16(out, type);
	dns_put_u16(out, DNS_IN);
}

const char *dns_rcode(unsigned rcode)
{
	static const char *const words[] = {
		[0] = "NOERROR", [1] = "FORMERR",  [2] = "SERVFAIL",  [3] = "NXDOMAIN",
		[4] = "NOTIMP",  [5] = "REFUSED",  [6] = "YXDOMAIN",  [7] = "YXRRSET",
		[8] = "NXRRSET", [9] = "NOTAUTH",  [10] = "NOTZONE",  [16] = "BADSIG",
		[17] = "BADKEY", [18] = "BADTIME", [22] = "BADTRUNC",
	};

	if (rcode >= sizeof(words) / sizeof(*words) || words[rcode] == NULL)
		return "an error that is not known";
	return words[rcode];
}
