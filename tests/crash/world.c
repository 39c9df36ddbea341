#include "tests/crash/world.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "tests/crash/service.h"

#define RUN_SECONDS   60
#define STRAY_TRIES   200 /* of 10 ms: what a run leaves behind has so long to end */
#define FILE_READ_MAX (1u << 20)

/* Beside the tests: the sanitized ones run sanitized programs. By the name that this one
 * was run by: in a chroot that has a mount namespace of its own, what /proc/self/exe says
 * begins at a root that is not ours. */
static void find_program(struct world *w)
{
	const char *name = (const char *)(uintptr_t)getauxval(AT_EXECFN);
	char exe[PATH_MAX] = "";
	char *tests = realpath(name, exe) ? strstr(exe, "/tests/crash/") : NULL;

	if (tests != NULL)
		*tests = '\0';
	snprintf(w->program, sizeof(w->program), "%.140s/everleaf", exe);
}

/* A container may have it without the right to run hooks in it. */
static bool is_good_memory(const char *path)
{
	struct statvfs v;

	return access(path, W_OK) == 0 && statvfs(path, &v) == 0 &&
	       (v.f_flag & ST_NOEXEC) == 0;
}

bool world_open(struct world *w, enum outside outside, bool with_service)
{
	const char *tmp = getenv("TMPDIR");

	if (tmp == NULL)
		tmp = is_good_memory("/dev/shm") ? "/dev/shm" : "/tmp";
	snprintf(w->base, sizeof(w->base), "%.90s/everleaf-crash.XXXXXX", tmp);
	if (mkdtemp(w->base) == NULL || chmod(w->base, 0755) < 0)
		return false;
	snprintf(w->dir, sizeof(w->dir), "%s/w", w->base);
	snprintf(w->kept, sizeof(w->kept), "%s/kept", w->base);
	snprintf(w->said, sizeof(w->said), "%s/said", w->base);
	snprintf(w->answer, sizeof(w->answer), "%s/answer", w->base);
	find_program(w);
	w->ca = w->service = -1;
	/* Servers are nobody's children, whatever case came before. */
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	w->outside = outside;
	if ((outside != OUTSIDE_NONE && !outside_start(w, &w->ca)) ||
	    (with_service && !service_start(w, &w->service)))
		return false;
	/* What a run leaves behind becomes ours, so that it is seen. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return true;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void remove_tree(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void world_done(struct world *w)
{
	if (w->ca >= 0)
		close(w->ca);
	if (w->service >= 0)
		close(w->service);
	remove_tree(w->base);
}

static void below(char path[PATH_MAX], const struct world *w, const char *name)
{
	snprintf(path, PATH_MAX, "%s/%s", w->dir, name);
}

void world_write(const struct world *w, const char *name, const char *text,
		 unsigned mode)
{
	char path[PATH_MAX];
	char draft[PATH_MAX];
	FILE *f;

	below(path, w, name);
	below(draft, w, ".draft");
	f = fopen(draft, "we");
	if (f == NULL)
		return;
	for (; *text != '\0'; text++)
		if (*text == '@')
			fputs(w->dir, f);
		else
			fputc(*text, f);
	fclose(f);
	chmod(draft, mode);
	rename(draft, path);
}

void world_remove(const struct world *w, const char *name)
{
	char path[PATH_MAX];

	below(path, w, name);
	unlink(path);
}

bool world_read(const struct world *w, const char *name, struct buf *out)
{
	char path[PATH_MAX];
	char real[PATH_MAX];
	struct err e;

	snprintf(path, sizeof(path), "%s/%s", name[0] == '/' ? "" : w->dir, name);
	buf_done(out);
	*out = (struct buf){ 0 };
	/* Over the live link: file_read() would not follow it. */
	if (realpath(path, real) == NULL)
		return false;
	return file_read(AT_FDCWD, real, FILE_READ_MAX, out, &e) == 0;
}

pid_t world_begin(char *const argv[], const char *out)
{
	pid_t pid = fork();

	if (pid == 0) {
		int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0644);

		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		execvp(argv[0], argv);
		_exit(126);
	}
	return pid;
}

int world_wait(pid_t pid, int seconds)
{
	int status = 0;

	for (int i = 0; i < seconds * 1000; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status)
						 : 128 + WTERMSIG(status);
		usleep(1000);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return 124;
}

int world_exec(char *const argv[], const char *out, int seconds)
{
	return world_wait(world_begin(argv, out), seconds);
}

static void copy(const char *from, const char *to)
{
	char cp[] = "cp", all[] = "-a";
	char *argv[] = { cp, all, (char *)(uintptr_t)from, (char *)(uintptr_t)to,
			 NULL };

	remove_tree(to);
	world_exec(argv, "/dev/null", RUN_SECONDS);
}

void world_keep(const struct world *w)
{
	copy(w->dir, w->kept);
	if (w->ca >= 0)
		outside_keep(w);
}

void world_restore(const struct world *w)
{
	copy(w->kept, w->dir);
	if (w->ca >= 0)
		outside_restore(w);
}

void world_clear(const struct world *w)
{
	remove_tree(w->dir);
	mkdir(w->dir, 0755);
}

void world_command(const struct world *w, const char *words, struct world_command *c)
{
	const char *at = strpbrk(words, "@#");
	const int len = at == NULL ? (int)strlen(words) : (int)(at - words);
	AUTO_BUF struct buf serial = { 0 };
	const char *put = w->dir;
	size_t n = 0;
	char *rest = NULL;

	if (at != NULL && *at == '#')
		put = world_read(w, "serial", &serial) ? serial.data : "";

	snprintf(c->text, sizeof(c->text), "%s -c %s/everleaf.conf %.*s%s%s",
		 w->program, w->dir, len, words, at == NULL ? "" : put,
		 at == NULL ? "" : at + 1);
	for (char *s = strtok_r(c->text, " ", &rest); s != NULL && n < WORLD_WORDS;
	     s = strtok_r(NULL, " ", &rest))
		c->argv[n++] = s;
	c->argv[n] = NULL;
}

bool world_no_stray(void)
{
	for (int i = 0; i < STRAY_TRIES; i++) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		if (pid < 0)
			return true;
		if (pid == 0)
			usleep(10000);
	}
	return false;
}

int world_run(const struct world *w, const char *words)
{
	struct world_command c;
	int status;

	world_command(w, words, &c);
	status = world_exec(c.argv, w->answer, RUN_SECONDS);
	return world_no_stray() ? status : 125;
}
