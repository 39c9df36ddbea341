#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/keeper/keeper.h"
#include "agent/keeper/keeper_foreign.h"
#include "agent/keeper/keeper_roots.h"
#include "agent/keeper/keeper_watch.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "store/generation.h"
#include "store/hashed.h"
#include "store/publish.h"
#include "store/set.h"

#define LIMIT_PASSWORD_FILE 4096 /* bytes */

/* -- passwords -- */

/* The first line, as others read such files too. The configuration was refused unless
 * it is closed to others. */
int keeper_password(const struct keeper *k, struct text file, struct buf *password,
		    struct err *e)
{
	const char *path = keeper_text(k, file);
	AUTO_BUF struct buf text = { 0 };
	size_t len;

	TRY(file_read(AT_FDCWD, path, LIMIT_PASSWORD_FILE, &text, e));
	len = text.len == 0 ? 0 : strcspn(text.data, "\r\n");
	if (len == 0)
		return err_set(e, ERR_CONFIG,
			       "%s: there is no password in its first line", path);
	if (len < text.len && text.data[len] == '\0')
		return err_set(e, ERR_CONFIG, "%s: a NUL byte is in the password",
			       path);
	buf_add(password, text.data, len);
	return 0;
}

/* -- files -- */

struct file_access keeper_file_access(const struct spec_file *f)
{
	return (struct file_access){ .uid = f->uid == SPEC_NOBODY ? FILE_KEEP : f->uid,
				     .gid = f->gid == SPEC_NOBODY ? FILE_KEEP : f->gid,
				     .mode = f->mode };
}

/* What a file of `f` is to be, as long as `password` lives. */
static int file_of(const struct keeper *k, const struct spec_file *f,
		   struct buf *password, struct publish_file *file, struct err *e)
{
	if (f->password_file.at != 0)
		TRY(keeper_password(k, f->password_file, password, e));
	*file = (struct publish_file){
		.path = keeper_text(k, f->path),
		.content = { .kind = (enum content_kind)f->content,
			     .key = (enum content_key)f->key_form,
			     .p12 = (enum content_p12)f->p12,
			     .cert_first = f->cert_first != 0,
			     .password = password->data },
		.access = keeper_file_access(f),
	};
	return 0;
}

static int audit(const struct keeper *k, const struct spec_file *f,
		 const struct set *set, unsigned *differs, struct err *e)
{
	AUTO_BUF struct buf password = { 0 };
	struct publish_file file;

	TRY(file_of(k, f, &password, &file, e));
	return publish_audit(set, &file, differs, e);
}

static int write_file(const struct keeper *k, const struct spec_file *f,
		      const struct set *set, struct err *e)
{
	AUTO_BUF struct buf password = { 0 };
	struct publish_file file;

	TRY(file_of(k, f, &password, &file, e));
	return publish_write(set, &file, e);
}

/* TARGET_* of each file of `c`, compared with `set`. Owned array. What cannot be looked at
 * is TARGET_STRANGE; -1: this keeper ends, see keeper_failed(). */
static unsigned *audit_all(struct keeper *k, const struct spec_cert *c,
			   const struct set *set, struct msg *m, bool *ends)
{
	unsigned *differs = xcalloc(c->files.n, sizeof(*differs));
	struct err e;

	*ends = false;
	for (uint32_t i = 0; i < c->files.n && !*ends; i++) {
		const struct spec_file *f = &k->start.spec.files[c->files.first + i];

		if (audit(k, f, set, &differs[i], &e) == 0)
			continue;
		*ends = keeper_failed(k, m, &e) == 0;
		differs[i] = TARGET_STRANGE;
	}
	return differs;
}

/* Where the configuration has no request any more, one without a key is of no use. */
static int load_whole(const struct keeper *k, const struct spec_cert *c,
		      uint64_t number, struct set *set, struct err *e)
{
	AUTO_SET struct set got = { .key = { 0 } };

	TRY(set_load(k->root, keeper_text(k, c->name), number, &got, e));
	if (got.key.len == 0 && c->csr.at == 0)
		return err_set(e, ERR_TRUST,
			       "its key is not here, but where csr.pem "
			       "was made");
	*set = got;
	got = (struct set){ .name = NULL };
	return 0;
}

/* TARGET_* of the key in generation `number`: whose it is and who may read it. */
static unsigned audit_key(const struct keeper *k, const struct spec_cert *c,
			  const struct set *set, uint64_t number)
{
	AUTO_TARGET struct target t = { .dir = -1, .name = "privkey.pem" };
	const struct file_access access = keeper_key_access(c);
	unsigned differs = 0;
	struct err e;

	if (set->key.len == 0 ||
	    generation_open(k->root, keeper_text(k, c->name), number, &t.dir, &e) < 0 ||
	    target_audit(&t, &set->key, &access, &differs, &e) < 0)
		return 0;
	return differs & (TARGET_OWNER | TARGET_MODE);
}

static int mend_key(const struct keeper *k, const struct spec_cert *c,
		    const struct set *set, uint64_t number, struct err *e)
{
	AUTO_TARGET struct target t = { .dir = -1, .name = "privkey.pem" };
	const struct file_access access = keeper_key_access(c);

	if (c->csr.at != 0 || keeper_has_stored(k, c, number) ||
	    audit_key(k, c, set, number) == 0)
		return 0;
	TRY(generation_open(k->root, keeper_text(k, c->name), number, &t.dir, e));
	return target_mend(&t, &access, e);
}

static void put_audit(struct keeper *k, const struct spec_cert *c,
		      const struct set *set, const unsigned *differs, struct msg *m)
{
	struct foreign f;

	keeper_foreign(k, c, set, differs, &f);
	msg_put_u64(m, f.newer ? f.number + 1u : 0);
	msg_put_i64(m, f.newer ? f.not_after : 0);
	msg_put_u64(m, c->files.n);
	for (uint32_t i = 0; i < c->files.n; i++)
		msg_put_u64(m, differs[i]);
}

/* Generation *number (0: what is live, which is then *number; 0: nothing is), and what of it
 * is not whole in `damage` ("": nothing). ERR_SYS: it could not be looked at. */
static int look_whole(const struct keeper *k, const struct spec_cert *c,
		      uint64_t *number, struct set *set, struct err *damage,
		      struct err *e)
{
	const char *name = keeper_text(k, c->name);
	int rc = 0;

	if (*number == 0)
		rc = generation_current(k->root, name, number, damage);
	if (rc < 0 && damage->code != ERR_CONFIG) {
		*e = *damage;
		return e->code;
	}
	if (rc == 0 && *number != 0)
		rc = load_whole(k, c, *number, set, damage);
	if (rc == 0)
		damage->text[0] = '\0';
	*e = *damage;
	return rc < 0 && err_is_short(damage) ? e->code : 0;
}

/* Of one that is not live there is nothing more to say, nor of one that is not whole. */
static void put_damage(struct msg *m, const char *damage)
{
	msg_put_str(m, damage);
	msg_put_u64(m, 0);
	msg_put_u64(m, 0);
	msg_put_i64(m, 0);
	msg_put_u64(m, 0);
}

int keeper_audit(void *role, struct msg *m, struct err *e)
{
	struct keeper *k = role;
	AUTO_SET struct set set = { .key = { 0 } };
	AUTO_FREE unsigned *differs = NULL;
	const struct spec_cert *c;
	uint64_t asked, number;
	uint32_t id = m->id;
	struct err damage;
	bool ends;

	TRY(keeper_cert(k, msg_get_u64(m), &c, e));
	asked = number = msg_get_u64(m);
	TRY(msg_end(m, e));
	TRY(look_whole(k, c, &number, &set, &damage, e));
	if (asked != 0 || set.name == NULL) {
		msg_begin(m, KEEPER_AUDIT, id);
		put_damage(m, damage.text);
		return 0;
	}
	TRY(keeper_roots_of(k, c, &set, e));
	differs = audit_all(k, c, &set, m, &ends);
	if (ends)
		return 0;
	msg_begin(m, KEEPER_AUDIT, id);
	msg_put_str(m, "");
	msg_put_u64(m, audit_key(k, c, &set, number));
	put_audit(k, c, &set, differs, m);
	return 0;
}

/* Key and certificate are checked against each other before a link or a file leads to
 * them: now, or when this very process stored them. */
static int load(const struct keeper *k, const struct spec_cert *c, uint64_t number,
		struct set *set, struct err *e)
{
	if (!keeper_has_stored(k, c, number))
		return load_whole(k, c, number, set, e);
	return c->files.n == 0
		   ? 0
		   : set_read(k->root, keeper_text(k, c->name), number, set, e);
}

/* The answer: of what is whole, or left to somebody else. */
static void put_live(struct msg *m, uint64_t stamp, const struct foreign *f)
{
	msg_put_u64(m, f->newer ? 0 : stamp);
	msg_put_u64(m, f->newer ? f->number + 1u : 0);
	msg_put_i64(m, f->newer ? f->not_after : 0);
}

/* Told that it failed, the agent looks at what is live. */
static int tell_moved(struct keeper *k, const struct keeper_moved *moved,
		      const struct err *why, struct err *e)
{
	const uint64_t stamp = keeper_stamp_cert(k, moved->cert);
	AUTO_MSG struct msg m = MSG_NONE;

	keeper_watch_known(k, moved->cert, stamp);
	msg_begin(&m, why == NULL ? KEEPER_LIVE : MSG_FAILED, moved->id);
	if (why == NULL)
		put_live(&m, stamp, &(struct foreign){ 0 });
	else
		msg_put_err(&m, why);
	return msg_send(ROLE_FD_PEER, &m, e);
}

int keeper_settle(struct keeper *k, struct err *e)
{
	size_t n = k->n_moved;
	struct err why;
	int rc = generation_settle(k->root, &why);

	k->n_moved = 0;
	for (size_t i = 0; i < n; i++)
		TRY(tell_moved(k, &k->moved[i], rc < 0 ? &why : NULL, e));
	return 0;
}

/*
 * Whether the files of `c`, which is to become `set`, are to be left as they are: someone
 * has been at them since they were found whole, which was at `stamp` (0: not known), and
 * has put a newer pair there. A first generation is what the files were configured for.
 */
static void look_first(struct keeper *k, const struct spec_cert *c, uint64_t stamp,
		       const struct set *set, struct msg *m, struct foreign *f,
		       bool *ends)
{
	AUTO_FREE unsigned *differs = NULL;
	uint64_t before = 0;
	struct err e;

	*ends = false;
	*f = (struct foreign){ .newer = false };
	if (c->files.n == 0 || (stamp != 0 && stamp == keeper_stamp_cert(k, c)) ||
	    generation_current(k->root, keeper_text(k, c->name), &before, &e) < 0 ||
	    before == 0)
		return;
	differs = audit_all(k, c, set, m, ends);
	if (!*ends)
		keeper_foreign(k, c, set, differs, f);
}

/* The stamp of what is whole now: 0 if somebody was at it while it was written. */
static uint64_t whole_stamp(struct keeper *k, const struct spec_cert *c,
			    const struct set *set)
{
	const uint64_t stamp = keeper_stamp_cert(k, c);
	unsigned differs = 0;
	struct err e;

	for (uint32_t i = 0; i < c->files.n && differs == 0; i++)
		if (audit(k, &k->start.spec.files[c->files.first + i], set, &differs,
			  &e) < 0)
			return 0;
	return differs == 0 ? stamp : 0;
}

/* What is live, and what is to be, are both trusted before the one becomes the other. */
static int write_roots(const struct keeper *k, const struct spec_cert *c,
		       const struct set *set, struct err *e)
{
	struct set both = *set;
	AUTO_BUF struct buf ca = { 0 };
	int rc;

	if (set->ca.len > 0)
		buf_add(&ca, set->ca.data, set->ca.len);
	both.ca = ca;
	rc = keeper_roots_live(k, c, &both, e);
	ca = both.ca;
	for (uint32_t i = 0; rc == 0 && both.ca.len > 0 && i < c->files.n; i++) {
		const struct spec_file *f = &k->start.spec.files[c->files.first + i];

		if (content_is_trust((enum content_kind)f->content))
			rc = write_file(k, f, &both, e);
	}
	return rc;
}

int keeper_live(void *role, struct msg *m, struct err *e)
{
	struct keeper *k = role;
	AUTO_SET struct set set = { .key = { 0 } };
	struct foreign f = { .newer = false };
	const struct spec_cert *c;
	uint64_t number, stamp;
	uint32_t id = m->id;
	bool over, ends = false;

	TRY(keeper_cert(k, msg_get_u64(m), &c, e));
	number = msg_get_u64(m);
	stamp = msg_get_u64(m);
	over = msg_get_u64(m) != 0;
	TRY(msg_end(m, e));
	TRY(load(k, c, number, &set, e));
	TRY(keeper_roots_of(k, c, &set, e));
	TRY(generation_yields(k->root, keeper_text(k, c->name), over, e));
	if (!over)
		look_first(k, c, stamp, &set, m, &f, &ends);
	if (ends)
		return 0;
	TRY(mend_key(k, c, &set, number, e));
	if (k->n_moved == KEEPER_BATCH)
		TRY(keeper_settle(k, e));
	if (!f.newer && write_roots(k, c, &set, e) < 0)
		return keeper_failed(k, m, e);
	TRY(generation_turn(k->root, keeper_text(k, c->name), number, e));
	if (keeper_has_stored(k, c, number)) /* from now on others find it */
		keeper_waiting_stored(k, c, 0);
	/* Without files outside, nothing has to follow the link in order: it waits for others. */
	if (c->files.n == 0) {
		k->moved[k->n_moved++] = (struct keeper_moved){ c, id };
		msg_begin(m, MSG_LATER, id);
		return 0;
	}
	TRY(generation_settle(k->root, e));
	for (uint32_t i = 0; i < c->files.n && !f.newer; i++)
		if (write_file(k, &k->start.spec.files[c->files.first + i], &set, e) <
		    0)
			return keeper_failed(k, m, e);
	msg_begin(m, KEEPER_LIVE, id);
	stamp = f.newer ? keeper_stamp_cert(k, c) : whole_stamp(k, c, &set);
	keeper_watch_known(k, c, stamp);
	put_live(m, stamp, &f);
	return 0;
}
