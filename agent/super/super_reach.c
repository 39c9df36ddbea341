#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "agent/role/messages.h"
#include "agent/super/super.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/reach.h"

#define GROUPS_MAX 65536 /* of one user, as the kernel has it */

/* All groups of the user `uid`, an owned array; none if the host does not know it. */
static gid_t *groups_of(uid_t uid, size_t *n)
{
	const struct passwd *pw = getpwuid(uid);
	gid_t *groups = NULL;
	int room = 64, got;

	*n = 0;
	if (pw == NULL)
		return NULL;
	do {
		groups = xrealloc(groups, (size_t)room, sizeof(*groups));
		got = room;
		if (getgrouplist(pw->pw_name, pw->pw_gid, groups, &got) >= 0)
			break;
		room *= 4;
	} while (room <= GROUPS_MAX);
	*n = got < 0 || got > room ? 0 : (size_t)got;
	return groups;
}

/* `uid`, or where that is SPEC_NOBODY a member of `gid`. Whoever may without any group is
 * not asked for: that may take a directory service its time. */
static int reach_by(const char *path, enum reach_want want, uint32_t uid, uint32_t gid,
		    struct err *e)
{
	const struct reach_user member = { REACH_ANYONE, &gid, 1 };
	const struct reach_user alone = { uid, NULL, 0 };
	AUTO_FREE gid_t *groups = NULL;
	struct reach_user whole = { .uid = uid };

	if (uid == SPEC_NOBODY)
		return reach_path(path, want, &member, e);
	if (reach_path(path, want, &alone, e) == 0)
		return 0;
	groups = groups_of(uid, &whole.n_groups);
	whole.groups = groups;
	return reach_path(path, want, &whole, e);
}

int super_reach_config(void *role, struct msg *m, struct err *e)
{
	AUTO_FREE char *path = xstrdup(msg_get_str(m));
	uint64_t want = msg_get_u64(m);
	uint64_t uid = msg_get_u64(m);
	uint64_t gid = msg_get_u64(m);
	uint32_t id = m->id;
	struct err why;
	int rc;

	(void)role;
	TRY(msg_end(m, e));
	rc = reach_by(path, (enum reach_want)want, (uint32_t)uid, (uint32_t)gid, &why);
	msg_begin(m, CONFIG_REACH, id);
	msg_put_str(m, rc == ERR_CONFIG ? why.text : "");
	return 0;
}

/* What it says is a reason to warn; that a folder is missing comes out otherwise. */
static bool is_closed(const char *folder, uint32_t uid, uint32_t gid, struct err *e)
{
	return (uid != SPEC_NOBODY || gid != SPEC_NOBODY) &&
	       reach_by(folder, REACH_PASS, uid, gid, e) == ERR_CONFIG;
}

/* To its owner, or to its group where that may read what is in it. */
static bool is_closed_to(const char *folder, uint32_t uid, uint32_t gid, uint32_t mode,
			 struct err *e)
{
	if (uid != 0 && is_closed(folder, uid, SPEC_NOBODY, e))
		err_wrap(e, "user %u cannot read it", uid);
	else if (gid != 0 && (mode & 0040) != 0 &&
		 is_closed(folder, SPEC_NOBODY, gid, e))
		err_wrap(e, "group %u cannot read it", gid);
	else
		return false;
	return true;
}

static bool file_is_closed(const struct spec *s, const struct spec_file *f,
			   struct err *e)
{
	AUTO_FREE char *folder = spec_file_folder(s, f);

	if (!is_closed_to(folder, f->uid, f->gid, f->mode, e))
		return false;
	err_wrap(e, "%s", spec_text(s, f->path));
	return true;
}

static bool live_is_closed(const struct spec *s, const struct spec_cert *c,
			   struct err *e)
{
	const char *state = spec_text(s, s->global->state_dir);

	if (!is_closed_to(state, c->uid, c->gid, c->mode, e))
		return false;
	err_wrap(e, "%s/live/%s", state, spec_text(s, c->name));
	return true;
}

int super_reach(void *role, struct msg *m, struct err *e)
{
	const struct super *s = role;
	uint64_t n = msg_get_u64(m);
	uint32_t id = m->id;
	const struct spec_cert *c;
	struct err why;
	bool closed;

	TRY(msg_end(m, e));
	if (n >= s->spec.n[SPEC_CERTS])
		return err_set(e, ERR_PROTO, "there is no certificate %llu",
			       (unsigned long long)n);
	c = &s->spec.certs[n];
	closed = live_is_closed(&s->spec, c, &why);
	for (uint32_t i = 0; !closed && i < c->files.n; i++)
		closed =
		    file_is_closed(&s->spec, &s->spec.files[c->files.first + i], &why);
	msg_begin(m, SUP_REACH, id);
	msg_put_str(m, closed ? why.text : "");
	return 0;
}

int super_reach_state(const struct super *s, struct err *e)
{
	const char *path = spec_text(&s->spec, s->spec.global->state_dir);
	const struct spec_user *u = &s->spec.global->users[SPEC_USER_AGENT];
	const gid_t gid = u->gid;
	const struct reach_user agent = { u->uid, &gid, 1 };
	struct err why;

	/* One that is not there yet will be made so that it can. */
	if (!s->is_root || reach_path(path, REACH_PASS, &agent, &why) != ERR_CONFIG)
		return 0;
	return err_set(
	    e, ERR_CONFIG,
	    "state_dir: user %u, whom the agent runs as, cannot get at %s: %s", u->uid,
	    path, why.text);
}
