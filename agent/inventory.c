#include "agent/inventory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/agent.h"
#include "agent/ari.h"
#include "agent/drift.h"
#include "agent/job.h"
#include "agent/log.h"
#include "agent/messages.h"
#include "agent/meta.h"
#include "agent/schedule.h"
#include "agent/state_order.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#define STAMPS_AT_ONCE 1024 /* 8 KiB in one message */
#define KEPT_FLAGS     (CERT_REVOKED | CERT_NOT_SERVED | CERT_ROLLED_BACK | CERT_BY_HAND)

static void put_stamp(struct file_stamp *stamp, const struct stat *st)
{
	stamp->inode = (uint64_t)st->st_ino;
	stamp->size = st->st_size;
	stamp->mtime_ns =
	    (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
	stamp->ctime_ns =
	    (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec;
}

static int facts_of_file(int dir, const char *path, struct x509_facts *facts,
			 struct err *e)
{
	AUTO_BUF struct buf pem = { 0 };

	TRY(file_read(dir, path, LIMIT_CHAIN_BYTES, &pem, e));
	return x509_facts_from_pem(pem.data, pem.len, facts, e);
}

#define CERT_PATH 512

static const char *cert_path(char path[CERT_PATH], const struct agent *a, uint32_t i,
			     uint64_t number)
{
	snprintf(path, CERT_PATH, "archive/%s/%010llu/cert.pem", agent_cert_name(a, i),
		 (unsigned long long)number);
	return path;
}

static bool stamp_of(const struct agent *a, const char *path, struct file_stamp *stamp)
{
	struct stat st;

	if (fstatat(a->root, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	put_stamp(stamp, &st);
	return true;
}

int inventory_facts(const struct agent *a, uint32_t i, uint64_t number,
		    const struct memory *m, struct x509_facts *facts, struct err *e)
{
	struct file_stamp stamp;
	char path[CERT_PATH];

	cert_path(path, a, i, number);
	if (m == NULL || m->generation != number || !stamp_of(a, path, &stamp) ||
	    memcmp(&stamp, &m->stamp, sizeof(stamp)) != 0)
		return facts_of_file(a->root, path, facts, e);
	*facts = m->facts;
	return 0;
}

void inventory_stored(const struct agent *a, uint32_t i, uint64_t number,
		      struct file_stamp *stamp)
{
	char path[CERT_PATH];

	if (!stamp_of(a, cert_path(path, a, i, number), stamp))
		*stamp = (struct file_stamp){ .inode = 0 }; /* it is looked at again */
}

void inventory_live(struct memory *m, uint64_t number, const struct x509_facts *facts,
		    const struct file_stamp *stamp)
{
	if (m->generation == number)
		return;
	m->generation = number;
	m->facts = *facts;
	m->stamp = *stamp;
	m->flags &= ~(unsigned)KEPT_FLAGS;
	m->disk_stamp = 0;
}

/* The generation that live/NAME points at; 0: none. */
static uint64_t live_number(const struct agent *a, const char *name)
{
	char path[512];
	char to[1024];
	const char *slash;
	uint64_t number;
	ssize_t n;

	snprintf(path, sizeof(path), "live/%s", name);
	if (a->root < 0)
		return 0;
	n = readlinkat(a->root, path, to, sizeof(to) - 1);
	if (n < 0 && errno != ENOENT)
		log_warn("%s: %s", path, strerror(errno));
	if (n <= 0)
		return 0;
	to[n] = '\0';
	slash = strrchr(to, '/');
	if (slash == NULL || !text_u64(slash + 1, UINT64_MAX, &number))
		return 0;
	return number;
}

int64_t inventory_renew_at(const struct agent *a, uint32_t i,
			   const struct x509_facts *facts)
{
	uint32_t draw =
	    schedule_draw(a->start.host_id, facts->serial, strlen(facts->serial));

	return schedule_renew_at(&a->spec->certs[i], facts->not_before,
				 facts->not_after, draw, NULL);
}

/* What is held, and what has failed, outlives what was live. */
static void forget_live(struct memory *m)
{
	m->stamp = (struct file_stamp){ .inode = 0 };
	m->facts = (struct x509_facts){ .not_after = 0 };
	m->disk_stamp = 0;
	m->generation = 0;
	m->renew_at = 0;
	m->flags = 0;
}

/* Is it the leaf that was stored? Whom did that come from, where nobody remembers it, or
 * it was made live without telling us? */
static void note_origin(const struct agent *a, uint32_t i, uint64_t number,
			struct memory *m)
{
	struct meta meta;
	char hex[65];

	meta_read(a->root, agent_cert_name(a, i), number, &meta);
	text_hex(hex, m->facts.fingerprint, sizeof(m->facts.fingerprint));
	m->flags &= ~(unsigned)CERT_BY_HAND;
	if (meta.fingerprint[0] != '\0' && strcmp(meta.fingerprint, hex) != 0)
		m->flags |= CERT_BY_HAND;
	if (m->issuer[0] == '\0' || m->generation != number)
		snprintf(m->issuer, sizeof(m->issuer), "%s", meta.issuer);
}

/*
 * Bring `m` up to date with what is live. Returns CERT_PRESENT, CERT_UNREADABLE or 0.
 * What its flags say is said of m->generation, and gone once something else is live.
 */
static uint32_t look_at_live(const struct agent *a, uint32_t i, struct memory *m)
{
	uint64_t number = live_number(a, agent_cert_name(a, i));
	uint8_t before[sizeof(m->facts.fingerprint)];
	struct file_stamp stamp;
	struct err e;
	char path[CERT_PATH];

	if (number == 0) {
		forget_live(m);
		return 0;
	}
	if (!stamp_of(a, cert_path(path, a, i, number), &stamp)) {
		log_warn("%s: %s", path, strerror(errno));
		return CERT_PRESENT | CERT_UNREADABLE;
	}
	if (m->generation == number && memcmp(&stamp, &m->stamp, sizeof(stamp)) == 0)
		return CERT_PRESENT;
	memcpy(before, m->facts.fingerprint, sizeof(before));
	if (facts_of_file(a->root, path, &m->facts, &e) < 0) {
		log_warn("%s: %s", path, e.text);
		return CERT_PRESENT | CERT_UNREADABLE;
	}
	if (m->generation != number)
		m->flags &= ~(unsigned)KEPT_FLAGS;
	else if (memcmp(before, m->facts.fingerprint, sizeof(before)) != 0)
		m->flags &= ~(unsigned)KEPT_FLAGS; /* said of another leaf */
	note_origin(a, i, number, m);
	m->stamp = stamp;
	m->generation = number;
	m->disk_stamp = 0;
	return CERT_PRESENT;
}

void inventory_see(const struct agent *a, uint32_t i, struct memory *m)
{
	(void)look_at_live(a, i, m);
}

static uint32_t issuer_number(const struct agent *a, const char *name)
{
	return name[0] == '\0' ? SPEC_NOBODY : spec_issuer_called(a->spec, name);
}

/* What is live is held no more, and what has ended is of no use. */
static void check_held(const struct spec_cert *spec, struct memory *m, struct cert *c)
{
	if (m->held == m->generation || m->held_not_after <= clock_now())
		m->held = 0;
	if (m->held == 0)
		return;
	c->held = m->held;
	c->held_not_after = m->held_not_after;
	if (m->held_names_hash == spec->names_hash &&
	    m->held_key == (enum key_type)spec->key)
		c->flags |= CERT_HELD_GOOD;
}

static void fill(struct agent *a, uint32_t i, struct memory *m)
{
	struct cert *c = &a->certs[i];
	uint32_t flags = look_at_live(a, i, m);

	*c = (struct cert){
		.retry_at = m->failed_by != 0 && m->failed_by != agent_config_id(a)
				? 0
				: m->retry_at,
		.generation = m->generation,
		.last_success_at = m->last_success_at,
		.issuer = issuer_number(a, m->issuer),
		.failures =
		    (uint16_t)(m->failures > UINT16_MAX ? UINT16_MAX : m->failures),
		.state = (uint8_t)m->state,
		.asked = (uint8_t)m->fallback.asked, /* LIMIT_ISSUERS are 20 */
		.flags = flags | (m->flags & KEPT_FLAGS),
	};
	check_held(&a->spec->certs[i], m, c);
	if (a->memories != NULL)
		a->memories[i] = *m;
	if (m->state == JOB_PARKED)
		c->flags |= CERT_PARKED;
	/* A switch that was cut short: files, hooks and proof are made up for. */
	if (flags != 0 && m->state >= JOB_INSTALLING)
		c->flags |= CERT_HOOKS_PENDING;
	if (flags != CERT_PRESENT)
		return;
	if ((m->flags & CERT_BY_HAND) != 0) {
		c->issuer = SPEC_NOBODY;
		drift_live(a, i, m->facts.not_after);
	}
	if ((m->flags & CERT_ROLLED_BACK) == 0)
		m->renew_at = inventory_renew_at(a, i, &m->facts);
	c->renew_at = m->renew_at;
	c->not_before = m->facts.not_before;
	c->not_after = m->facts.not_after;
	c->names_hash = m->facts.names_hash;
	c->key = (uint8_t)m->facts.key;
	c->usage = (uint8_t)m->facts.usage;
}

/* -- the keeper's half: keys and files -- */

static int take_audit(struct agent *a, uint32_t i, struct msg *m, bool *whole,
		      struct err *e)
{
	struct cert *c = &a->certs[i];

	if (msg_get_u64(m) != 0)
		c->flags |= CERT_MISMATCHED;
	drift_take(a, i, m);
	*whole = (c->flags & (CERT_MISMATCHED | CERT_FILES_DIFFER | CERT_BY_HAND)) == 0;
	return msg_end(m, e);
}

/* `told`: what is there is not whole, and is left as it is. */
static int remember_stamp(struct agent *a, uint32_t i, uint64_t stamp, bool told,
			  struct err *e)
{
	struct memory m = { .failures = 0 };
	bool found;

	if (a->state == NULL || !request_writes(a->request))
		return 0;
	TRY(state_get(a->state, agent_cert_name(a, i), &m, &found, e));
	if (!found)
		return 0;
	m.disk_stamp = stamp;
	m.flags &= ~(unsigned)CERT_FILES_DIFFER;
	m.flags |= told ? CERT_FILES_DIFFER : 0;
	TRY(agent_write(a, e));
	return state_put(a->state, agent_cert_name(a, i), &m, e);
}

static int ask_stamps(struct msg *m, uint32_t first, uint32_t n, uint64_t *stamps,
		      struct err *e)
{
	const void *bytes;
	size_t len;

	msg_begin(m, KEEPER_STAMP, 0);
	msg_put_u64(m, first);
	msg_put_u64(m, n);
	TRY(link_ask(ROLE_FD_PEER, m, e));
	bytes = msg_get_bytes(m, &len);
	TRY(msg_end(m, e));
	if (len != n * sizeof(*stamps))
		return err_set(e, ERR_PROTO, "%zu bytes of stamps", len);
	memcpy(stamps, bytes, len);
	return 0;
}

/* What was remembered of the files of one certificate. */
struct looked {
	uint64_t stamp; /* when they were last found whole, or ... */
	bool told;      /* not so, and that was told */
};

static struct looked looked_of(const struct memory *m)
{
	return (struct looked){ m->disk_stamp, (m->flags & CERT_FILES_DIFFER) != 0 };
}

/* What the keeper says in `m` of what has that stamp. */
static int compare(struct agent *a, uint32_t i, uint64_t stamp,
		   const struct looked *before, struct msg *m, struct err *e)
{
	bool whole = false;

	TRY(take_audit(a, i, m, &whole, e));
	a->drift[i].is_new = !before->told || before->stamp != stamp;
	if (!whole &&
	    ((a->certs[i].flags & CERT_MISMATCHED) != 0 || !drift_stays(a, i)))
		return 0;
	return a->drift[i].is_new || whole ? remember_stamp(a, i, stamp, !whole, e) : 0;
}

/* In full. */
static int look_closely(struct agent *a, uint32_t i, uint64_t stamp,
			const struct looked *before, struct msg *m, struct err *e)
{
	msg_begin(m, KEEPER_AUDIT, 0);
	msg_put_u64(m, i);
	TRY(link_ask(ROLE_FD_PEER, m, e));
	return compare(a, i, stamp, before, m, e);
}

/* Where a stamp is not the remembered one, or what it was of is still not whole. */
static int look_at_files(struct agent *a, const struct looked *before, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;
	uint64_t stamps[STAMPS_AT_ONCE];
	uint32_t total = a->spec->n[SPEC_CERTS];

	for (uint32_t first = 0; first < total; first += STAMPS_AT_ONCE) {
		uint32_t n =
		    total - first < STAMPS_AT_ONCE ? total - first : STAMPS_AT_ONCE;

		TRY(ask_stamps(&m, first, n, stamps, e));
		for (uint32_t k = 0; k < n; k++) {
			const struct looked *b = &before[first + k];

			if ((stamps[k] == b->stamp && !b->told) ||
			    (a->certs[first + k].flags & CERT_PRESENT) == 0)
				continue;
			TRY(look_closely(a, first + k, stamps[k], b, &m, e));
		}
	}
	return 0;
}

/* -- all of it -- */

struct loading {
	struct agent *agent;
	struct looked *looked;
	bool *seen;
};

static int take_row(void *arg, const char *name, const struct memory *row)
{
	struct loading *l = arg;
	uint32_t i = spec_cert_called(l->agent->spec, name);
	struct memory m = *row;

	if (i == SPEC_NOBODY)
		return 0;
	fill(l->agent, i, &m);
	l->looked[i] = looked_of(&m);
	l->seen[i] = true;
	return 0;
}

/* Is it owed to a hook that the certificate has no more? */
static bool has_hook(const struct agent *a, uint32_t i, const char *name)
{
	const struct list hooks = a->spec->certs[i].hooks;
	uint32_t hook = spec_hook_called(a->spec, name);

	for (uint32_t k = 0; k < hooks.n; k++)
		if (a->spec->numbers[hooks.first + k] == hook)
			return true;
	return false;
}

static int take_hook(void *arg, const struct pending_hook *p)
{
	struct agent *a = arg;
	uint32_t i = spec_cert_called(a->spec, p->name);

	if (i != SPEC_NOBODY && a->certs[i].generation == p->generation &&
	    has_hook(a, i, p->hook))
		a->certs[i].flags |= CERT_HOOKS_PENDING;
	return 0;
}

/* What was begun is gone on with, though a person had asked for it in another run; not
 * if it is of another configuration. */
static int take_order(void *arg, const struct order_row *o)
{
	struct agent *a = arg;
	uint32_t i = spec_cert_called(a->spec, o->name);

	if (i != SPEC_NOBODY && o->wanted == a->spec->certs[i].names_hash)
		a->certs[i].flags |= CERT_ORDERED;
	return 0;
}

int inventory_load(struct agent *a, struct err *e)
{
	uint32_t n = a->spec->n[SPEC_CERTS];
	AUTO_FREE struct looked *looked = xcalloc(n, sizeof(*looked));
	AUTO_FREE bool *seen = xcalloc(n, sizeof(*seen));
	struct loading l = { a, looked, seen };

	TRY(state_each(a->state, take_row, &l, e));
	for (uint32_t i = 0; i < n; i++) {
		struct memory m = { .failures = 0 };

		if (seen[i])
			continue;
		fill(a, i, &m);
		if ((a->certs[i].flags & CERT_PRESENT) == 0 || a->state == NULL ||
		    !request_writes(a->request))
			continue;
		TRY(agent_write(a, e));
		TRY(state_put(a->state, agent_cert_name(a, i), &m, e));
	}
	TRY(state_hook_each(a->state, NULL, take_hook, a, e));
	TRY(state_order_each(a->state, NULL, take_order, a, e));
	TRY(ari_load(a, e));
	return look_at_files(a, looked, e);
}

int inventory_refresh(struct agent *a, uint32_t i, struct memory *m, struct err *e)
{
	const struct cert before = a->certs[i];

	(void)e;
	fill(a, i, m);
	ari_keep(&a->certs[i], &before);
	return 0;
}

int inventory_again(struct agent *a, uint32_t i, struct err *e)
{
	const struct cert before = a->certs[i];
	struct memory m = { .failures = 0 };
	bool found;

	TRY(state_get(a->state, agent_cert_name(a, i), &m, &found, e));
	drift_forget(a, i);
	TRY(inventory_refresh(a, i, &m, e));
	a->certs[i].flags |= before.flags & (CERT_ORDERED | CERT_ASKED);
	if (a->certs[i].generation == before.generation)
		a->certs[i].flags |= before.flags & CERT_HOOKS_PENDING;
	TRY(agent_write(a, e));
	return state_put(a->state, agent_cert_name(a, i), &m, e);
}

int inventory_audited(struct agent *a, uint32_t i, uint64_t stamp, struct msg *m,
		      struct err *e)
{
	struct memory row = { .failures = 0 };
	struct looked before;
	bool found;

	TRY(state_get(a->state, agent_cert_name(a, i), &row, &found, e));
	before = looked_of(&row);
	return compare(a, i, stamp, &before, m, e);
}
