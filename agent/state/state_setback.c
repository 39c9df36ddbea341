#include "agent/state/state_setback.h"

#include "agent/state/state_db.h"
#include "base/err.h"

int state_setback_put(struct state *s, const struct setback_row *r, struct err *e)
{
	struct query q;

	TRY(query_begin(s, SETBACK_PUT, &q, e));
	query_put_text(&q, r->name);
	query_put_text(&q, r->identifier);
	query_put_text(&q, r->way);
	query_put_int(&q, r->at);
	query_put_int(&q, r->retry_at);
	query_put_int(&q, r->failures);
	query_put_text(&q, r->why);
	return query_run(s, &q, e);
}

int state_setback_clear(struct state *s, const char *name, struct err *e)
{
	struct query q;

	TRY(query_begin(s, SETBACKS_DROP, &q, e));
	query_put_text(&q, name);
	return query_run(s, &q, e);
}

int state_setback_each(struct state *s, const char *name,
		       int (*each)(void *arg, const struct setback_row *r), void *arg,
		       struct err *e)
{
	struct query q;
	int rc = query_each(s, SETBACK_EACH, SETBACK_EACH_OF, name, &q, e);

	while ((rc = query_next(s, &q, rc, e)) > 0) {
		struct setback_row r = { .name = query_get_text(&q) };

		r.identifier = query_get_text(&q);
		r.way = query_get_text(&q);
		r.at = query_get_int(&q);
		r.retry_at = query_get_int(&q);
		r.failures = (unsigned)query_get_int(&q);
		r.why = query_get_text(&q);
		rc = each(arg, &r);
	}
	return rc;
}
