#include "agent/state/state_own.h"

#include <stdio.h>

#include "agent/state/state_db.h"
#include "base/err.h"

int state_own_put(struct state *s, const struct own_row *r, struct err *e)
{
	struct query q;

	TRY(query_begin(s, OWN_PUT, &q, e));
	query_put_text(&q, r->name);
	query_put_int(&q, (int64_t)r->generation);
	query_put_text(&q, r->serial);
	query_put_text(&q, r->list);
	query_put_int(&q, r->revoked_at);
	query_put_int(&q, r->reason);
	return query_run(s, &q, e);
}

int state_own_each(struct state *s, const char *name,
		   int (*each)(void *arg, const struct own_row *r), void *arg,
		   struct err *e)
{
	struct query q;
	int rc = query_each(s, OWN_EACH, OWN_EACH_OF, name, &q, e);

	while ((rc = query_next(s, &q, rc, e)) > 0) {
		struct own_row r = { .name = query_get_text(&q) };

		r.generation = (uint64_t)query_get_int(&q);
		r.serial = query_get_text(&q);
		r.list = query_get_text(&q);
		r.revoked_at = query_get_int(&q);
		r.reason = (unsigned)query_get_int(&q);
		rc = each(arg, &r);
	}
	return rc;
}

int state_own_list_put(struct state *s, const struct own_list_row *r, struct err *e)
{
	struct query q;

	TRY(query_begin(s, OWN_LIST_PUT, &q, e));
	query_put_text(&q, r->id);
	query_put_int(&q, r->covers);
	query_put_text(&q, r->urls);
	query_put_int(&q, r->look_at);
	query_put_int(&q, r->looked_at);
	query_put_int(&q, r->failures);
	query_put_text(&q, r->last_error);
	state_crl_put_part(&q, &r->part);
	return query_run(s, &q, e);
}

int state_own_list_each(struct state *s,
			int (*each)(void *arg, const struct own_list_row *r), void *arg,
			struct err *e)
{
	struct query q;
	int rc = query_each(s, OWN_LIST_EACH, OWN_LIST_EACH, NULL, &q, e);

	while ((rc = query_next(s, &q, rc, e)) > 0) {
		struct own_list_row r = { .id = query_get_text(&q) };

		r.covers = (unsigned)query_get_int(&q);
		r.urls = query_get_text(&q);
		r.look_at = query_get_int(&q);
		r.looked_at = query_get_int(&q);
		r.failures = (unsigned)query_get_int(&q);
		snprintf(r.last_error, sizeof(r.last_error), "%s", query_get_text(&q));
		state_crl_get_part(&q, &r.part);
		rc = each(arg, &r);
	}
	return rc;
}

int state_own_list_prune(struct state *s, struct err *e)
{
	struct query q;

	TRY(query_begin(s, OWN_LIST_PRUNE, &q, e));
	return query_run(s, &q, e);
}
