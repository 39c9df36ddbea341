#include "agent/config/config_host.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/config/config_report.h"
#include "agent/config/config_system.h"
#include "agent/config/config_value.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"

/* Where a program without a path is looked for, in this order: PATH of a hook. */
static const char *const program_folders[] = {
	"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
};

static void look(struct config_reader *r, const char *path, struct config_look *l)
{
	*l = (struct config_look){ .error = 0 };
	if (r->host->look(r->host->arg, path, l) < 0)
		*l = (struct config_look){ .error = EIO };
}

static const struct config_owner *known(const struct config_reader *r, struct text name,
					bool user)
{
	const struct config_owner *o = (const void *)r->owners.data;

	for (size_t n = r->owners.len / sizeof(*o); n > 0; n--, o++)
		if (o->name.at == name.at && (o->uid != SPEC_NOBODY) == user)
			return o;
	return NULL;
}

int config_user_called(struct config_reader *r, const char *name,
		       struct config_owner *out, struct err *e)
{
	AUTO_BUF struct buf home = { 0 };
	struct config_owner o = { .name = snapshot_text(r->b, name) };
	const struct config_owner *before = known(r, o.name, true);
	uint64_t number;

	if (before != NULL) {
		*out = *before;
		return 0;
	}
	if (text_u64(name, SPEC_NOBODY - 1, &number))
		o.uid = o.gid = (uint32_t)number;
	else
		TRY(r->host->user(r->host->arg, name, &o.uid, &o.gid, &home, e));
	o.home = snapshot_text(r->b, home.len == 0 ? NULL : home.data);
	buf_add(&r->owners, &o, sizeof(o));
	*out = o;
	return 0;
}

static bool needs_root(struct config_reader *r, const config_setting_t *s)
{
	if (!r->host->is_root)
		config_expected(r, s,
				"none: without root nothing can belong to others");
	return r->host->is_root;
}

bool config_user(struct config_reader *r, const config_setting_t *s,
		 struct config_owner *out)
{
	const char *name = config_string(r, s, "a user, or its number in quotes");
	struct err e;

	if (name == NULL || !needs_root(r, s))
		return false;
	if (config_user_called(r, name, out, &e) < 0) {
		config_expected(r, s, "a user of this host");
		return false;
	}
	return true;
}

bool config_group_id(struct config_reader *r, const config_setting_t *s, uint32_t *gid)
{
	const char *name = config_string(r, s, "a group, or its number in quotes");
	struct config_owner o = { .uid = SPEC_NOBODY };
	const struct config_owner *before;
	uint64_t number;
	struct err e;

	if (name == NULL || !needs_root(r, s))
		return false;
	o.name = snapshot_text(r->b, name);
	before = known(r, o.name, false);
	if (before != NULL) {
		*gid = before->gid;
		return true;
	}
	if (text_u64(name, SPEC_NOBODY - 1, &number))
		o.gid = (uint32_t)number;
	else if (r->host->group(r->host->arg, name, &o.gid, &e) < 0) {
		config_expected(r, s, "a group of this host");
		return false;
	}
	buf_add(&r->owners, &o, sizeof(o));
	*gid = o.gid;
	return true;
}

bool config_exists(struct config_reader *r, const char *path)
{
	struct config_look l;

	look(r, path, &l);
	return l.error == 0;
}

/* The keeper follows no links: it may do more than those who can make them. */
static void warn_of_link(struct config_reader *r, const config_setting_t *s,
			 const char *path, const char *real)
{
	if (real != NULL && real[0] != '\0' && strcmp(real, path) != 0)
		config_warn(r, s,
			    "%s is, or leads over, a link, which is not followed: "
			    "write %s",
			    path, real);
}

static bool is_present(struct config_reader *r, const config_setting_t *s,
		       struct text *out, struct config_look *l)
{
	const char *path = config_path(r, s);

	if (path == NULL)
		return false;
	look(r, path, l);
	if (l->error == ENOENT && l->is_link)
		config_expected(r, s, "a file: it is a link to what is not there");
	else if (l->error != 0)
		config_expected(r, s, "a file: %s", strerror(l->error));
	else if (S_ISDIR(l->mode))
		config_expected(r, s, "a file: it is a folder");
	else if (!S_ISREG(l->mode))
		config_expected(r, s, "a file: it is a pipe, a socket or a device");
	else
		*out = snapshot_text(r->b, path);
	return l->error == 0 && S_ISREG(l->mode);
}

bool config_present(struct config_reader *r, const config_setting_t *s,
		    struct text *out)
{
	struct config_look l;

	return is_present(r, s, out, &l);
}

bool config_keepers(struct config_reader *r, const config_setting_t *s,
		    struct text *out)
{
	struct config_look l;

	if (!is_present(r, s, out, &l))
		return false;
	warn_of_link(r, s, config_setting_get_string(s), l.real);
	return true;
}

bool config_secret(struct config_reader *r, const config_setting_t *s, struct text *out)
{
	const char *path = config_path(r, s);
	struct config_look l;
	bool fits = false;

	if (path == NULL)
		return false;
	look(r, path, &l);
	if (l.error != 0 || !S_ISREG(l.mode) || l.is_blank)
		config_expected(r, s, "a file with the secret: %s",
				l.error != 0       ? strerror(l.error)
				: !S_ISREG(l.mode) ? "not a regular file"
						   : "it is empty");
	else if ((l.mode & 0007) != 0)
		config_expected(
		    r, s,
		    "a file that others cannot read or change, mode 0600: it "
		    "has %04o",
		    (unsigned)l.mode & 07777);
	else if (l.open[0] != '\0')
		config_expected(r, s, "a file that others cannot change: %s", l.open);
	else
		fits = true;
	if (!fits)
		return false;
	warn_of_link(r, s, path, l.real);
	*out = snapshot_text(r->b, path);
	return true;
}

/* NULL: we may write in it, as far as the configuration goes. */
static const char *folder_fault(const char *folder, const struct config_look *l)
{
	if (config_is_system(folder))
		return "a folder of its own, not one of the system's";
	if (l->error == ENOENT)
		return "a folder that exists";
	if (l->error != 0)
		return "a folder that can be looked at";
	if (!S_ISDIR(l->mode))
		return "a folder, not a link or a file";
	if (config_is_system(l->real))
		return "a folder of its own, not a link to one of the system's";
	return NULL;
}

/* `what` stands before what was expected. */
static bool folder_fits(struct config_reader *r, const config_setting_t *s,
			const char *folder, const char *what)
{
	struct text key = snapshot_text(r->b, folder);
	struct config_look l;
	const char *fault;

	if (config_index_find(&r->folders, key) != NULL)
		return true;
	look(r, folder, &l);
	fault = folder_fault(folder, &l);
	if (fault != NULL) {
		config_expected(r, s, "%s%s", what, fault);
		return false;
	}
	if (l.no_write != 0)
		config_warn(r, s, "nothing can be written in %s: %s", folder,
			    strerror(l.no_write));
	if (key.at != 0)
		config_index_add(&r->folders, key, snapshot_text(r->b, l.real).at, s);
	return true;
}

bool config_folder(struct config_reader *r, const config_setting_t *s, struct text *out)
{
	const char *path = config_path(r, s);

	if (path == NULL || !folder_fits(r, s, path, ""))
		return false;
	*out = snapshot_text(r->b, path);
	return true;
}

/* The same of one that is opened without following links. */
static bool own_folder_fits(struct config_reader *r, const config_setting_t *s,
			    const char *folder, const char *what)
{
	const struct config_entry *found;
	const char *real;

	if (!folder_fits(r, s, folder, what))
		return false;
	found = config_index_find(&r->folders, snapshot_text(r->b, folder));
	real = found == NULL ? NULL
			     : snapshot_string(r->b, (struct text){ found->number });
	warn_of_link(r, s, folder, real);
	return true;
}

static bool is_in_folder(struct config_reader *r, const config_setting_t *s,
			 const char *path)
{
	size_t len = (size_t)(strrchr(path, '/') - path);
	AUTO_FREE char *folder = xstrndup(path, len == 0 ? 1 : len);

	return own_folder_fits(r, s, folder, "a file in ");
}

/* `path` is written by the setting `s`, and by no other. */
static bool claim(struct config_reader *r, const config_setting_t *s, const char *path,
		  struct text *out)
{
	const struct config_entry *before;
	struct text key;

	if (config_is_within(path, snapshot_string(r->b, r->global.state_dir))) {
		config_expected(r, s, "a file outside of state_dir");
		return false;
	}
	key = snapshot_text(r->b, path);
	before = config_index_find(&r->paths, key);
	if (before != NULL) {
		config_error(
		    r, s, "found \"%s\" again, expected another path: %s:%u writes it",
		    path, config_source_of(before->at)->path, before->at->line);
		return false;
	}
	if (key.at != 0)
		config_index_add(&r->paths, key, 0, s);
	*out = key;
	return true;
}

/* A draft of it stands beside its place first: ".NAME.everleaf". */
static bool has_room(struct config_reader *r, const config_setting_t *s,
		     const char *path)
{
	const size_t most = NAME_MAX - sizeof("..everleaf") + 1;
	const bool has = strlen(strrchr(path, '/') + 1) <= most;

	if (!has)
		config_expected(r, s, "a file whose name has at most %zu bytes", most);
	return has;
}

/* Only for `check`: what is there now may be another thing by then. */
static void check_place(struct config_reader *r, const config_setting_t *s,
			const char *path)
{
	struct config_look l;

	if (r->host->reach == NULL)
		return;
	look(r, path, &l);
	if (l.is_link)
		config_warn(r, s,
			    "a link is in its place, which is not followed: "
			    "remove it, or the file is not written");
	else if (l.error == 0 && !S_ISREG(l.mode))
		config_warn(r, s,
			    "%s is in its place: remove it, or the file is not written",
			    S_ISDIR(l.mode) ? "a folder" : "what is no file");
}

bool config_output(struct config_reader *r, const config_setting_t *s, struct text *out)
{
	const char *path = config_path(r, s);

	if (path == NULL || !has_room(r, s, path) || !is_in_folder(r, s, path) ||
	    !claim(r, s, path, out))
		return false;
	check_place(r, s, path);
	return true;
}

bool config_output_folder(struct config_reader *r, const config_setting_t *s,
			  struct text *out)
{
	const char *path = config_path(r, s);

	return path != NULL && own_folder_fits(r, s, path, "") &&
	       claim(r, s, path, out);
}

/* One that is not there yet may be runtime_dir, which is made. */
void config_socket(struct config_reader *r, const config_setting_t *s, const char *path)
{
	const size_t len = (size_t)(strrchr(path, '/') - path);
	AUTO_FREE char *folder = xstrndup(path, len == 0 ? 1 : len);
	struct config_look l;

	look(r, folder, &l);
	if (l.error != 0)
		return;
	if (l.open[0] != '\0')
		config_expected(r, s,
				"a socket in a folder that others cannot write: %s",
				l.open);
	else if ((l.mode & 0002) != 0) /* sticky */
		config_expected(r, s,
				"a socket in a folder that others cannot write: "
				"everybody can write %s (mode %04o)",
				folder, (unsigned)l.mode & 07777);
}

/* Added to `fault`: why it may not be run, or be read by what is run. */
static void add_fault(struct buf *fault, const struct config_look *l, bool is_read)
{
	if (l->error != 0)
		buf_puts(fault, strerror(l->error));
	else if (is_read && !S_ISREG(l->mode))
		buf_puts(fault, "it is no file");
	else if (!is_read &&
		 ((!S_ISREG(l->mode) && !S_ISLNK(l->mode)) || (l->mode & 0111) == 0))
		buf_puts(fault, "it cannot be executed");
	else if (!is_read && l->no_exec)
		buf_puts(fault, "its file system is mounted with noexec");
	else if (l->open[0] != '\0')
		buf_printf(fault, "others can change it: %s", l->open);
}

/* As execvp() would take it: the first that is there. */
static void look_in_path(struct config_reader *r, const char *word,
			 struct config_look *l)
{
	l->error = ENOENT;
	for (size_t i = 0;
	     l->error != 0 && i < sizeof(program_folders) / sizeof(program_folders[0]);
	     i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", program_folders[i], word);

		look(r, path, l);
	}
}

bool config_program_fits(struct config_reader *r, const config_setting_t *at,
			 const char *word)
{
	struct text key = snapshot_text(r->b, word);
	AUTO_BUF struct buf fault = { 0 };
	struct config_look l;

	if (config_index_find(&r->programs, key) != NULL)
		return true;
	if (word[0] != '/' && strchr(word, '/') != NULL) {
		config_error(r, at,
			     "found the program \"%s\", expected an absolute path",
			     word);
		return false;
	}
	if (word[0] == '/')
		look(r, word, &l);
	else
		look_in_path(r, word, &l);
	add_fault(&fault, &l, false);
	if (fault.len > 0) {
		config_error(
		    r, at, "found the program \"%s\", expected one to run: %s%s", word,
		    fault.data,
		    l.error == ENOENT && strchr(word, ' ') != NULL
			? "; each argument is a string of its own, as in [ \"a\", "
			  "\"b\" ]"
			: "");
		return false;
	}
	if (key.at != 0)
		config_index_add(&r->programs, key, snapshot_text(r->b, l.real).at, at);
	return true;
}

bool config_sourced_fits(struct config_reader *r, const config_setting_t *at,
			 const char *path)
{
	AUTO_BUF struct buf fault = { 0 };
	struct config_look l;

	look(r, path, &l);
	add_fault(&fault, &l, true);
	if (fault.len > 0)
		config_error(r, at, "found \"%s\", expected a file to source: %s", path,
			     fault.data);
	return fault.len == 0;
}

bool config_program(struct config_reader *r, const config_setting_t *s,
		    struct list *out)
{
	const char *word;

	if (!config_words(r, s, "a program and its arguments", out))
		return false;
	word = config_setting_get_string(config_item(s, 0));
	return config_program_fits(r, s, word);
}
