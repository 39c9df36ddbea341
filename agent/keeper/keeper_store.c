#include <stdlib.h>
#include <string.h>

#include "agent/keeper/keeper.h"
#include "agent/keeper/keeper_roots.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/spki.h"
#include "store/generation.h"
#include "store/pending.h"

struct arrival {
	const char *leaf; /* PEM, borrowed from the message, as are the next three */
	const char *chain;
	const char *anchors;
	const char *meta;
	const struct buf *key; /* PEM, borrowed from keeper_waiting(); empty: csr */
	const char *csr; /* PEM, borrowed from the snapshot; NULL: there is a key */
};

#define PEM_HEAD   "-----BEGIN CERTIFICATE-----\n"
#define PEM_TAIL   "-----END CERTIFICATE-----\n"
#define PEM_LETTER "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\n"

/* Nothing but certificates in PEM: others read what is written, and take the rest of it
 * for what they like. What is in them is the agent's to judge. */
int keeper_check_form(const char *file, const char *pem, struct err *e)
{
	while (*pem != '\0') {
		if (strncmp(pem, PEM_HEAD, strlen(PEM_HEAD)) != 0)
			break;
		pem += strlen(PEM_HEAD);
		pem += strspn(pem, PEM_LETTER);
		if (strncmp(pem, PEM_TAIL, strlen(PEM_TAIL)) != 0)
			break;
		pem += strlen(PEM_TAIL);
	}
	return *pem == '\0'
		   ? 0
		   : err_set(e, ERR_PROTO, "%s: not certificates in PEM alone", file);
}

/* The pending key, if it is the one that the leaf certifies. */
static int match_key(struct keeper *k, const struct spec_cert *c, struct arrival *a,
		     struct err *e)
{
	AUTO_BUF struct buf spki = { 0 };
	struct keeper_key *waits;

	TRY(spki_of_pem(a->leaf, strlen(a->leaf), &spki, e));
	TRY(keeper_waiting(k, c, &waits, e));
	if (waits->key == NULL)
		return err_set(e, ERR_TRUST, "there is no key that waits for it");
	if (spki.len != waits->spki.len ||
	    memcmp(spki.data, waits->spki.data, spki.len) != 0)
		return err_set(e, ERR_TRUST, "it is for another key than ours");
	a->key = &waits->pem;
	return 0;
}

static int add(struct generation *g, const char *file, const char *data, size_t len,
	       const struct file_access *access, struct err *e)
{
	if (generation_add(g, file, data, len, access, e) < 0)
		return err_wrap(e, "%s", file);
	return 0;
}

struct file_access keeper_key_access(const struct spec_cert *c)
{
	return (struct file_access){
		c->uid == SPEC_NOBODY ? FILE_KEEP : c->uid,
		c->gid == SPEC_NOBODY ? FILE_KEEP : c->gid,
		c->mode,
	};
}

static int write_files(struct generation *g, const struct spec_cert *c,
		       const struct arrival *a, struct err *e)
{
	const struct file_access open_to_all = { FILE_KEEP, FILE_KEEP, 0644 };
	const struct file_access of_key = keeper_key_access(c);
	AUTO_BUF struct buf full = { 0 };

	buf_puts(&full, a->leaf);
	buf_puts(&full, a->chain);
	if (a->csr != NULL)
		TRY(add(g, "csr.pem", a->csr, strlen(a->csr), &open_to_all, e));
	else
		TRY(add(g, "privkey.pem", a->key->data, a->key->len, &of_key, e));
	TRY(add(g, "cert.pem", a->leaf, strlen(a->leaf), &open_to_all, e));
	TRY(add(g, "chain.pem", a->chain, strlen(a->chain), &open_to_all, e));
	TRY(add(g, "fullchain.pem", full.data, full.len, &open_to_all, e));
	TRY(add(g, "ca.pem", a->anchors, strlen(a->anchors), &open_to_all, e));
	return add(g, "meta.json", a->meta, strlen(a->meta), &open_to_all, e);
}

static bool is_staged(const struct keeper *k, const struct spec_cert *c)
{
	for (size_t i = 0; i < k->n_staged; i++)
		if (k->staged[i].cert == c)
			return true;
	return false;
}

static int stage(struct keeper *k, const struct spec_cert *c, struct arrival *a,
		 uint32_t id, struct err *e)
{
	const char *name = keeper_text(k, c->name);
	AUTO_GENERATION struct generation g = GENERATION_NONE;

	TRY(keeper_check_form("cert.pem", a->leaf, e));
	TRY(keeper_check_form("chain.pem", a->chain, e));
	TRY(keeper_check_form("ca.pem", a->anchors, e));
	TRY(match_key(k, c, a, e));
	TRY(generation_begin(&g, k->root, name, e));
	TRY(write_files(&g, c, a, e));
	k->staged[k->n_staged++] = (struct keeper_staged){ c, id, g };
	g = (struct generation)GENERATION_NONE;
	return 0;
}

static int keep(struct keeper *k, struct keeper_staged *s, uint64_t *number,
		struct err *e)
{
	TRY(generation_keep(&s->generation, number, e));
	keeper_waiting_stored(k, s->cert, *number);
	return pending_drop(k->root, keeper_text(k, s->cert->name),
			    s->cert->next_key != 0, e);
}

/* What failed for `why` (NULL: nothing has) fails alone. */
static int tell_kept(struct keeper *k, struct keeper_staged *s, struct err *why,
		     struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;
	uint64_t number = 0;
	struct err failed;

	if (why == NULL && keep(k, s, &number, &failed) < 0)
		why = &failed;
	generation_drop(&s->generation);
	msg_begin(&m, why == NULL ? KEEPER_STORE : MSG_FAILED, s->id);
	if (why == NULL) {
		msg_put_u64(&m, number);
	} else {
		err_wrap(why, "store %s", keeper_text(k, s->cert->name));
		msg_put_err(&m, why);
	}
	return msg_send(ROLE_FD_PEER, &m, e);
}

int keeper_keep(struct keeper *k, struct err *e)
{
	const size_t n = k->n_staged;
	struct err failed[KEEPER_BATCH];
	bool ok[KEEPER_BATCH] = { false };

	for (size_t i = 0; i < n; i++)
		ok[i] = generation_number(&k->staged[i].generation, &failed[i]) == 0;
	for (size_t i = 0; i < n; i++)
		TRY(tell_kept(k, &k->staged[i], ok[i] ? NULL : &failed[i], e));
	k->n_staged = 0;
	return 0;
}

void keeper_staged_end(struct keeper *k)
{
	for (size_t i = 0; i < k->n_staged; i++)
		generation_drop(&k->staged[i].generation);
	k->n_staged = 0;
}

int keeper_store(void *role, struct msg *m, struct err *e)
{
	struct keeper *k = role;
	const struct spec_cert *c;
	struct arrival a = { .leaf = NULL };
	uint32_t id = m->id;

	TRY(keeper_cert(k, msg_get_u64(m), &c, e));
	a.leaf = msg_get_str(m);
	a.chain = msg_get_str(m);
	a.anchors = msg_get_str(m);
	a.meta = msg_get_str(m);
	a.csr = keeper_text(k, c->request);
	TRY(msg_end(m, e));
	if (k->n_staged == KEEPER_BATCH || is_staged(k, c))
		TRY(keeper_keep(k, e));
	if (stage(k, c, &a, id, e) < 0)
		return err_wrap(e, "store %s", keeper_text(k, c->name));
	msg_begin(m, MSG_LATER, id); /* keeper_keep() says what has become of it */
	return 0;
}

int keeper_prune(void *role, struct msg *m, struct err *e)
{
	const struct keeper *k = role;
	const struct spec_cert *c;
	uint64_t held;
	uint32_t id = m->id;

	TRY(keeper_cert(k, msg_get_u64(m), &c, e));
	held = msg_get_u64(m);
	TRY(msg_end(m, e));
	TRY(generation_prune(k->root, keeper_text(k, c->name), c->keep, held, e));
	msg_begin(m, KEEPER_PRUNE, id);
	return 0;
}

/* Only what the configuration does not know any more can be forgotten. */
int keeper_forget(void *role, struct msg *m, struct err *e)
{
	const struct keeper *k = role;
	AUTO_FREE char *name = xstrdup(msg_get_str(m));
	uint32_t id = m->id;

	TRY(msg_end(m, e));
	if (spec_cert_called(&k->start.spec, name) != SPEC_NOBODY)
		return err_set(e, ERR_CONFIG, "%s is in the configuration", name);
	TRY(generation_forget(k->root, name, e));
	msg_begin(m, KEEPER_FORGET, id);
	return 0;
}
