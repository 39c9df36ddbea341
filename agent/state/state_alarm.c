#include "agent/state/state_alarm.h"

#include "agent/state/state_db.h"
#include "base/err.h"

int state_alarm_get(struct state *s, const char *name, const char *event,
		    struct alarm_row *row, bool *found, struct err *e)
{
	struct query q;
	int rc;

	*found = false;
	if (state_is_blank(s))
		return 0;
	TRY(query_begin(s, ALARM_GET, &q, e));
	query_put_text(&q, name);
	query_put_text(&q, event);
	rc = query_row(s, &q, e);
	if (rc <= 0)
		return rc;
	(void)query_get_text(&q);
	(void)query_get_text(&q);
	row->kind = (uint64_t)query_get_int(&q);
	row->told_at = query_get_int(&q);
	*found = true;
	query_end(&q);
	return 0;
}

int state_alarm_put(struct state *s, const char *name, const char *event,
		    const struct alarm_row *row, struct err *e)
{
	struct query q;

	TRY(query_begin(s, ALARM_PUT, &q, e));
	query_put_text(&q, name);
	query_put_text(&q, event);
	query_put_int(&q, (int64_t)row->kind);
	query_put_int(&q, row->told_at);
	return query_run(s, &q, e);
}

int state_alarm_owed(struct state *s,
		     int (*each)(void *arg, const char *name, const char *event,
				 uint64_t kind),
		     void *arg, struct err *e)
{
	struct query q;
	int rc = query_each(s, ALARM_OWED, ALARM_OWED, NULL, &q, e);

	while ((rc = query_next(s, &q, rc, e)) > 0) {
		const char *name = query_get_text(&q), *event = query_get_text(&q);

		rc = each(arg, name, event, (uint64_t)query_get_int(&q));
	}
	return rc;
}

int state_alarm_prune(struct state *s, const char *before, int64_t at, struct err *e)
{
	struct query q;

	TRY(query_begin(s, ALARM_PRUNE, &q, e));
	query_put_text(&q, before);
	query_put_int(&q, at);
	return query_run(s, &q, e);
}

int state_alarm_over(struct state *s, const char *name, struct err *e)
{
	struct query q;

	TRY(query_begin(s, ALARM_OVER, &q, e));
	query_put_text(&q, name);
	return query_run(s, &q, e);
}
