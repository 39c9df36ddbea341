#include "agent/state/state.h"
#include "agent/state/state_db.h"
#include "base/err.h"

int state_hook_put(struct state *s, const struct pending_hook *p, struct err *e)
{
	struct query q;

	TRY(query_begin(s, HOOK_PUT, &q, e));
	query_put_text(&q, p->name);
	query_put_text(&q, p->hook);
	query_put_int(&q, (int64_t)p->generation);
	query_put_int(&q, (int64_t)p->previous);
	query_put_int(&q, p->test_passed);
	query_put_int(&q, p->was_up);
	return query_run(s, &q, e);
}

int state_hook_done(struct state *s, const char *name, const char *hook, struct err *e)
{
	struct query q;

	TRY(query_begin(s, HOOK_DROP, &q, e));
	query_put_text(&q, name);
	query_put_text(&q, hook);
	return query_run(s, &q, e);
}

int state_hook_clear(struct state *s, const char *name, struct err *e)
{
	struct query q;

	TRY(query_begin(s, HOOKS_DROP, &q, e));
	query_put_text(&q, name);
	return query_run(s, &q, e);
}

int state_hook_each(struct state *s, const char *name,
		    int (*each)(void *arg, const struct pending_hook *p), void *arg,
		    struct err *e)
{
	struct query q;
	int rc = query_each(s, HOOK_EACH, HOOK_EACH_OF, name, &q, e);

	while ((rc = query_next(s, &q, rc, e)) > 0) {
		struct pending_hook p = { .name = query_get_text(&q) };

		p.hook = query_get_text(&q);
		p.generation = (uint64_t)query_get_int(&q);
		p.previous = (uint64_t)query_get_int(&q);
		p.test_passed = query_get_int(&q) != 0;
		p.was_up = query_get_int(&q) != 0;
		rc = each(arg, &p);
	}
	return rc;
}

int state_served_put(struct state *s, const char *name, const struct served *v,
		     struct err *e)
{
	struct query q;

	TRY(query_begin(s, SERVED_PUT, &q, e));
	query_put_text(&q, name);
	query_put_text(&q, v->endpoint);
	query_put_text(&q, v->verdict);
	query_put_text(&q, v->detail);
	query_put_blob(&q, v->fingerprint, sizeof(v->fingerprint));
	query_put_int(&q, v->at);
	return query_run(s, &q, e);
}

int state_served_each(struct state *s, const char *name,
		      int (*each)(void *arg, const struct served *v), void *arg,
		      struct err *e)
{
	struct query q;
	int rc = query_each(s, SERVED_EACH, SERVED_EACH_OF, name, &q, e);

	while ((rc = query_next(s, &q, rc, e)) > 0) {
		struct served v = { .at = 0 };

		v.name = query_get_text(&q);
		v.endpoint = query_get_text(&q);
		v.verdict = query_get_text(&q);
		v.detail = query_get_text(&q);
		query_get_blob(&q, v.fingerprint, sizeof(v.fingerprint));
		v.at = query_get_int(&q);
		rc = each(arg, &v);
	}
	return rc;
}
