#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "agent/keeper/keeper.h"
#include "agent/keeper/keeper_twice.h"
#include "agent/keeper/keymaker.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/key.h"
#include "base/mem.h"
#include "store/pending.h"

/* What one generation needs: key, chain in three files, anchors, meta.json. */
#define ROOM_BYTES \
	(64 * 1024) /* the largest legal chain is 24 kB, and is there twice */
#define ROOM_FILES 8

/* A key that is asked for and not there yet. */
struct keeper_making {
	struct keeper_making *next; /* asked for later */
	const struct spec_cert *cert;
	uint32_t id; /* of the question */
	struct child maker;
};

/* A full disk is found out before an order is made, not after it was paid for. */
static int check_room(const struct keeper *k, const struct spec_cert *c, struct err *e)
{
	TRY(file_room(k->root, ROOM_BYTES, ROOM_FILES, e));
	for (uint32_t i = 0; i < c->files.n; i++) {
		const struct spec *s = &k->start.spec;
		AUTO_FREE char *folder =
		    spec_file_folder(s, &s->files[c->files.first + i]);
		AUTO_FD int dir = -1;

		TRY(file_open_dir(AT_FDCWD, folder, &dir, e));
		if (file_room(dir, ROOM_BYTES, 1, e) < 0)
			return err_wrap(e, "%s", folder);
	}
	return 0;
}

static const char *name_of(const struct keeper *k, const struct spec_cert *c)
{
	return keeper_text(k, c->name);
}

static bool takes_long(const struct spec_cert *c)
{
	return c->key == KEY_RSA_2048 || c->key == KEY_RSA_3072 ||
	       c->key == KEY_RSA_4096;
}

static int put_answer(struct keeper *k, const struct spec_cert *c, uint32_t id,
		      struct msg *m, struct err *e)
{
	struct keeper_key *waits;

	TRY(keeper_waiting(k, c, &waits, e));
	TRY(keeper_not_of_account(k, waits->key, e));
	if (c->next_key != 0)
		TRY(pending_announce(k->root, name_of(k, c), &waits->spki, e));
	msg_begin(m, KEEPER_KEY, id);
	msg_put_bytes(m, waits->spki.data, waits->spki.len);
	return 0;
}

/* -- keys that take long -- */

static void making_free(struct keeper_making *w)
{
	auto_fd_(&w->maker.fd);
	free(w);
}

/* Answer with what is in m, or with e if rc says that it failed. */
static int tell(const struct keeper *k, const struct keeper_making *w, int rc,
		struct msg *m, struct err *e)
{
	if (rc < 0) {
		err_wrap(e, "the key of %s", name_of(k, w->cert));
		msg_begin(m, MSG_FAILED, w->id);
		msg_put_err(m, e);
	}
	return msg_send(ROLE_FD_PEER, m, e);
}

/* As many at once as there are processors, in the order of asking. One that cannot be
 * begun is answered now. */
static int begin_more(struct keeper *k, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct keeper_making **at = &k->making;
	unsigned n = 0, most = keymaker_most();

	while (*at != NULL && n < most) {
		struct keeper_making *w = *at;
		int rc = 0;

		if (w->maker.fd < 0)
			rc = keymaker_start((enum key_type)w->cert->key, &w->maker, e);
		if (rc == 0) {
			n++;
			at = &w->next;
			continue;
		}
		*at = w->next;
		rc = tell(k, w, rc, &m, e);
		making_free(w);
		TRY(rc);
	}
	return 0;
}

static int queue(struct keeper *k, const struct spec_cert *c, uint32_t id,
		 struct err *e)
{
	struct keeper_making **at = &k->making;

	for (; *at != NULL; at = &(*at)->next)
		if ((*at)->cert == c)
			return err_set(e, ERR_BUSY, "it is being made");
	*at = xcalloc(1, sizeof(**at));
	**at = (struct keeper_making){ .cert = c, .id = id, .maker = { .fd = -1 } };
	return begin_more(k, e);
}

static int finish(struct keeper *k, struct keeper_making *w, struct msg *m,
		  struct err *e)
{
	AUTO_KEY EVP_PKEY *key = NULL;

	TRY(keymaker_take(&w->maker, &key, e));
	TRY(keeper_waiting_keep(k, w->cert, key, e));
	return put_answer(k, w->cert, w->id, m, e);
}

size_t keeper_making_fill(const struct keeper *k, struct pollfd *p)
{
	size_t n = 0;

	for (const struct keeper_making *w = k->making; w != NULL; w = w->next)
		if (w->maker.fd >= 0)
			p[n++] = (struct pollfd){ .fd = w->maker.fd, .events = POLLIN };
	return n;
}

int keeper_making_answer(struct keeper *k, int fd, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct keeper_making **at = &k->making;
	struct keeper_making *w;
	int rc;

	while ((*at)->maker.fd != fd)
		at = &(*at)->next;
	w = *at;
	*at = w->next;
	rc = tell(k, w, finish(k, w, &m, e), &m, e);
	making_free(w);
	return rc < 0 ? rc : begin_more(k, e);
}

void keeper_making_end(struct keeper *k)
{
	while (k->making != NULL) {
		struct keeper_making *next = k->making->next;

		making_free(k->making);
		k->making = next;
	}
}

/* -- asked -- */

static int make_now(struct keeper *k, const struct spec_cert *c, struct err *e)
{
	AUTO_KEY EVP_PKEY *key = NULL;

	TRY(key_make((enum key_type)c->key, &key, e));
	return keeper_waiting_keep(k, c, key, e);
}

static enum pending_reuse reuse_for(const struct spec_cert *c, bool fresh)
{
	if (c->next_key != 0)
		return REUSE_ANNOUNCED;
	return c->reuse_key != 0 && !fresh ? REUSE_LIVE : REUSE_NONE;
}

static int get_key(struct keeper *k, const struct spec_cert *c, bool fresh,
		   struct msg *m, struct err *e)
{
	AUTO_KEY EVP_PKEY *key = NULL;
	uint32_t id = m->id;

	if (check_room(k, c, e) < 0)
		return keeper_failed(k, m, e);
	if (c->csr.at != 0)
		return put_answer(k, c, id, m, e);
	TRY(pending_find(k->root, name_of(k, c), (enum key_type)c->key,
			 reuse_for(c, fresh), &key, e));
	if (key == NULL && takes_long(c)) {
		msg_begin(m, MSG_LATER, id);
		return queue(k, c, id, e);
	}
	if (key == NULL)
		TRY(make_now(k, c, e));
	else
		TRY(keeper_waiting_set(k, c, key, e));
	return put_answer(k, c, id, m, e);
}

int keeper_key(void *role, struct msg *m, struct err *e)
{
	struct keeper *k = role;
	const struct spec_cert *c;
	bool fresh;

	TRY(keeper_cert(k, msg_get_u64(m), &c, e));
	fresh = msg_get_u64(m) != 0;
	TRY(msg_end(m, e));
	if (get_key(k, c, fresh, m, e) < 0)
		return err_wrap(e, "the key of %s", name_of(k, c));
	return 0;
}
