#include "acme/txt.h"

#include <string.h>

#include "base/base64url.h"
#include "base/buf.h"
#include "base/dns.h"
#include "base/err.h"
#include "base/hash.h"

#define VALUE_MAX 255 /* one string of a TXT record */

void txt_value(const char *authorization, char value[TXT_VALUE_LEN + 1])
{
	AUTO_BUF struct buf text = { 0 };
	uint8_t sum[HASH_LEN];

	hash_all(authorization, strlen(authorization), sum);
	base64url_add(&text, sum, sizeof(sum));
	memcpy(value, text.data, TXT_VALUE_LEN + 1);
}

/* RFC 2136 2.5.1, 2.5.4 */
static void put_record(const struct txt_record *r, bool add, struct buf *out)
{
	const size_t n = strlen(r->value);
	const unsigned char len = (unsigned char)n;

	dns_put_name(out, r->owner);
	dns_put_u16(out, DNS_TXT);
	dns_put_u16(out, add ? DNS_IN : DNS_NONE);
	dns_put_u32(out, add ? TXT_TTL : 0);
	dns_put_u16(out, len + 1u);
	buf_add(out, &len, 1);
	buf_add(out, r->value, n);
}

int txt_update(unsigned id, const char *zone, bool add,
	       const struct txt_record *records, size_t n, struct buf *message,
	       struct err *e)
{
	if (!dns_name_is(zone) || n == 0 || n > TXT_MAX)
		return err_set(e, ERR_PROTO, "an update of %zu records", n);
	for (size_t i = 0; i < n; i++)
		if (!dns_name_is(records[i].owner) ||
		    !dns_name_within(records[i].owner, zone) ||
		    strlen(records[i].value) > VALUE_MAX)
			return err_set(e, ERR_PROTO, "a record that is not in %s",
				       zone);
	dns_put_head(message, id, DNS_UPDATE << 11, (unsigned)n);
	dns_put_question(message, zone, DNS_SOA);
	for (size_t i = 0; i < n; i++)
		put_record(&records[i], add, message);
	return 0;
}
