#include "agent/state/state_ari.h"

#include "agent/state/state_db.h"
#include "base/err.h"

int state_ari_put(struct state *s, const struct ari_row *r, struct err *e)
{
	struct query q;

	TRY(query_begin(s, ARI_PUT, &q, e));
	query_put_text(&q, r->name);
	query_put_int(&q, (int64_t)r->generation);
	query_put_int(&q, r->start_at);
	query_put_int(&q, r->end_at);
	query_put_int(&q, r->renew_at);
	query_put_int(&q, r->ask_at);
	query_put_text(&q, r->explanation);
	query_put_int(&q, r->failures);
	return query_run(s, &q, e);
}

int state_ari_each(struct state *s, const char *name,
		   int (*each)(void *arg, const struct ari_row *r), void *arg,
		   struct err *e)
{
	struct query q;
	int rc = query_each(s, ARI_EACH, ARI_EACH_OF, name, &q, e);

	while ((rc = query_next(s, &q, rc, e)) > 0) {
		struct ari_row r = { .name = query_get_text(&q) };

		r.generation = (uint64_t)query_get_int(&q);
		r.start_at = query_get_int(&q);
		r.end_at = query_get_int(&q);
		r.renew_at = query_get_int(&q);
		r.ask_at = query_get_int(&q);
		r.explanation = query_get_text(&q);
		r.failures = (unsigned)query_get_int(&q);
		rc = each(arg, &r);
	}
	return rc;
}
