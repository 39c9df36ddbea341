/* dns: what a name server answers, its names, and the CAA records in it. */
#include "acme/caa.h"
#include "base/auto.h"
#include "base/dns_reply.h"
#include "base/err.h"
#include "tests/fuzz/fuzz.h"

#define SET 16

static void permit(const struct caa *set, size_t n, bool wildcard)
{
	static const char *const identities[] = { "ca.test", NULL };
	const struct caa_asked asked = { .identities = identities,
					 .account = "https://ca.test/a/1",
					 .method = "http-01",
					 .wildcard = wildcard };
	struct err e = { .text = "" };
	const int rc = caa_permit(set, n, &asked, &e);

	assert(rc == 0 || (rc == ERR_REFUSED && e.text[0] != '\0'));
	assert(n > 0 || rc == 0);
}

static void names_of(const struct dns_reply *r, const struct dns_record *record)
{
	char name[DNS_NAME_SIZE];
	struct err e;
	size_t end = 0;

	assert(record->data >= r->data && record->len <= r->len);
	assert((size_t)(record->data - r->data) <= r->len - record->len);
	assert(record->owner[0] == '\0' || dns_name_is(record->owner));
	if (dns_reply_name(r, record->at, name, &end, &e) == 0)
		assert(end > record->at && end <= r->len &&
		       (name[0] == '\0' || dns_name_is(name)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct caa set[SET];
	struct dns_reply r;
	struct dns_record record;
	struct err e = { .text = "" };
	size_t n = 0;
	int rc = dns_reply_open(&r, data, len, &e);

	if (rc == 0) {
		(void)dns_reply_check(&r, "a.test", &e);
		(void)dns_reply_is_to(&r, 7, DNS_QUERY, "a.test", DNS_CAA);
	}
	while (rc == 0 && (rc = dns_reply_next(&r, &record, &e)) > 0) {
		names_of(&r, &record);
		if (record.type == DNS_CAA && n < SET)
			n += caa_read(record.data, record.len, &set[n]);
		rc = 0;
	}
	assert(rc == 0 || e.text[0] != '\0');
	permit(set, n, false);
	permit(set, n, true);
	return 0;
}
