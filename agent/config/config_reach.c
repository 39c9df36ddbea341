#include "agent/config/config_reach.h"

#include <string.h>

#include "agent/config/config_report.h"
#include "agent/config/config_system.h"
#include "agent/config/config_value.h"
#include "base/buf.h"

/* -- users -- */

static void check_folder(struct config_reader *r, const config_setting_t *at,
			 const char *folder, uint32_t uid, uint32_t gid)
{
	AUTO_BUF struct buf why = { 0 };

	r->host->reach(r->host->arg, folder, REACH_PASS, uid, gid, &why);
	if (why.len > 0)
		config_warn(r, at, "\"%s\" cannot read it there: %s",
			    config_setting_get_string(at), why.data);
}

void config_reach(struct config_reader *r, const config_setting_t *s,
		  const char *folder, uint32_t uid, uint32_t gid, uint32_t mode)
{
	const config_setting_t *owner = config_member(s, "owner");
	const config_setting_t *group = config_member(s, "group");

	if (r->host->reach == NULL)
		return;
	if (owner != NULL && uid != 0 && uid != SPEC_NOBODY)
		check_folder(r, owner, folder, uid, SPEC_NOBODY);
	if (group != NULL && gid != 0 && gid != SPEC_NOBODY && (mode & 0040) != 0)
		check_folder(r, group, folder, SPEC_NOBODY, gid);
}

static void check_run(struct config_reader *r, const config_setting_t *user,
		      const char *word, uint32_t uid)
{
	const struct config_entry *found =
	    config_index_find(&r->programs, snapshot_text(r->b, word));
	AUTO_BUF struct buf why = { 0 };

	if (found == NULL) /* reported, or sourced */
		return;
	r->host->reach(r->host->arg,
		       snapshot_string(r->b, (struct text){ found->number }), REACH_RUN,
		       uid, SPEC_NOBODY, &why);
	if (why.len > 0)
		config_warn(r, user, "\"%s\" cannot run %s: %s",
			    config_setting_get_string(user), word, why.data);
}

void config_runs(struct config_reader *r, const config_setting_t *s, uint32_t uid)
{
	static const char *const programs[] = { "test", "run", "hook", "cleanup",
						"program" };
	const config_setting_t *user = config_member(s, "user");

	if (r->host->reach == NULL || user == NULL || uid == 0 || uid == SPEC_NOBODY)
		return;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		const config_setting_t *p = config_member(s, programs[i]);
		const char *word = p == NULL || config_items(p) == 0
				       ? NULL
				       : config_setting_get_string(config_item(p, 0));

		if (word != NULL)
			check_run(r, user, word, uid);
	}
}

void config_network_reads(struct config_reader *r, const config_setting_t *s)
{
	const uint32_t uid = r->global.users[SPEC_USER_NETWORK].uid;
	AUTO_BUF struct buf why = { 0 };

	if (r->host->reach == NULL || uid == SPEC_NOBODY)
		return;
	r->host->reach(r->host->arg, config_setting_get_string(s), REACH_READ, uid,
		       SPEC_NOBODY, &why);
	if (why.len > 0)
		config_warn(r, s, "user %u, who speaks to CAs, cannot read it: %s", uid,
			    why.data);
}

/* -- what the keeper could change -- */

/* The folder of ours that `path` is in, or NULL. */
static const char *folder_with(const struct config_reader *r, const char *path)
{
	for (size_t i = 0; i < r->folders.n_slots; i++) {
		const struct config_entry *e = &r->folders.slots[i];

		if (e->key != 0 &&
		    config_is_within(path,
				     snapshot_string(r->b, (struct text){ e->number })))
			return snapshot_string(r->b, (struct text){ e->key });
	}
	return NULL;
}

static void check_program(struct config_reader *r, const struct config_entry *e)
{
	const char *folder =
	    folder_with(r, snapshot_string(r->b, (struct text){ e->number }));

	if (folder != NULL)
		config_warn(
		    r, e->at,
		    "the program \"%s\" is in %s, where the keeper writes: keep "
		    "it elsewhere, or who takes the keeper over could change it",
		    snapshot_string(r->b, (struct text){ e->key }), folder);
}

static void check_source(struct config_reader *r, const struct config_source *s)
{
	const config_setting_t *root = config_root_setting(&s->tree);
	struct config_look l = { .error = 0 };
	const char *folder;

	if (s->path[0] != '/' || r->host->look(r->host->arg, s->path, &l) < 0)
		return; /* a relative one is where the caller is */
	if (l.open[0] != '\0')
		config_warn(r, root, "others can put another file in its place: %s",
			    l.open);
	folder = folder_with(r, l.real);
	if (folder != NULL)
		config_warn(r, root,
			    "it is in %s, where the keeper writes: keep it elsewhere, "
			    "or who takes the keeper over could change it",
			    folder);
}

/* A folder of ours: whoever can put another one in its place has all that is in it. */
static void check_own(struct config_reader *r, const char *setting, struct text path)
{
	const config_setting_t *root = config_root_setting(&r->sources[0]->tree);
	const config_setting_t *s = config_member(root, setting);
	const char *word = snapshot_string(r->b, path);
	struct config_look l = { .error = 0 };

	if (word != NULL && r->host->look(r->host->arg, word, &l) == 0 &&
	    l.open[0] != '\0')
		config_warn(r, s == NULL ? root : s,
			    "%s: others can put another folder in its place: %s", word,
			    l.open);
}

void config_check_apart(struct config_reader *r)
{
	if (r->host->reach == NULL)
		return;
	check_own(r, "state_dir", r->global.state_dir);
	check_own(r, "runtime_dir", r->global.runtime_dir);
	for (size_t i = 0; i < r->programs.n_slots; i++)
		if (r->programs.slots[i].key != 0)
			check_program(r, &r->programs.slots[i]);
	for (size_t i = 0; i < r->n_sources; i++)
		check_source(r, r->sources[i]);
}
