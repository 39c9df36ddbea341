#include "agent/config/config_global.h"

#include <string.h>
#include <sys/un.h>

#include "agent/config/config_host.h"
#include "agent/config/config_report.h"
#include "agent/config/config_system.h"
#include "agent/config/config_value.h"
#include "agent/role/control.h"
#include "agent/role/stranger.h"
#include "agent/role/stranger_walk.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"

#define SYSUSERS "sysusers.d/everleaf.conf" /* etc/everleaf.sysusers, installed */

static const struct {
	const char *setting;
	const char *name;
} users[SPEC_USERS] = {
	[SPEC_USER_AGENT] = { "agent", "everleaf" },
	[SPEC_USER_KEEPER] = { "keeper", "everleaf-keeper" },
	[SPEC_USER_NETWORK] = { "network", "everleaf-net" },
};

void config_global_defaults(struct config_reader *r)
{
	r->global = (struct spec_global){
		.state_dir = snapshot_text(r->b, r->host->home_state),
		.runtime_dir = snapshot_text(r->b, r->host->home_runtime),
		.log_level = LEVEL_INFO,
	};
	for (unsigned i = 0; i < SPEC_USERS; i++)
		r->global.users[i] = (struct spec_user){ SPEC_NOBODY, SPEC_NOBODY };
}

/* A folder that is ours, with all in it: it is made, and its mode is set. */
static void read_own(struct config_reader *r, const config_setting_t *s,
		     struct text *out)
{
	const char *path = config_path(r, s);

	if (path == NULL)
		return;
	if (config_is_system(path))
		config_expected(r, s, "a folder of its own, not one of the system's");
	else
		*out = snapshot_text(r->b, path);
}

void config_state_dir(struct config_reader *r, const config_setting_t *s, void *into)
{
	(void)into;
	read_own(r, s, &r->global.state_dir);
}

void config_runtime_dir(struct config_reader *r, const config_setting_t *s, void *into)
{
	const size_t most =
	    sizeof(((struct sockaddr_un *)NULL)->sun_path) - sizeof("/" CONTROL_SOCKET);
	const char *dir;

	(void)into;
	read_own(r, s, &r->global.runtime_dir);
	dir = snapshot_string(r->b, r->global.runtime_dir);
	if (dir != NULL && strlen(dir) > most)
		config_warn(r, s,
			    "there will be no control socket: for %s/" CONTROL_SOCKET
			    " it may have %zu bytes, and has %zu",
			    dir, most, strlen(dir));
}

static void read_format(struct config_reader *r, const config_setting_t *s, void *into)
{
	static const char *const words[] = { "logfmt", "json", NULL };

	config_choice(r, s, words, &((struct spec_global *)into)->log_json);
}

static void read_level(struct config_reader *r, const config_setting_t *s, void *into)
{
	static const char *const words[] = {
		[LEVEL_ERROR] = "error", [LEVEL_WARNING] = "warning",
		[LEVEL_INFO] = "info",   [LEVEL_DEBUG] = "debug",
		[LEVELS] = NULL,
	};

	config_choice(r, s, words, &((struct spec_global *)into)->log_level);
}

static const struct config_rule log_rules[] = {
	{ "format", read_format, 0 },
	{ "level", read_level, 0 },
	{ NULL, NULL, 0 },
};

void config_log(struct config_reader *r, const config_setting_t *s, void *into)
{
	(void)into;
	config_group(r, s, log_rules, CONFIG_ALL, &r->global);
}

void config_http(struct config_reader *r, const config_setting_t *s, void *into)
{
	static const char unix_prefix[] = "unix:";
	const size_t len = sizeof(unix_prefix) - 1;

	(void)into;
	if (config_listen(r, s, true, &r->global.http) &&
	    strncmp(config_setting_get_string(s), unix_prefix, len) == 0)
		config_socket(r, s, config_setting_get_string(s) + len);
}

/* The keeper may read below the first folder, whatever comes behind it. */
static void read_pattern(struct config_reader *r, const config_setting_t *s)
{
	const char *pattern = config_path(r, s);
	AUTO_FREE char *root = NULL;
	struct text t;

	if (pattern == NULL)
		return;
	root = xstrndup(pattern, stranger_root(pattern));
	if (strcmp(root, "/") == 0 || strlen(pattern) >= STRANGER_PATH) {
		config_expected(r, s,
				"a pattern such as \"/etc/ssl/private/*.pem\", with a "
				"folder before its first wildcard and of less than %d "
				"bytes",
				STRANGER_PATH);
		return;
	}
	if (!config_exists(r, root))
		config_warn(r, s, "there is no %s now", root);
	t = snapshot_text(r->b, pattern);
	if (snapshot_add(r->b, SPEC_WATCH, &t, 1).first == STRANGER_PATTERNS)
		config_expected(r, s, "%d patterns at most", STRANGER_PATTERNS);
}

void config_watch(struct config_reader *r, const config_setting_t *s, void *into)
{
	(void)into;
	for (unsigned i = 0; i < config_items(s); i++)
		read_pattern(r, config_item(s, i));
}

void config_global_contact(struct config_reader *r, const config_setting_t *s,
			   void *into)
{
	(void)into;
	config_contact(r, s, &r->contact);
}

void config_agree_terms(struct config_reader *r, const config_setting_t *s, void *into)
{
	(void)into;
	config_bool(r, s, &r->agree_terms);
}

static void read_user(struct config_reader *r, const config_setting_t *s, void *into)
{
	(void)into; /* read by users_of(), defaults and all */
	config_string(r, s, "a user, or its number in quotes");
}

static const struct config_rule user_rules[] = {
	{ "agent", read_user, 0 },
	{ "keeper", read_user, 0 },
	{ "network", read_user, 0 },
	{ NULL, NULL, 0 },
};

static void resolve(struct config_reader *r, const config_setting_t *root, unsigned i)
{
	const config_setting_t *group = config_member(root, "users");
	const config_setting_t *s =
	    group == NULL ? NULL : config_member(group, users[i].setting);
	const config_setting_t *at = s != NULL ? s : root;
	const char *name = s == NULL ? users[i].name : config_setting_get_string(s);
	struct config_owner o;
	struct err e;

	if (name == NULL)
		return; /* reported as no string */
	if (config_user_called(r, name, &o, &e) < 0)
		config_error(
		    r, at,
		    "%sfound no user \"%s\" on this host, expected those of " SYSUSERS
		    " (systemd-sysusers), or another one in users.%s",
		    s == NULL ? "users: " : "", name, users[i].setting);
	else if (o.uid == 0)
		config_error(r, at, "found root, expected a user without rights");
	else
		r->global.users[i] = (struct spec_user){ o.uid, o.gid };
}

/* Two roles of one user could trace each other, and what one of them may not do the
 * other one would. */
static void check_apart(struct config_reader *r, const config_setting_t *root)
{
	const config_setting_t *group = config_member(root, "users");
	const config_setting_t *at = group == NULL ? root : group;
	const struct spec_user *u = r->global.users;

	for (unsigned i = 0; i < SPEC_USERS; i++)
		for (unsigned k = i + 1; k < SPEC_USERS; k++)
			if (u[i].uid != SPEC_NOBODY && u[i].uid == u[k].uid)
				config_error(r, at,
					     "%sfound one user, %u, for %s and %s, "
					     "expected one for each",
					     group == NULL ? "users: " : "", u[i].uid,
					     users[i].setting, users[k].setting);
}

void config_users(struct config_reader *r, const config_setting_t *s)
{
	const config_setting_t *group = config_member(s, "users");

	if (group != NULL && !config_group(r, group, user_rules, CONFIG_ALL, NULL))
		return;
	for (unsigned i = 0; r->host->is_root && i < SPEC_USERS; i++)
		resolve(r, s, i);
	check_apart(r, s);
}
