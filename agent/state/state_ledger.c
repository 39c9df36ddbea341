#include "agent/state/state_ledger.h"

#include "agent/state/state_db.h"
#include "base/err.h"

static void put_key(struct query *q, const struct ledger_key *key)
{
	query_put_text(q, key->issuer);
	query_put_int(q, key->kind);
	query_put_int(q, (int64_t)key->what);
}

int state_ledger_add(struct state *s, const struct ledger_key *key, int64_t at,
		     struct err *e)
{
	struct query q;
	int64_t id;

	TRY(query_begin(s, LEDGER_PUT, &q, e));
	put_key(&q, key);
	query_put_int(&q, at);
	TRY(query_run(s, &q, e));
	id = sqlite3_last_insert_rowid(s->db);
	if (id % 256 != 0) /* not for each row anew */
		return 0;
	TRY(query_begin(s, LEDGER_PRUNE, &q, e));
	query_put_int(&q, id - STATE_LEDGER_MAX);
	query_put_int(&q, at - STATE_LEDGER_SPAN_S);
	return query_run(s, &q, e);
}

int state_ledger_nth(struct state *s, const struct ledger_key *key, int64_t since,
		     int64_t now, uint32_t back, int64_t *at, bool *found,
		     struct err *e)
{
	struct query q;
	int rc;

	*found = false;
	if (state_is_blank(s))
		return 0;
	TRY(query_begin(s, LEDGER_NTH, &q, e));
	put_key(&q, key);
	query_put_int(&q, since);
	query_put_int(&q, now);
	query_put_int(&q, back);
	rc = query_row(s, &q, e);
	if (rc <= 0)
		return rc;
	(void)query_get_text(&q);
	(void)query_get_int(&q);
	(void)query_get_int(&q);
	*at = query_get_int(&q);
	*found = true;
	query_end(&q);
	return 0;
}
