#include "agent/state/state_crl.h"

#include <stdio.h>
#include <string.h>

#include "agent/state/state_db.h"
#include "base/err.h"

static void get_text(struct query *q, char *to, size_t size)
{
	snprintf(to, size, "%s", query_get_text(q));
}

/* Of any length: as hex, which tells it. */
static void put_number(struct query *q, const struct crl_number *n)
{
	char hex[2 * CRL_NUMBER_MAX + 1] = "";

	for (size_t i = 0; i < n->len; i++)
		snprintf(hex + 2 * i, 3, "%02x", n->octets[i]);
	query_put_text(q, hex);
}

static int digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

static void get_number(struct query *q, struct crl_number *n)
{
	const char *hex = query_get_text(q);
	const size_t len = strlen(hex) / 2;

	*n = (struct crl_number){ .len = 0 };
	if (len > CRL_NUMBER_MAX || strspn(hex, "0123456789abcdef") != 2 * len)
		return;
	for (size_t i = 0; i < len; i++)
		n->octets[i] =
		    (uint8_t)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
	n->len = (uint8_t)len;
}

void state_crl_put_part(struct query *q, const struct crl_part *p)
{
	query_put_blob(q, p->ca, sizeof(p->ca));
	query_put_text(q, p->url);
	query_put_text(q, p->etag);
	query_put_text(q, p->last_modified);
	query_put_int(q, p->this_update);
	query_put_int(q, p->next_update);
	put_number(q, &p->number);
	query_put_int(q, (int64_t)p->n_entries);
	query_put_blob(q, p->digest, sizeof(p->digest));
	query_put_blob(q, p->scope, sizeof(p->scope));
}

void state_crl_get_part(struct query *q, struct crl_part *p)
{
	*p = (struct crl_part){ .this_update = 0 };
	query_get_blob(q, p->ca, sizeof(p->ca));
	get_text(q, p->url, sizeof(p->url));
	get_text(q, p->etag, sizeof(p->etag));
	get_text(q, p->last_modified, sizeof(p->last_modified));
	p->this_update = query_get_int(q);
	p->next_update = query_get_int(q);
	get_number(q, &p->number);
	p->n_entries = (uint64_t)query_get_int(q);
	query_get_blob(q, p->digest, sizeof(p->digest));
	query_get_blob(q, p->scope, sizeof(p->scope));
}

int state_crl_put(struct state *s, const char *name, const struct crl_memory *m,
		  struct err *e)
{
	struct query q;

	TRY(query_begin(s, CRL_PUT, &q, e));
	query_put_text(&q, name);
	query_put_int(&q, m->look_at);
	query_put_int(&q, m->looked_at);
	query_put_int(&q, m->failures);
	query_put_text(&q, m->last_error);
	query_put_int(&q, (int64_t)m->written);
	query_put_int(&q, m->written_until);
	query_put_int(&q, (int64_t)m->loaded);
	query_put_int(&q, m->loaded_until);
	query_put_int(&q, m->hook_at);
	query_put_int(&q, m->hook_failures);
	return query_run(s, &q, e);
}

int state_crl_part_put(struct state *s, const char *name, const struct crl_part *p,
		       struct err *e)
{
	struct query q;

	TRY(query_begin(s, CRL_PART_PUT, &q, e));
	query_put_text(&q, name);
	state_crl_put_part(&q, p);
	return query_run(s, &q, e);
}

int state_crl_drop(struct state *s, const char *name, struct err *e)
{
	struct query q;

	TRY(state_crl_drop_parts(s, name, e));
	TRY(query_begin(s, CRL_DROP, &q, e));
	query_put_text(&q, name);
	return query_run(s, &q, e);
}

int state_crl_drop_parts(struct state *s, const char *name, struct err *e)
{
	struct query q;

	TRY(query_begin(s, CRL_PARTS_DROP, &q, e));
	query_put_text(&q, name);
	return query_run(s, &q, e);
}

int state_crl_each(struct state *s,
		   int (*each)(void *arg, const char *name, const struct crl_memory *m),
		   void *arg, struct err *e)
{
	struct query q;
	int rc = query_each(s, CRL_EACH, CRL_EACH, NULL, &q, e);

	while ((rc = query_next(s, &q, rc, e)) > 0) {
		const char *name = query_get_text(&q);
		struct crl_memory m = { .look_at = query_get_int(&q) };

		m.looked_at = query_get_int(&q);
		m.failures = (unsigned)query_get_int(&q);
		get_text(&q, m.last_error, sizeof(m.last_error));
		m.written = (uint64_t)query_get_int(&q);
		m.written_until = query_get_int(&q);
		m.loaded = (uint64_t)query_get_int(&q);
		m.loaded_until = query_get_int(&q);
		m.hook_at = query_get_int(&q);
		m.hook_failures = (unsigned)query_get_int(&q);
		rc = each(arg, name, &m);
	}
	return rc;
}

int state_crl_part_each(struct state *s,
			int (*each)(void *arg, const char *name,
				    const struct crl_part *p),
			void *arg, struct err *e)
{
	struct query q;
	int rc = query_each(s, CRL_PART_EACH, CRL_PART_EACH, NULL, &q, e);

	while ((rc = query_next(s, &q, rc, e)) > 0) {
		const char *name = query_get_text(&q);
		struct crl_part p;

		state_crl_get_part(&q, &p);
		rc = each(arg, name, &p);
	}
	return rc;
}
