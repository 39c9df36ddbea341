#include "agent/status_view.h"

#include "agent/agent.h"

struct view view_of(const struct agent *a, uint32_t i, const struct memory *m,
		    int64_t now)
{
	return (struct view){ a, i, &a->certs[i], m, agent_due(a, i, now), now };
}

bool view_failing(const struct view *v)
{
	const int64_t retry_at = v->cert->retry_at;

	return v->cert->failures > 0 && v->due.why != WHY_NONE &&
	       v->due.at <= (retry_at > v->now ? retry_at : v->now);
}

const char *view_state(const struct view *v, enum health *health)
{
	static const struct {
		uint32_t flag;
		enum health health;
		const char *word;
	} marks[] = {
		{ CERT_UNREADABLE | CERT_DAMAGED, HEALTH_CRITICAL, "damaged" },
		{ CERT_REVOKED, HEALTH_CRITICAL, "revoked" },
		{ CERT_CA_REVOKED, HEALTH_CRITICAL, "CA revoked" },
		{ CERT_HOOKS_PENDING, HEALTH_WARNING, "hooks pending" },
		{ CERT_NOT_SERVED, HEALTH_WARNING, "not served" },
		{ CERT_DOWN, HEALTH_WARNING, "down" },
		{ CERT_CHAIN, HEALTH_WARNING, "wrong chain" },
		{ CERT_FOREIGN, HEALTH_WARNING, "foreign files" },
		{ CERT_FILES_DIFFER, HEALTH_WARNING, "files differ" },
		{ CERT_BY_HAND, HEALTH_WARNING, "by hand" },
		{ CERT_ROLLED_BACK, HEALTH_OK, "rolled back" },
	};

	*health = HEALTH_CRITICAL;
	if ((v->cert->flags & CERT_PRESENT) == 0)
		return "missing";
	if (v->cert->not_after <= v->now && (v->cert->flags & CERT_UNREADABLE) == 0)
		return "expired";
	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
		*health = marks[i].health;
		if ((v->cert->flags & marks[i].flag) != 0)
			return marks[i].word;
	}
	*health = HEALTH_WARNING;
	if (v->cert->held != 0)
		return "held";
	if (view_failing(v))
		return "failing";
	*health = HEALTH_OK;
	return v->due.why != WHY_NONE && v->due.at <= v->now ? "due" : "ok";
}
