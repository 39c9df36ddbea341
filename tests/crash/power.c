#include "tests/crash/power.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <seccomp.h>

#include "tests/crash/layout.h"
#include "tests/crash/outside.h"
#include "tests/crash/prepare.h"
#include "tests/crash/promise.h"

#define COMMAND_SECONDS 60
#define FAILURES_SHOWN  5 /* of each case */

/* -- numbers -- */

bool power_is_new(struct power_seen *seen, uint64_t number)
{
	for (size_t i = 0; i < seen->n; i++)
		if (seen->all[i] == number)
			return false;
	if (seen->n == seen->room) {
		seen->room = seen->room == 0 ? 256 : 2 * seen->room;
		seen->all = realloc(seen->all, seen->room * sizeof(*seen->all));
	}
	seen->all[seen->n++] = number;
	return true;
}

unsigned power_draw(struct power *p, unsigned below)
{
	p->seed = p->seed * 1103515245u + 12345u;
	return (p->seed >> 8) % below;
}

bool power_takes(struct power *p)
{
	return p->n_passed++ == 0 || p->every <= 1 || power_draw(p, p->every) == 0;
}

uint64_t power_hash(uint64_t hash, const void *data, size_t len)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
	return hash;
}

/* -- trees -- */

static uint64_t hash_content(uint64_t hash, const FTSENT *f)
{
	char part[4096];
	ssize_t n;
	int fd;

	if (f->fts_info == FTS_SL) {
		n = readlink(f->fts_accpath, part, sizeof(part));
		return power_hash(hash, part, n > 0 ? (size_t)n : 0);
	}
	if (f->fts_info != FTS_F)
		return hash;
	hash = power_hash(hash, &f->fts_statp->st_ino, sizeof(ino_t));
	hash = power_hash(hash, &f->fts_statp->st_mtim, sizeof(struct timespec));
	fd = open(f->fts_accpath, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && (n = read(fd, part, sizeof(part))) > 0)
		hash = power_hash(hash, part, (size_t)n);
	if (fd >= 0)
		close(fd);
	return hash;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static uint64_t hash_tree(const char *dir)
{
	char *dirs[] = { (char *)(uintptr_t)dir, NULL };
	FTS *tree = fts_open(dirs, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	uint64_t hash = POWER_HASH_BEGIN;
	const FTSENT *f;

	while (tree != NULL && (f = fts_read(tree)) != NULL) {
		if (f->fts_info == FTS_DP)
			continue;
		hash = power_hash(hash, f->fts_path, f->fts_pathlen + 1u);
		hash = power_hash(hash, &f->fts_statp->st_mode, sizeof(mode_t));
		hash = power_hash(hash, &f->fts_statp->st_uid, sizeof(uid_t));
		hash = power_hash(hash, &f->fts_statp->st_gid, sizeof(gid_t));
		hash = hash_content(hash, f);
	}
	if (tree != NULL)
		fts_close(tree);
	return hash;
}

/* -- looking at a disk -- */

static bool said_all(const char *all, size_t n_said)
{
	const char *end = strstr(all, "\nended 0\n");

	return end != NULL && (size_t)(end - all) < n_said;
}

static const char *look_next(struct power *p, bool whole, char why[CHECK_WHY])
{
	int status;

	p->before.ordered = outside_orders(&p->world) - p->n_ordered;
	status = world_run(&p->world, p->crash->next);
	if (case_accepts(p->crash, status))
		return check_next(p->crash, &p->world, &p->before,
				  CHECK_POWER | (whole ? CHECK_WHOLE : 0), why);
	snprintf(why, CHECK_WHY, "the next run ended with %d", status);
	return why;
}

static const char *look_at(struct power *p, const char *all, size_t n_said,
			   char why[CHECK_WHY])
{
	bool whole = said_all(all, n_said);
	uint64_t hash;

	if (check_cut(p->crash, &p->world, why) != NULL)
		return why;
	if (promise_check(p->crash, &p->world, &p->before, all, n_said, why) != NULL) {
		p->figures.n_lost++;
		return why;
	}
	hash = hash_tree(p->world.dir);
	if (!power_is_new(&p->trees, power_hash(hash, &whole, sizeof(whole))))
		return NULL;
	p->figures.n_trees++;
	return look_next(p, whole, why);
}

static const char *look(struct power *p, const char *all, size_t n_said,
			char why[CHECK_WHY])
{
	const char *text;

	if (!volume_mount(&p->volume)) {
		snprintf(why, CHECK_WHY, "it cannot be mounted: %s", strerror(errno));
		return why;
	}
	text = look_at(p, all, n_said, why);
	if (!volume_umount(&p->volume) && text == NULL)
		text = "somebody is left on it";
	return text;
}

static void report(const struct power *p, const char *what, const char *text)
{
	AUTO_BUF struct buf out = { 0 };

	if (p->figures.n_failed > FAILURES_SHOWN)
		return;
	printf("  %s on %s: %s: %s\n", p->crash->name, p->volume.kind->name, what,
	       text);
	if (strncmp(text, "the next run", 12) == 0 &&
	    world_read(&p->world, p->world.answer, &out) && out.data != NULL)
		printf("    | %s\n", out.data);
	fflush(stdout);
}

static void restore(struct power *p, const struct disk_log *touched)
{
	struct disk_log log = disk_take_log(&p->disk);

	disk_copy(&log, p->disk.now, p->stable);
	disk_copy(touched, p->disk.now, p->stable);
	disk_log_done(&log);
}

bool power_look(struct power *p, const struct disk_log *touched, const char *all,
		size_t n_said, const char *what)
{
	char why[CHECK_WHY] = "";
	const char *text = look(p, all, n_said, why);

	p->figures.n_states++;
	p->figures.n_said += promise_count(all, n_said) > 0;
	if (text != NULL) {
		p->figures.n_failed++;
		report(p, what, text);
	}
	restore(p, touched);
	return text == NULL;
}

/* -- before -- */

static const char *open_disk(struct power *p, const struct volume_kind *kind)
{
	size_t size = (size_t)kind->mib << 20;
	char dir[160];

	snprintf(dir, sizeof(dir), "%.140s/disk", p->world.base);
	if (mkdir(dir, 0700) < 0 || mkdir(p->world.dir, 0755) < 0)
		return "a folder for a disk";
	p->volume = (struct volume){ .kind = kind, .disk = &p->disk };
	snprintf(p->volume.dir, sizeof(p->volume.dir), "%s", p->world.dir);
	p->stable = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p->stable == MAP_FAILED)
		return "memory for a disk";
	if (disk_open(&p->disk, dir, size))
		return NULL;
	munmap(p->stable, size);
	return "a mount of FUSE";
}

const char *power_open(struct power *p, const struct crash_case *c,
		       const struct volume_kind *kind)
{
	const char *reason = volume_reason(kind);

	if (reason != NULL)
		return reason;
	if (!volume_alone())
		return "a mount namespace of our own";
	if (!world_open(&p->world, c->outside, c->served))
		return "a folder, or a CA";
	p->crash = c;
	p->world.layout = LAYOUT_FILES;
	reason = open_disk(p, kind);
	if (reason == NULL && !volume_make(&p->volume)) {
		power_done(p);
		return "a file system on a loop device";
	}
	if (reason != NULL)
		world_done(&p->world);
	return reason;
}

void power_done(struct power *p)
{
	size_t size = p->disk.size;

	disk_done(&p->disk);
	munmap(p->stable, size);
	world_done(&p->world);
	disk_log_done(&p->log);
	free(p->trees.all);
	free(p->states.all);
}

bool power_prepare(struct power *p)
{
	struct disk_log log;
	bool ok;

	if (!volume_mount(&p->volume))
		return false;
	ok = case_prepare(p->crash, &p->world);
	check_facts(p->crash, &p->world, &p->before);
	ok = volume_umount(&p->volume) && ok;
	log = disk_take_log(&p->disk);
	disk_copy(&log, p->stable, p->disk.now);
	disk_log_done(&log);
	return ok;
}

/* -- the command -- */

/* Each sync succeeds and does nothing. */
static int run_unsynced(char *const argv[], const char *out)
{
	static const char *const calls[] = { "fsync", "fdatasync", "sync", "syncfs",
					     "sync_file_range" };
	scmp_filter_ctx ctx;
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		ctx = seccomp_init(SCMP_ACT_ALLOW);
		for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
			(void)seccomp_rule_add(ctx, SCMP_ACT_ERRNO(0),
					       seccomp_syscall_resolve_name(calls[i]),
					       0);
		if (seccomp_load(ctx) < 0)
			_exit(126);
		_exit(world_exec(argv, out, COMMAND_SECONDS));
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* What waits in memory goes to the disk at any moment, as it does on a busy machine. */
static pid_t press(const struct power *p)
{
	int handle = volume_handle(&p->volume);
	pid_t pid = p->pressed ? fork() : -1;

	while (pid == 0)
		syncfs(handle);
	close(handle);
	return pid;
}

static void release(pid_t pid)
{
	if (pid < 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* What it says goes to the log of the disk, and how it ended. */
static bool run_command(struct power *p)
{
	struct world_command command;
	char words[128], out[64];
	int status;
	pid_t presser;

	snprintf(words, sizeof(words), "-v %s", p->crash->command);
	snprintf(out, sizeof(out), "/proc/self/fd/%d", p->disk.says);
	world_command(&p->world, words, &command);
	presser = press(p);
	status = p->unsynced ? run_unsynced(command.argv, out)
			     : world_exec(command.argv, out, COMMAND_SECONDS);
	release(presser);
	dprintf(p->disk.says, "\nended %d\n", status);
	return world_no_stray() && status == 0;
}

bool power_record(struct power *p)
{
	bool ok;

	disk_log_done(&p->log);
	if (!volume_mount(&p->volume))
		return false;
	ok = run_command(p);
	p->n_ordered = outside_orders(&p->world) - p->before.ordered;
	ok = volume_umount(&p->volume) && ok;
	p->log = disk_take_log(&p->disk);
	disk_copy(&p->log, p->disk.now, p->stable);
	return ok;
}
