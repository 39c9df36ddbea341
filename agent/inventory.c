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
#include "agent/meta.h"
#include "agent/owncrl.h"
#include "agent/rule/schedule.h"
#include "agent/setback.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "store/generation.h"

#define KEPT_FLAGS                                                                   \
	(CERT_REVOKED | CERT_CA_REVOKED | CERT_NOT_SERVED | CERT_DOWN | CERT_CHAIN | \
	 CERT_ROLLED_BACK | CERT_BY_HAND)

void inventory_stamp(const struct stat *st, struct file_stamp *stamp)
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
	const bool is_there = fstatat(a->root, path, &st, AT_SYMLINK_NOFOLLOW) == 0;

	if (is_there)
		inventory_stamp(&st, stamp);
	return is_there;
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

int64_t inventory_renew_at(const struct agent *a, uint32_t i,
			   const struct x509_facts *facts)
{
	return schedule_renew_at(&a->spec->certs[i], facts->not_before,
				 facts->not_after, agent_draw(a, facts->serial), NULL);
}

/* What is held, and what has failed, outlives what was live. */
static void forget_live(struct memory *m)
{
	m->stamp = (struct file_stamp){ .inode = 0 };
	m->facts = (struct x509_facts){ .not_after = 0 };
	m->disk_stamp = 0;
	if (m->generation != 0)
		m->renew_at = 0;
	m->generation = 0;
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

void inventory_by_hand(const struct agent *a, uint32_t i, struct memory *m)
{
	m->flags |= CERT_ROLLED_BACK;
	m->flags &= ~CERT_WAS_BACK;
	m->renew_at = schedule_rolled_back_at(inventory_renew_at(a, i, &m->facts),
					      m->facts.not_before, m->facts.not_after,
					      clock_now());
}

/* What is live is generation `number`, whose leaf may be what is remembered. */
static int look_at_leaf(const struct agent *a, uint32_t i, uint64_t number,
			struct memory *m, struct err *e)
{
	uint8_t before[sizeof(m->facts.fingerprint)];
	struct file_stamp stamp;
	char path[CERT_PATH];

	if (!stamp_of(a, cert_path(path, a, i, number), &stamp))
		return err_sys(e, "%s", path);
	if (m->generation == number && memcmp(&stamp, &m->stamp, sizeof(stamp)) == 0)
		return 0;
	memcpy(before, m->facts.fingerprint, sizeof(before));
	if (facts_of_file(a->root, path, &m->facts, e) < 0)
		return err_wrap(e, "%s", path);
	if (m->generation != number ||
	    memcmp(before, m->facts.fingerprint, sizeof(before)) != 0)
		m->flags &= ~(unsigned)KEPT_FLAGS; /* said of another leaf */
	if (m->generation != number && (m->flags & CERT_WAS_BACK) != 0)
		inventory_by_hand(a, i, m);
	note_origin(a, i, number, m);
	m->stamp = stamp;
	m->generation = number;
	m->disk_stamp = 0;
	return 0;
}

/*
 * Bring `m` up to date with what is live; *flags is CERT_PRESENT, with CERT_UNREADABLE for
 * what `damage` says, or 0. ERR_SYS: that is not known.
 * What its flags say is said of m->generation, and gone once something else is live: that
 * may be what was gone back from by hand.
 */
static int look_at_live(const struct agent *a, uint32_t i, struct memory *m,
			uint32_t *flags, struct err *damage, struct err *e)
{
	const char *name = agent_cert_name(a, i);
	uint64_t number = 0;
	bool ours = true;

	*flags = 0;
	if (a->root >= 0)
		ours = generation_current(a->root, name, &number, damage) == 0 ||
		       damage->sysno == ENOENT; /* there is no folder of links */
	if (number == 0)
		forget_live(m);
	if (ours && number != 0)
		*flags = CERT_PRESENT;
	if (ours && (number == 0 || look_at_leaf(a, i, number, m, damage) == 0)) {
		damage->text[0] = '\0';
		return 0;
	}
	*flags = CERT_PRESENT | CERT_UNREADABLE;
	*e = *damage;
	return err_is_short(e) || (!ours && e->code != ERR_CONFIG) ? e->code : 0;
}

void inventory_see(const struct agent *a, uint32_t i, struct memory *m)
{
	struct err damage, e;
	uint32_t flags;

	(void)look_at_live(a, i, m, &flags, &damage, &e);
}

static uint32_t issuer_number(const struct agent *a, const char *name)
{
	return name[0] == '\0' ? SPEC_NOBODY : spec_issuer_called(a->spec, name);
}

bool inventory_key_fits(const struct agent *a, const struct spec_cert *spec,
			const struct x509_facts *facts)
{
	const char *own = spec_text(a->spec, spec->csr_key);
	char hex[2 * sizeof(facts->spki_hash) + 1];

	text_hex(hex, facts->spki_hash, sizeof(facts->spki_hash));
	return facts->key == (enum key_type)spec->key &&
	       (own == NULL || strcmp(own, hex) == 0);
}

bool inventory_has_names(const struct agent *a, uint32_t i, uint64_t hash, int64_t at,
			 int64_t *retake_at)
{
	int64_t retry_at;

	if (hash == a->spec->certs[i].names_hash)
		return true;
	if (!setbacks_explain(a, i, hash, at, &retry_at))
		return false;
	if (retake_at != NULL)
		*retake_at = retry_at;
	return true;
}

/* What is live is held no more, and what has ended is of no use. */
static void check_held(const struct agent *a, uint32_t i, struct memory *m,
		       struct cert *c)
{
	const struct spec_cert *spec = &a->spec->certs[i];

	if (m->held == m->generation || m->held_not_after <= clock_now())
		m->held = 0;
	if (m->held == 0)
		return;
	c->held = m->held;
	c->held_not_after = m->held_not_after;
	if (inventory_has_names(a, i, m->held_names_hash, SETBACK_ANY_TIME, NULL) &&
	    m->held_key == (enum key_type)spec->key)
		c->flags |= CERT_HELD_GOOD;
}

uint64_t inventory_ca(const struct agent *a, uint32_t issuer)
{
	const struct spec_issuer *s = &a->spec->issuers[issuer];
	AUTO_FREE char *text =
	    xasprintf("%s %s", spec_text(a->spec, s->name),
		      s->url.at == 0 ? "" : spec_text(a->spec, s->url));
	uint8_t sum[HASH_LEN];
	uint64_t id;

	hash_all(text, strlen(text), sum);
	memcpy(&id, sum, sizeof(id));
	return id == 0 ? 1 : id;
}

/* What failed may not fail by this configuration; and that a CA wants time is nothing to
 * the one that is asked by it. */
static bool is_for_another(const struct agent *a, uint32_t i, const struct memory *m)
{
	if (m->failed_by == 0)
		return false;
	return m->failed_by != (m->state == JOB_PARKED
				    ? inventory_ca(a, agent_issuer_number(a, i))
				    : agent_config_id(a));
}

/* `flags`: of look_at_live(). */
static void fill(struct agent *a, uint32_t i, struct memory *m, uint32_t flags)
{
	const struct spec_cert *spec = &a->spec->certs[i];
	struct cert *c = &a->certs[i];

	*c = (struct cert){
		.generation = m->generation,
		.last_success_at = m->last_success_at,
		.issuer = issuer_number(a, m->issuer),
		.failures =
		    (uint16_t)(m->failures > UINT16_MAX ? UINT16_MAX : m->failures),
		.state = (uint8_t)m->state,
		.asked = (uint8_t)m->fallback.asked, /* LIMIT_ISSUERS are 20 */
		.next_key = c->next_key,
		.flags = flags | (m->flags & KEPT_FLAGS),
	};
	c->retry_at = is_for_another(a, i, m) ? 0 : m->retry_at;
	check_held(a, i, m, c);
	if (a->memories != NULL)
		a->memories[i] = *m;
	if (m->state == JOB_PARKED) /* what a person asks for waits, too */
		c->flags |= m->flags & CERT_ASKED;
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
		m->renew_at = schedule_settled_at(inventory_renew_at(a, i, &m->facts),
						  m->stamp.mtime_ns / 1000000000,
						  m->facts.not_after, clock_now());
	c->renew_at = m->renew_at;
	c->not_before = m->facts.not_before;
	c->not_after = m->facts.not_after;
	if (m->facts.not_before <= m->stamp.mtime_ns / 1000000000)
		c->flags |= CERT_BEGUN;
	c->names_hash = m->facts.names_hash;
	if (inventory_has_names(a, i, c->names_hash, SETBACK_ANY_TIME, &c->retake_at))
		c->names_hash = a->spec->certs[i].names_hash;
	c->key = (uint8_t)m->facts.key;
	if (spec->csr.at != 0 && !inventory_key_fits(a, spec, &m->facts))
		c->flags |= CERT_KEY_OTHER;
	c->usage = (uint8_t)m->facts.usage;
}

int inventory_take(struct agent *a, uint32_t i, struct memory *m, bool stands,
		   struct err *e)
{
	uint32_t flags = CERT_PRESENT;
	struct err damage = { .text = "" };

	if (!stands)
		TRY(look_at_live(a, i, m, &flags, &damage, e));
	drift_undamaged(a, i);
	fill(a, i, m, flags);
	drift_damaged(a, i, CERT_UNREADABLE, damage.text);
	return 0;
}

int inventory_refresh(struct agent *a, uint32_t i, struct memory *m, struct err *e)
{
	const struct cert before = a->certs[i];

	TRY(inventory_take(a, i, m, false, e));
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
	owncrl_forget(a, i);
	TRY(inventory_refresh(a, i, &m, e));
	a->certs[i].flags |= before.flags & (CERT_ORDERED | CERT_ASKED);
	if (a->certs[i].generation == before.generation)
		a->certs[i].flags |= before.flags & CERT_HOOKS_PENDING;
	TRY(agent_write(a, e));
	return state_put(a->state, agent_cert_name(a, i), &m, e);
}
