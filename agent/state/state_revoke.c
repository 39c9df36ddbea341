#include "agent/state/state_revoke.h"

#include <string.h>

#include "agent/state/state_db.h"
#include "base/err.h"

int state_revoke_put(struct state *s, const struct revoke_row *r, struct err *e)
{
	struct query q;

	TRY(query_begin(s, REVOKE_PUT, &q, e));
	query_put_text(&q, r->name);
	query_put_int(&q, (int64_t)r->generation);
	query_put_text(&q, r->issuer);
	query_put_int(&q, (int64_t)r->reason);
	query_put_int(&q, r->by_key);
	query_put_int(&q, r->replace);
	query_put_int(&q, r->retry_at);
	query_put_int(&q, r->failures);
	query_put_int(&q, r->code);
	query_put_text(&q, r->last_error);
	return query_run(s, &q, e);
}

int state_revoke_done(struct state *s, const char *name, uint64_t generation,
		      struct err *e)
{
	struct query q;

	TRY(query_begin(s, REVOKE_DROP, &q, e));
	query_put_text(&q, name);
	query_put_int(&q, (int64_t)generation);
	return query_run(s, &q, e);
}

int state_revoke_each(struct state *s,
		      int (*each)(void *arg, const struct revoke_row *r), void *arg,
		      struct err *e)
{
	struct query q;
	int rc = query_each(s, REVOKE_EACH, REVOKE_EACH, NULL, &q, e);

	while ((rc = query_next(s, &q, rc, e)) > 0) {
		struct revoke_row r = { .name = query_get_text(&q) };

		r.generation = (uint64_t)query_get_int(&q);
		r.issuer = query_get_text(&q);
		r.reason = (uint64_t)query_get_int(&q);
		r.by_key = query_get_int(&q) != 0;
		r.replace = query_get_int(&q) != 0;
		r.retry_at = query_get_int(&q);
		r.failures = (unsigned)query_get_int(&q);
		r.code = (int)query_get_int(&q);
		r.last_error = query_get_text(&q);
		rc = each(arg, &r);
	}
	return rc;
}

struct search {
	const char *name;
	bool found;
};

static int is_it(void *arg, const struct revoke_row *r)
{
	struct search *s = arg;

	s->found = s->found || strcmp(r->name, s->name) == 0;
	return 0;
}

int state_revoke_has(struct state *s, const char *name, bool *noted, struct err *e)
{
	struct search search = { .name = name };

	TRY(state_revoke_each(s, is_it, &search, e));
	*noted = search.found;
	return 0;
}
