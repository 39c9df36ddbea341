#include "tests/crash/litter.h"

#include <dirent.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/crash/cases.h"
#include "tests/crash/world.h"

static const char *const welcome[] = {
	"everleaf.conf",
	"hook",
	"hook.log",
	"served.pem",
	"serial",
	"run",
	"run/agent.sock",
	"test",
	"out",
	"web",
	"state",
	"state/lock",
	"state/id",
	"state/live",
	"state/archive",
	"state/ca",
	"state/crl",
	"state/crl/[a-z]*",
	"state/roots",
	"state/roots/[a-z]*",
	"state/accounts",
	"state/accounts/ca",
	"state/accounts/ca/account.key",
	"state/accounts/ca/account.json",
	"state/accounts/ca/directory",
	"state/agent",
	"state/agent/state.db",
	"state/live/[a-z]*",
	"state/archive/[a-z]*",
	"state/archive/[a-z]*/[0-9]*",
	"state/archive/[a-z]*/[0-9]*/[a-z]*",
	"state/ca/flat",
	"state/ca/flat/root.pem",
	"state/ca/flat/root.key",
	"state/ca/flat/crl.pem",
	"state/ca/flat/crl.der",
	"state/ca/lab",
	"state/ca/lab/root.pem",
	"state/ca/lab/root.key",
	"state/ca/lab/intermediate.pem",
	"state/ca/lab/intermediate.key",
	"state/ca/lab/crl.pem",
	"state/ca/lab/crl.der",
	"out/[a-z]*",
	"out/more/[a-z]*",
	"out/hashed/[0-9a-f]*.r0",
};

static bool is_welcome(const char *name)
{
	for (size_t i = 0; i < sizeof(welcome) / sizeof(*welcome); i++)
		if (fnmatch(welcome[i], name, FNM_PATHNAME) == 0)
			return true;
	return false;
}

/* What need not be swept, with all that is in it. */
static bool may_stay(const struct crash_case *c, unsigned how, const char *name)
{
	const char *file = strrchr(name, '/') == NULL ? name : strrchr(name, '/') + 1;

	if (c->announces &&
	    (strcmp(file, ".pending") == 0 || strcmp(file, "next.tlsa") == 0))
		return true;
	if (c->maybe && strcmp(file, ".pending") == 0)
		return true;
	if ((how & CHECK_FAILED) != 0 && strncmp(file, ".old", 4) == 0)
		return true;
	/* Empty, and taken away when the next list comes. */
	if ((how & CHECK_FAILED) != 0 && strcmp(name, "state/crl/.stage") == 0)
		return true;
	/* A token is not synced, nor is that it was withdrawn; and a folder of tokens that
	 * cannot be removed stays, empty. */
	return (how & (CHECK_POWER | CHECK_FAILED)) != 0 &&
	       strcmp(name, "web/.well-known") == 0;
}

/* ... without it: a folder that could not be removed again. */
static bool may_be_empty(unsigned how, const char *name)
{
	return (how & CHECK_FAILED) != 0 &&
	       (strcmp(name, "web/.well-known") == 0 ||
		strcmp(name, "web/.well-known/acme-challenge") == 0);
}

const char *litter_find(const struct crash_case *c, const struct world *w,
			const char *below, unsigned how, char why[CHECK_WHY])
{
	char path[PATH_MAX];
	char name[PATH_MAX];
	const char *found = NULL;
	const struct dirent *f;
	struct stat st;
	DIR *d;

	snprintf(path, sizeof(path), "%s/%s", w->dir, below);
	d = opendir(path);
	while (d != NULL && found == NULL && (f = readdir(d)) != NULL) {
		if (strcmp(f->d_name, ".") == 0 || strcmp(f->d_name, "..") == 0)
			continue;
		snprintf(name, sizeof(name), "%.2000s%s%s", below,
			 below[0] == '\0' ? "" : "/", f->d_name);
		if (may_stay(c, how, name))
			continue;
		snprintf(path, sizeof(path), "%.200s/%.3000s", w->dir, name);
		if (!is_welcome(name) && !may_be_empty(how, name)) {
			snprintf(why, CHECK_WHY, "%.250s: it was left lying about",
				 name);
			found = why;
		} else if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
			found = litter_find(c, w, name, how, why);
	}
	if (d != NULL)
		closedir(d);
	return found;
}
