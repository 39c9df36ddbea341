/* sandbox: files that are not a role's own are out of its reach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/mem.h"
#include "tests/help/attack.h"

static bool opens(const char *path, int flags, mode_t mode)
{
	return open(path, flags | O_CLOEXEC, mode) >= 0;
}

static bool reads_shadow(const struct ground *g)
{
	(void)g;
	return opens("/etc/shadow", O_RDONLY, 0);
}

static bool reads_outside(const struct ground *g)
{
	return opens(g->outside_file, O_RDONLY, 0);
}

static bool lists_outside(const struct ground *g)
{
	return opens(g->outside, O_RDONLY | O_DIRECTORY, 0);
}

static bool writes_outside(const struct ground *g)
{
	return opens(g->outside_file, O_WRONLY, 0);
}

static bool creates_outside(const struct ground *g)
{
	AUTO_FREE char *path = xasprintf("%s/new", g->outside);

	return opens(path, O_CREAT | O_WRONLY, 0600);
}

static bool creates_inside(const struct ground *g)
{
	AUTO_FREE char *path = xasprintf("%s/new", g->inside);

	return opens(path, O_CREAT | O_WRONLY, 0600);
}

static bool reads_memory_of_parent(const struct ground *g)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/mem", g->parent);

	return opens(path, O_RDONLY, 0);
}

static bool truncates_outside(const struct ground *g)
{
	return truncate(g->outside_file, 0) == 0;
}

static bool unlinks_outside(const struct ground *g)
{
	return unlinkat(AT_FDCWD, g->outside_file, 0) == 0;
}

static bool renames_outside(const struct ground *g)
{
	AUTO_FREE char *path = xasprintf("%s/moved", g->outside);

	return renameat(AT_FDCWD, g->outside_file, AT_FDCWD, path) == 0;
}

static bool takes_from_outside(const struct ground *g)
{
	AUTO_FREE char *path = xasprintf("%s/taken", g->inside);

	return renameat(AT_FDCWD, g->outside_file, AT_FDCWD, path) == 0;
}

static bool links_into_inside(const struct ground *g)
{
	AUTO_FREE char *path = xasprintf("%s/hard", g->inside);

	return linkat(AT_FDCWD, g->outside_file, AT_FDCWD, path, 0) == 0;
}

static bool symlinks_outside(const struct ground *g)
{
	AUTO_FREE char *path = xasprintf("%s/link", g->outside);

	return symlinkat("/etc/passwd", AT_FDCWD, path) == 0;
}

static bool makes_a_folder_outside(const struct ground *g)
{
	AUTO_FREE char *path = xasprintf("%s/folder", g->outside);

	return mkdirat(AT_FDCWD, path, 0700) == 0;
}

static bool makes_a_fifo_inside(const struct ground *g)
{
	AUTO_FREE char *path = xasprintf("%s/fifo", g->inside);

	return mkfifo(path, 0600) == 0;
}

static bool chmods_by_path(const struct ground *g)
{
	return chmod(g->inside_file, 0666) == 0;
}

static bool chowns_by_path(const struct ground *g)
{
	return fchownat(AT_FDCWD, g->outside_file, getuid(), getgid(), 0) == 0;
}

static bool sets_times_by_path(const struct ground *g)
{
	return utimensat(AT_FDCWD, g->outside_file, NULL, 0) == 0;
}

static bool makes_setuid(const struct ground *g)
{
	int fd = open(g->inside_file, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && fchmod(fd, 04755) == 0;
}

static bool makes_setgid(const struct ground *g)
{
	int fd = open(g->inside_file, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && fchmod(fd, 02755) == 0;
}

static bool creates_setuid(const struct ground *g)
{
	AUTO_FREE char *path = xasprintf("%s/setuid", g->inside);

	return opens(path, O_CREAT | O_WRONLY, 04755);
}

static bool sets_an_attribute(const struct ground *g)
{
	return setxattr(g->inside_file, "user.x", "1", 1, 0) == 0;
}

static bool sets_an_attribute_of_what_is_open(const struct ground *g)
{
	int fd = open(g->inside_file, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && fsetxattr(fd, "user.x", "1", 1, 0) == 0;
}

/* Read when the program is run: with it, it has CAP_SETUID. */
static bool sets_file_capabilities(const struct ground *g)
{
	static const uint32_t image[] = { 0x02000001, 1u << 7, 0, 0, 0 };
	int fd = open(g->inside_file, O_RDONLY | O_CLOEXEC);

	return fd >= 0 &&
	       fsetxattr(fd, "security.capability", image, sizeof(image), 0) == 0;
}

static void every_file_attack_is_refused_to_every_kind(void **state)
{
	static const struct attack rows[] = {
		{ "read /etc/shadow", reads_shadow, FILES, 0 },
		{ "read a file outside", reads_outside, FILES, 0 },
		{ "list a folder outside", lists_outside, FILES, 0 },
		{ "write a file outside", writes_outside, FILES, 0 },
		{ "create a file outside", creates_outside, FILES, 0 },
		{ "create a file inside", creates_inside, FILES,
		  FOR(AGENT) | FOR(KEEPER) },
		{ "/proc/PARENT/mem", reads_memory_of_parent, FILES, 0 },
		{ "truncate outside", truncates_outside, SECCOMP | SANDBOX_NO_TRUNCATE,
		  0 },
		{ "unlink outside", unlinks_outside, FILES, 0 },
		{ "rename outside", renames_outside, FILES, 0 },
		{ "rename from outside to inside", takes_from_outside, FILES, 0 },
		{ "hard link from outside to inside", links_into_inside,
		  SECCOMP | FILES, 0 },
		{ "symlink outside", symlinks_outside, FILES, 0 },
		{ "mkdir outside", makes_a_folder_outside, FILES, 0 },
		{ "mkfifo inside", makes_a_fifo_inside, SECCOMP | FILES, 0 },
		{ "chmod by path", chmods_by_path, SECCOMP, 0 },
		{ "chown by path", chowns_by_path, SECCOMP, 0 },
		{ "utimes by path", sets_times_by_path, SECCOMP, 0 },
		{ "fchmod 04755", makes_setuid, SECCOMP, 0 },
		{ "fchmod 02755", makes_setgid, SECCOMP, 0 },
		{ "create a file as 04755", creates_setuid, SECCOMP, 0 },
		{ "setxattr", sets_an_attribute, SECCOMP, 0 },
		{ "fsetxattr inside", sets_an_attribute_of_what_is_open, SECCOMP,
		  FOR(KEEPER) },
		{ "file capabilities", sets_file_capabilities, SECCOMP | FILES, 0 },
	};

	attack_rows(*state, rows, sizeof(rows) / sizeof(*rows));
}

static void the_attacks_work_without_a_sandbox(void **state)
{
	static attack_fn *const harmless[] = {
		reads_outside,       lists_outside,          writes_outside,
		creates_outside,     creates_inside,         symlinks_outside,
		chmods_by_path,      makes_a_folder_outside, makes_setuid,
		makes_a_fifo_inside, sets_times_by_path,     renames_outside,
	};

	attack_outside(*state, harmless, sizeof(harmless) / sizeof(*harmless));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_file_attack_is_refused_to_every_kind),
		cmocka_unit_test(the_attacks_work_without_a_sandbox),
	};

	return cmocka_run_group_tests_name("sandbox files", tests, attack_setup,
					   attack_teardown);
}
