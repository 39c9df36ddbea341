#include <arpa/inet.h>
#include <stdio.h>

#include "agent/net/dns_talk.h"
#include "agent/net/dns_task.h"
#include "base/dns_reply.h"
#include "base/err.h"
#include "base/mem.h"

static int take(const struct dns_question *q, struct dns_addresses *out, struct err *e)
{
	struct dns_record record;
	struct dns_reply r;
	int rc;

	TRY(dns_reply_open(&r, q->reply.data, q->reply.len, e));
	TRY(dns_reply_check(&r, q->name, e));
	while ((rc = dns_reply_answer(&r, q->type, &record, e)) > 0)
		if (out->n < DNS_ADDRESSES_MAX)
			(void)inet_ntop(q->type == DNS_A ? AF_INET : AF_INET6,
					record.data, out->list[out->n++],
					INET6_ADDRSTRLEN);
	return rc;
}

int dns_addresses(const struct dns_asked *asked, const char *name, int64_t until_ms,
		  struct dns_addresses *out, struct err *e)
{
	struct dns_question *q = xcalloc(2, sizeof(*q));
	int rc;

	*out = (struct dns_addresses){ .n = 0 };
	q[0].type = DNS_A;
	q[1].type = DNS_AAAA;
	snprintf(q[0].name, DNS_NAME_SIZE, "%s", name);
	snprintf(q[1].name, DNS_NAME_SIZE, "%s", name);
	rc = dns_resolve(asked->resolvers, q, 2, until_ms, e);
	for (int i = 0; i < 2 && rc == 0; i++)
		rc = take(&q[i], out, e);
	dns_questions_free(q, 2);
	return rc;
}
