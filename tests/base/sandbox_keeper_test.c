/* sandbox: the keeper stores files for others, with three capabilities and no more. */
#include "tests/scratch.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/sandbox.h"
#include "tests/help/inside.h"

#define SOMEONE 65534 /* nobody */
#define ANOTHER 65533

static void store(const char *path, bool for_another)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct timespec times[2] = { { .tv_nsec = UTIME_NOW },
				     { .tv_nsec = UTIME_NOW } };
	struct statvfs room;
	char link[16];
	int fd;

	NEED(dir >= 0);
	NEED(fstatvfs(dir, &room) == 0);
	NEED(mkdirat(dir, "stage", 0700) == 0);
	fd = openat(dir, "stage/.new", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	NEED(fd >= 0);
	NEED(write(fd, "key", 3) == 3);
	if (for_another)
		NEED(fchown(fd, ANOTHER, ANOTHER) == 0);
	NEED(fchmod(fd, 0640) == 0);
	NEED(futimens(fd, times) == 0);
	NEED(fsync(fd) == 0);
	NEED(close(fd) == 0);
	NEED(renameat(dir, "stage/.new", dir, "stage/key.pem") == 0);
	NEED(renameat2(dir, "stage", dir, "0000000001", RENAME_NOREPLACE) == 0);
	NEED(symlinkat("0000000001", dir, ".live") == 0);
	NEED(renameat(dir, ".live", dir, "live") == 0);
	NEED(readlinkat(dir, "live", link, sizeof(link)) == 10);
	NEED(fsync(dir) == 0);
	close(dir);
}

static void remove_a_tree(const char *path)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int sub = openat(dir, "0000000001", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fdopendir(sub);

	NEED(d != NULL);
	for (struct dirent *entry; (entry = readdir(d)) != NULL;)
		if (entry->d_name[0] != '.')
			NEED(unlinkat(sub, entry->d_name, 0) == 0);
	closedir(d);
	NEED(unlinkat(dir, "0000000001", AT_REMOVEDIR) == 0);
	NEED(unlinkat(dir, "live", 0) == 0);
	close(dir);
}

static void keeps(const char *path)
{
	int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	int wd = inotify_add_watch(watch, path, IN_MOVED_TO | IN_DELETE);
	char events[4096];

	NEED(wd >= 0);
	store(path, false);
	NEED(read(watch, events, sizeof(events)) > 0);
	NEED(inotify_rm_watch(watch, wd) == 0);
	remove_a_tree(path);
}

static void a_keeper_stores_and_removes_files(void **state)
{
	const struct scratch *s = *state;
	const struct sandbox_path path = { s->path, SANDBOX_WRITE };
	const struct sandbox box = inside_box(SANDBOX_KEEPER, &path, 1);

	inside_run(&box, keeps, s->path);
}

static void stores_for_another(const char *path)
{
	store(path, true);
}

/* As its own user, into a folder of root's, for a third. */
static void a_keeper_writes_for_other_users_with_three_capabilities(void **state)
{
	const struct scratch *s = *state;
	AUTO_FREE char *file = NULL;
	const struct sandbox_path path = { s->path, SANDBOX_WRITE };
	struct sandbox box = inside_box(SANDBOX_KEEPER, &path, 1);
	struct stat st;

	if (inside_needs_root("another user"))
		skip();
	file = xasprintf("%s/live/key.pem", s->path);
	box.uid = box.gid = SOMEONE;
	box.capabilities =
	    1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_FOWNER;
	inside_run(&box, stores_for_another, s->path);
	assert_return_code(stat(file, &st), errno);
	assert_int_equal(st.st_uid, ANOTHER);
	assert_int_equal(st.st_mode & 07777, 0640);
}

/* Seen from outside, as the role cannot look any more. */
static void read_status(pid_t pid, const char *key, char *value, size_t size)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/status", pid);
	FILE *f = fopen(path, "re");
	char line[256];

	assert_non_null(f);
	value[0] = '\0';
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, key, strlen(key)) == 0)
			snprintf(value, size, "%s", line + strlen(key) + 1);
	value[strcspn(value, "\n")] = '\0';
	fclose(f);
}

static void waits(const char *arg)
{
	char byte;

	NEED(send(arg[0], "x", 1, 0) == 1);
	NEED(read(arg[0], &byte, 1) == 0); /* until the parent closes */
}

static pid_t start_waiting(const struct sandbox *box, int sv[2])
{
	char arg[1], byte;
	pid_t pid;

	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv),
			   errno);
	pid = fork();
	if (pid == 0) {
		unsigned missing;
		struct err e;

		arg[0] = (char)sv[1];
		close(sv[0]);
		NEED(sandbox_enter(box, &missing, &e) == 0);
		waits(arg);
		_exit(0);
	}
	close(sv[1]);
	assert_int_equal(read(sv[0], &byte, 1), 1);
	return pid;
}

static void only_the_capabilities_asked_for_are_kept(void **state)
{
	static const struct {
		const char *key;
		const char *want;
	} rows[] = {
		{ "Uid:", "65534\t65534\t65534\t65534" },
		{ "Gid:", "65534\t65534\t65534\t65534" },
		{ "Groups:", "" },
		{ "CapInh:", "0000000000000000" },
		{ "CapPrm:", "000000000000000b" },
		{ "CapEff:", "000000000000000b" },
		{ "CapBnd:", "0000000000000000" },
		{ "CapAmb:", "0000000000000000" },
		{ "NoNewPrivs:", "1" },
	};
	struct sandbox box = inside_box(SANDBOX_RESPONDER, NULL, 0);
	char value[128];
	int sv[2];
	pid_t pid;

	(void)state;
	if (inside_needs_root("another user"))
		skip();
	box.uid = box.gid = SOMEONE;
	box.capabilities =
	    1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_FOWNER;
	pid = start_waiting(&box, sv);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		read_status(pid, rows[i].key, value, sizeof(value));
		value[strcspn(value, " ")] = '\0';
		if (strcmp(value, rows[i].want) != 0)
			fail_msg("%s \"%s\", not \"%s\"", rows[i].key, value,
				 rows[i].want);
	}
	close(sv[0]);
	waitpid(pid, NULL, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_keeper_stores_and_removes_files),
		TEST(a_keeper_writes_for_other_users_with_three_capabilities),
		cmocka_unit_test(only_the_capabilities_asked_for_are_kept),
	};

	return cmocka_run_group_tests_name("sandbox keeper", tests, NULL, NULL);
}
