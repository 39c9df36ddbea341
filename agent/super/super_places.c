#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/role/log.h"
#include "agent/super/super.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

#define NOBODY 65534 /* where there is no user "everleaf" yet */

/* The first of `candidates` below the folder of this program that exists. */
static char *beside_program(const char *const *candidates, size_t n)
{
	char exe[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	if (len < 0) {
		log_error("where this program is: %s", strerror(errno));
		len = 0;
	}
	exe[len] = '\0';
	slash = strrchr(exe, '/');
	if (slash != NULL)
		*slash = '\0';
	for (size_t i = 0; i < n; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", exe, candidates[i]);

		if (access(path, F_OK) == 0)
			return TAKE(path);
		/* What cannot be looked at may be there. */
		if (errno != ENOENT) {
			log_error("%s: %s", path, strerror(errno));
			return TAKE(path);
		}
	}
	return xasprintf("%s/%s", exe, candidates[0]);
}

static char *home_path(const char *variable, const char *below_home)
{
	const char *dir = getenv(variable);
	const char *home = getenv("HOME");

	if (dir != NULL && dir[0] == '/')
		return xasprintf("%s/everleaf", dir);
	return xasprintf("%s/%s/everleaf", home == NULL ? "" : home, below_home);
}

/* What makes this host's draws its own; any stable text will do. */
static char *read_host_id(void)
{
	AUTO_BUF struct buf id = { 0 };
	struct err e;
	char name[256] = "";

	if (file_read(AT_FDCWD, "/etc/machine-id", 128, &id, &e) == 0 && id.len >= 32)
		return xstrndup(id.data, 32);
	if (gethostname(name, sizeof(name) - 1) < 0)
		name[0] = '\0';
	return xstrdup(name);
}

char *super_programs(void)
{
	static const char *const programs[] = { "../libexec/everleaf", "." };

	return beside_program(programs, 2);
}

void super_places(struct super *s)
{
	/* A folder called hooks may be another one: what was built stands in such. */
	static const char *const hooks[] = { "../share/everleaf/hooks/apache",
					     "../hooks/apache", "../../hooks/apache" };

	s->programs = super_programs();
	s->hooks_dir = beside_program(hooks, 3);
	*strrchr(s->hooks_dir, '/') = '\0';
	if (s->is_root) {
		s->home_state = xstrdup("/var/lib/everleaf");
		s->home_runtime = xstrdup("/run/everleaf");
	} else {
		s->home_state = home_path("XDG_STATE_HOME", ".local/state");
		s->home_runtime = home_path("XDG_RUNTIME_DIR", ".local/state");
	}
	s->host_id = read_host_id();
}

void super_config_user(uint32_t *uid, uint32_t *gid)
{
	const struct passwd *pw = getpwnam("everleaf");

	*uid = pw == NULL ? NOBODY : pw->pw_uid;
	*gid = pw == NULL ? NOBODY : pw->pw_gid;
}
