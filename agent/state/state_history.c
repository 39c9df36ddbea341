#include "agent/state/state.h"
#include "agent/state/state_db.h"
#include "base/err.h"

int history_add(struct state *s, const struct event *ev, struct err *e)
{
	struct query q;
	int64_t id;

	TRY(query_begin(s, EVENT_PUT, &q, e));
	query_put_int(&q, ev->at);
	query_put_text(&q, ev->name);
	query_put_text(&q, ev->what);
	query_put_int(&q, (int64_t)ev->generation);
	query_put_text(&q, ev->text);
	TRY(query_run(s, &q, e));
	id = sqlite3_last_insert_rowid(s->db);
	if (id <= HISTORY_MAX || id % 256 != 0) /* not for each row anew */
		return 0;
	TRY(query_begin(s, EVENT_PRUNE, &q, e));
	query_put_int(&q, id - HISTORY_MAX);
	return query_run(s, &q, e);
}

int history_each(struct state *s, const char *name,
		 int (*each)(void *arg, const struct event *ev), void *arg,
		 struct err *e)
{
	struct query q;
	int rc = query_each(s, EVENT_EACH, EVENT_EACH_OF, name, &q, e);

	while ((rc = query_next(s, &q, rc, e)) > 0) {
		struct event ev = { .at = query_get_int(&q) };

		ev.name = query_get_text(&q);
		ev.what = query_get_text(&q);
		ev.generation = (uint64_t)query_get_int(&q);
		ev.text = query_get_text(&q);
		rc = each(arg, &ev);
	}
	return rc;
}

int history_last(struct state *s, int64_t *at, struct err *e)
{
	struct query q;
	int rc = query_each(s, EVENT_LAST, EVENT_LAST, NULL, &q, e);

	*at = 0;
	while ((rc = query_next(s, &q, rc, e)) > 0) {
		*at = query_get_int(&q);
		for (int i = 0; i < 2; i++)
			(void)query_get_text(&q);
		(void)query_get_int(&q);
		(void)query_get_text(&q);
	}
	return rc;
}
