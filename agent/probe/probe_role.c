/*
 * The probe role: looks at one endpoint at a time, or does one thing at name servers
 * (dns_task.h), for the agent; or looks for `inspect`. It connects, and has no file, no key
 * and nothing to run.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/net/connector.h"
#include "agent/net/dns_task.h"
#include "agent/probe/probe.h"
#include "agent/probe/probe_show.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/role/roles.h"
#include "base/err.h"

#define PROBE_MS_MAX 300000 /* no probe takes minutes; and no clock overflows */

static const char *or_null(const char *s)
{
	return s[0] == '\0' ? NULL : s;
}

static void read_hash(struct msg *m, uint8_t hash[32])
{
	size_t len;
	const void *bytes = msg_get_bytes(m, &len);

	if (len == 32)
		memcpy(hash, bytes, 32);
	else
		m->broken = true;
}

static int on_probe(void *role, struct msg *m, struct err *e)
{
	struct probe_request r = { .host = msg_get_str(m) };
	struct probe_result result;
	uint32_t id = m->id;
	uint64_t proto;

	(void)role;
	r.port = or_null(msg_get_str(m));
	r.name = or_null(msg_get_str(m));
	proto = msg_get_u64(m);
	read_hash(m, r.wanted);
	read_hash(m, r.old);
	r.chained = msg_get_u64(m) != 0;
	r.deadline_ms = msg_get_i64(m);
	r.stale_ms = msg_get_i64(m);
	TRY(msg_end(m, e));
	if (proto >= PROBE_PROTOS)
		return err_set(e, ERR_PROTO, "there is no protocol %llu",
			       (unsigned long long)proto);
	if (r.deadline_ms < 0 || r.deadline_ms > PROBE_MS_MAX)
		return err_set(e, ERR_PROTO, "a probe of %lld ms",
			       (long long)r.deadline_ms);
	if (r.stale_ms < 0 || r.stale_ms > r.deadline_ms)
		return err_set(e, ERR_PROTO, "%lld ms of a probe of %lld",
			       (long long)r.stale_ms, (long long)r.deadline_ms);
	r.proto = (uint32_t)proto;
	probe_endpoint(&r, &result);
	msg_begin(m, PROBE_LOOK, id);
	msg_put_u64(m, result.verdict);
	msg_put_bytes(m, result.seen, sizeof(result.seen));
	msg_put_str(m, result.detail);
	msg_put_u64(m, result.chain);
	return 0;
}

static int on_show(void *role, struct msg *m, struct err *e)
{
	AUTO_MSG struct msg asked = MSG_NONE; /* its strings outlive what is sent */
	struct probe_show show;
	uint32_t id = m->id;
	uint64_t proto;

	(void)role;
	msg_move(&asked, m);
	show.label = msg_get_str(&asked);
	show.host = msg_get_str(&asked);
	show.port = or_null(msg_get_str(&asked));
	proto = msg_get_u64(&asked);
	TRY(msg_end(&asked, e));
	if (proto >= PROBE_PROTOS)
		return err_set(e, ERR_PROTO, "there is no protocol %llu",
			       (unsigned long long)proto);
	show.proto = (uint32_t)proto;
	TRY(probe_show(&show, ROLE_FD_PEER, e));
	msg_begin(m, PROBE_SHOW, id);
	return 0;
}

/* Who keeps certificates wants to know one thing, who inspects wants to see. */
enum { PROBE_PROVES, PROBE_SHOWS };

static const struct msg_rule rules[] = {
	{ PROBE_LOOK, 1u << PROBE_PROVES, on_probe },
	{ PROBE_SHOW, 1u << PROBE_SHOWS, on_show },
	{ DNS_FIND, 1u << PROBE_PROVES, dns_on_find },
	{ DNS_SEND, 1u << PROBE_PROVES, dns_on_send },
	{ DNS_LOOK, 1u << PROBE_PROVES, dns_on_look },
	{ DNS_AHEAD, 1u << PROBE_PROVES, dns_on_ahead },
};

int probe_role(void)
{
	struct role_start s;
	struct err e;
	int rc = connector_begin(ROLE_PROBE, &s, &e);

	if (rc == 0)
		rc = role_serve(rules, sizeof(rules) / sizeof(*rules),
				s.request.command == COMMAND_INSPECT ? PROBE_SHOWS
								     : PROBE_PROVES,
				&s.spec, &e);
	if (rc < 0)
		log_error("%s", e.text);
	role_end(&s);
	return rc < 0 ? EXIT_SANDBOX : EXIT_SUCCESS;
}
