#include "agent/state/state_token.h"

#include "agent/state/state_db.h"
#include "base/err.h"

int state_token_put(struct state *s, const struct token_row *t, struct err *e)
{
	struct query q;

	TRY(query_begin(s, TOKEN_PUT, &q, e));
	query_put_text(&q, t->name);
	query_put_text(&q, t->where);
	query_put_text(&q, t->token);
	query_put_text(&q, t->authorization);
	return query_run(s, &q, e);
}

int state_token_done(struct state *s, const char *name, const char *token,
		     struct err *e)
{
	struct query q;

	TRY(query_begin(s, TOKEN_DROP, &q, e));
	query_put_text(&q, name);
	query_put_text(&q, token);
	return query_run(s, &q, e);
}

int state_token_each(struct state *s, const char *name,
		     int (*each)(void *arg, const struct token_row *t), void *arg,
		     struct err *e)
{
	struct query q;
	int rc = query_each(s, TOKEN_EACH, TOKEN_EACH_OF, name, &q, e);

	while ((rc = query_next(s, &q, rc, e)) > 0) {
		struct token_row t = { .name = query_get_text(&q) };

		t.where = query_get_text(&q);
		t.token = query_get_text(&q);
		t.authorization = query_get_text(&q);
		rc = each(arg, &t);
	}
	return rc;
}
