#include <search.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state/state.h"
#include "agent/state/state_db.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

/* The order of the columns, once for writing and once for reading. */

static void put_facts(struct query *q, const struct memory *m)
{
	const struct x509_facts *f = &m->facts;

	query_put_text(q, f->serial);
	query_put_blob(q, f->fingerprint, sizeof(f->fingerprint));
	query_put_blob(q, f->spki_hash, sizeof(f->spki_hash));
	query_put_int(q, f->not_before);
	query_put_int(q, f->not_after);
	query_put_int(q, (int64_t)f->names_hash);
	query_put_int(q, (int64_t)f->n_names);
	query_put_int(q, f->key);
	query_put_int(q, f->usage);
	query_put_int(q, f->is_ca);
}

static void put_memory(struct query *q, const char *name, const struct memory *m)
{
	query_put_text(q, name);
	query_put_int(q, (int64_t)m->stamp.inode);
	query_put_int(q, m->stamp.size);
	query_put_int(q, m->stamp.mtime_ns);
	query_put_int(q, m->stamp.ctime_ns);
	query_put_int(q, (int64_t)m->disk_stamp);
	query_put_int(q, (int64_t)m->generation);
	put_facts(q, m);
	query_put_int(q, m->renew_at);
	query_put_int(q, m->retry_at);
	query_put_int(q, m->last_success_at);
	query_put_int(q, (int64_t)m->installed_run);
	query_put_int(q, clock_now());
	query_put_int(q, (int64_t)m->held);
	query_put_int(q, m->held_not_after);
	query_put_int(q, (int64_t)m->held_names_hash);
	query_put_int(q, m->held_key);
	query_put_int(q, m->failures);
	query_put_int(q, m->flags);
	query_put_int(q, m->state);
	query_put_text(q, m->issuer);
	query_put_text(q, m->last_error);
	query_put_int(q, m->fallback.asked);
	query_put_int(q, m->fallback.failures);
	query_put_int(q, (int64_t)m->failed_by);
}

static void get_facts(struct query *q, struct memory *m)
{
	struct x509_facts *f = &m->facts;

	snprintf(f->serial, sizeof(f->serial), "%s", query_get_text(q));
	query_get_blob(q, f->fingerprint, sizeof(f->fingerprint));
	query_get_blob(q, f->spki_hash, sizeof(f->spki_hash));
	f->not_before = query_get_int(q);
	f->not_after = query_get_int(q);
	f->names_hash = (uint64_t)query_get_int(q);
	f->n_names = (size_t)query_get_int(q);
	f->key = (enum key_type)query_get_int(q);
	f->usage = (unsigned)query_get_int(q);
	f->is_ca = query_get_int(q) != 0;
	if (f->key >= KEY_TYPES)
		f->key = KEY_NONE;
}

/* After the name. */
static void get_memory(struct query *q, struct memory *m)
{
	*m = (struct memory){ .stamp.inode = (uint64_t)query_get_int(q) };
	m->stamp.size = query_get_int(q);
	m->stamp.mtime_ns = query_get_int(q);
	m->stamp.ctime_ns = query_get_int(q);
	m->disk_stamp = (uint64_t)query_get_int(q);
	m->generation = (uint64_t)query_get_int(q);
	get_facts(q, m);
	m->renew_at = query_get_int(q);
	m->retry_at = query_get_int(q);
	m->last_success_at = query_get_int(q);
	m->installed_run = (uint64_t)query_get_int(q);
	m->changed_at = query_get_int(q);
	m->held = (uint64_t)query_get_int(q);
	m->held_not_after = query_get_int(q);
	m->held_names_hash = (uint64_t)query_get_int(q);
	m->held_key = (enum key_type)query_get_int(q);
	if (m->held_key >= KEY_TYPES)
		m->held_key = KEY_NONE;
	m->failures = (unsigned)query_get_int(q);
	m->flags = (unsigned)query_get_int(q);
	m->state = (unsigned)query_get_int(q);
	snprintf(m->issuer, sizeof(m->issuer), "%s", query_get_text(q));
	snprintf(m->last_error, sizeof(m->last_error), "%s", query_get_text(q));
	m->fallback.asked = (unsigned)query_get_int(q);
	m->fallback.failures = (unsigned)query_get_int(q);
	m->failed_by = (uint64_t)query_get_int(q);
}

/* -- what may not be committed -- */

#define UNSAVED_MAX 1024 /* 1.5 KiB each; of more the disk alone knows */

struct unsaved {
	char *name; /* owned */
	struct memory m;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct unsaved *)a)->name,
		      ((const struct unsaved *)b)->name);
}

static void unsaved_free(void *row)
{
	struct unsaved *u = row;

	free(u->name);
	free(u);
}

static struct unsaved *unsaved_called(const struct state *s, const char *name)
{
	const struct unsaved like = { .name = (char *)(uintptr_t)name };
	struct unsaved *const *at = tfind(&like, &s->unsaved, by_name);

	return at == NULL ? NULL : *at;
}

static void unsaved_drop(struct state *s, const char *name)
{
	struct unsaved *u = unsaved_called(s, name);

	if (u == NULL)
		return;
	tdelete(u, &s->unsaved, by_name);
	unsaved_free(u);
	s->n_unsaved--;
}

static void unsaved_put(struct state *s, const char *name, const struct memory *m)
{
	struct unsaved *u;

	if (state_is_blank(s) || sqlite3_get_autocommit(s->db) != 0)
		return;
	u = unsaved_called(s, name);
	if (u == NULL && s->n_unsaved == UNSAVED_MAX)
		return;
	if (u == NULL) {
		u = xcalloc(1, sizeof(*u));
		u->name = xstrdup(name);
		if (tsearch(u, &s->unsaved, by_name) == NULL) { /* no memory */
			unsaved_free(u);
			return;
		}
		s->n_unsaved++;
	}
	u->m = *m;
}

void cert_saved(struct state *s)
{
	tdestroy(s->unsaved, unsaved_free);
	s->unsaved = NULL;
	s->n_unsaved = 0;
	s->lost = false;
}

/* `m`, as it is remembered here; false: the disk knows better. */
static bool unsaved_get(struct state *s, const char *name, struct memory *m)
{
	const struct unsaved *u = s->lost ? unsaved_called(s, name) : NULL;

	if (u != NULL)
		*m = u->m;
	return u != NULL;
}

/* -- rows -- */

int state_get(struct state *s, const char *name, struct memory *m, bool *found,
	      struct err *e)
{
	struct query q;
	int rc;

	*m = (struct memory){ .failures = 0 };
	*found = false;
	if (state_is_blank(s))
		return 0;
	*found = unsaved_get(s, name, m);
	if (*found)
		return 0;
	TRY(query_begin(s, CERT_GET, &q, e));
	query_put_text(&q, name);
	rc = query_row(s, &q, e);
	if (rc <= 0)
		return rc;
	(void)query_get_text(&q);
	get_memory(&q, m);
	*found = true;
	query_end(&q);
	return 0;
}

static int put_row(struct state *s, const char *name, const struct memory *m,
		   struct err *e)
{
	struct query q;

	TRY(query_begin(s, CERT_PUT, &q, e));
	put_memory(&q, name, m);
	return query_run(s, &q, e);
}

struct putting {
	struct state *state;
	struct err *e;
	int rc; /* of the first that failed */
};

static void put_one(const void *at, VISIT visit, void *arg)
{
	const struct unsaved *u = *(const struct unsaved *const *)at;
	struct putting *p = arg;

	if ((visit == postorder || visit == leaf) && p->rc == 0)
		p->rc = put_row(p->state, u->name, &u->m, p->e);
}

int cert_put_again(struct state *s, struct err *e)
{
	struct putting p = { .state = s, .e = e };

	twalk_r(s->unsaved, put_one, &p);
	return p.rc;
}

int state_put(struct state *s, const char *name, const struct memory *m, struct err *e)
{
	unsaved_put(s, name, m);
	return put_row(s, name, m, e);
}

static int drop(struct state *s, enum statement which, const char *name, struct err *e)
{
	struct query q;

	TRY(query_begin(s, which, &q, e));
	query_put_text(&q, name);
	return query_run(s, &q, e);
}

int state_forget(struct state *s, const char *name, struct err *e)
{
	unsaved_drop(s, name);
	TRY(drop(s, HOOKS_DROP, name, e));
	TRY(drop(s, SERVED_DROP, name, e));
	TRY(drop(s, ORDER_DROP, name, e));
	TRY(drop(s, REVOKES_DROP, name, e));
	TRY(drop(s, ARI_DROP, name, e));
	TRY(drop(s, ALARMS_DROP, name, e));
	TRY(drop(s, OWN_DROP, name, e));
	TRY(drop(s, SETBACKS_DROP, name, e));
	return drop(s, CERT_DROP, name, e);
}

static int each_row(struct state *s, struct query *q, state_row *each, void *arg,
		    struct err *e)
{
	int rc = 0;

	while ((rc = query_next(s, q, rc, e)) > 0) {
		struct memory m;
		const char *name = query_get_text(q);

		get_memory(q, &m);
		(void)unsaved_get(s, name, &m);
		rc = each(arg, name, &m);
	}
	return rc;
}

int state_each(struct state *s, state_row *each, void *arg, struct err *e)
{
	struct query q;

	TRY(query_each(s, CERT_EACH, CERT_EACH, NULL, &q, e));
	return each_row(s, &q, each, arg, e);
}

int state_names(struct state *s, int (*each)(void *arg, const char *name), void *arg,
		struct err *e)
{
	struct query q;
	int rc = query_each(s, CERT_NAMES, CERT_NAMES, NULL, &q, e);

	while ((rc = query_next(s, &q, rc, e)) > 0)
		rc = each(arg, query_get_text(&q));
	return rc;
}

int state_between(struct state *s, const char *first, const char *last, state_row *each,
		  void *arg, struct err *e)
{
	struct query q;

	TRY(query_each(s, CERT_BETWEEN, CERT_BETWEEN, first, &q, e));
	if (q.stmt != NULL)
		query_put_text(&q, last);
	return each_row(s, &q, each, arg, e);
}
