#include "agent/state/state_order.h"

#include "agent/state/state_db.h"
#include "base/err.h"

int state_order_put(struct state *s, const struct order_row *o, struct err *e)
{
	struct query q;

	TRY(query_begin(s, ORDER_PUT, &q, e));
	query_put_text(&q, o->name);
	query_put_text(&q, o->issuer);
	query_put_text(&q, o->url);
	query_put_int(&q, (int64_t)o->wanted);
	query_put_int(&q, o->created_at);
	query_put_int(&q, o->retry_at);
	query_put_int(&q, o->polls);
	return query_run(s, &q, e);
}

int state_order_done(struct state *s, const char *name, struct err *e)
{
	struct query q;

	TRY(query_begin(s, ORDER_DROP, &q, e));
	query_put_text(&q, name);
	return query_run(s, &q, e);
}

int state_order_each(struct state *s, const char *name,
		     int (*each)(void *arg, const struct order_row *o), void *arg,
		     struct err *e)
{
	struct query q;
	int rc = query_each(s, ORDER_EACH, ORDER_EACH_OF, name, &q, e);

	while ((rc = query_next(s, &q, rc, e)) > 0) {
		struct order_row o = { .name = query_get_text(&q) };

		o.issuer = query_get_text(&q);
		o.url = query_get_text(&q);
		o.wanted = (uint64_t)query_get_int(&q);
		o.created_at = query_get_int(&q);
		o.retry_at = query_get_int(&q);
		o.polls = (unsigned)query_get_int(&q);
		rc = each(arg, &o);
	}
	return rc;
}
