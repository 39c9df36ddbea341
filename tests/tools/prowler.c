/*
 * prowler UID PATH...: open, as the user UID with no group, every file that is born below
 * the folders among PATH, again and again while that goes on, until SIGTERM. The names
 * come from a second process that watches the folders as root: so the first moment of a
 * file counts, and a temporary name as much as any. What is no folder is opened too.
 *
 * Prints "started" once it goes on, and in the end a line for each file,
 *
 *     file TRIES REFUSED OPENED PATH     REFUSED: it was there, or behind a closed folder
 *
 * and then
 *
 *     tries 4000000    of all
 *     keys 0           how often what was read had a private key in it
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/mem.h"

#define FILES_MAX   1024
#define FOLDERS_MAX 65536 /* ever watched */
#define PATH_SIZE   512
#define FILE_SIZE   65536 /* bytes; one of ours has 4,000 */

struct file {
	char path[PATH_SIZE];
	unsigned long tries, refused, opened; /* of the prowling process */
};

/* Shared by both. */
struct found {
	atomic_uint n;
	atomic_bool ended;
	unsigned long keys;
	struct file files[FILES_MAX];
};

struct watcher {
	int fd;
	char *folders[FOLDERS_MAX]; /* by the number of the watch; owned */
	struct found *found;
};

static volatile sig_atomic_t ended;

static void on_term(int number)
{
	(void)number;
	ended = 1;
}

static void fail(const char *what)
{
	fprintf(stderr, "prowler: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* -- who opens -- */

static void drop_to(uid_t uid)
{
	if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 ||
	    setresuid(uid, uid, uid) < 0)
		fail("become another user");
}

static void try_one(struct found *all, struct file *f)
{
	static char data[FILE_SIZE];
	AUTO_FD int fd = open(f->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ssize_t n;

	f->tries++;
	if (fd < 0) {
		f->refused += errno == EACCES;
		return;
	}
	f->opened++;
	n = read(fd, data, sizeof(data));
	if (n > 0 && memmem(data, (size_t)n, "PRIVATE KEY", 11) != NULL)
		all->keys++;
}

static void prowl(struct found *all, uid_t uid)
{
	drop_to(uid);
	while (!all->ended)
		for (unsigned i = 0; i < all->n; i++)
			try_one(all, &all->files[i]);
}

/* -- who watches -- */

static void note(struct found *all, const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return;
	for (unsigned i = 0; i < all->n; i++)
		if (strcmp(all->files[i].path, path) == 0)
			return;
	if (all->n == FILES_MAX || strlen(path) >= PATH_SIZE) {
		errno = ENOSPC;
		fail(path);
	}
	snprintf(all->files[all->n].path, PATH_SIZE, "%s", path);
	all->n++;
}

/* Watch the folder, and take what was born in it before. */
static void watch(struct watcher *w, const char *folder)
{
	int n = inotify_add_watch(w->fd, folder, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
	AUTO_DIR DIR *d = opendir(folder);
	const struct dirent *entry;

	if (n < 0 || d == NULL)
		return; /* it is gone again */
	if (n >= FOLDERS_MAX)
		fail("more folders than can be watched");
	free(w->folders[n]);
	w->folders[n] = xstrdup(folder);
	while ((entry = readdir(d)) != NULL) {
		AUTO_FREE char *path = xasprintf("%s/%s", folder, entry->d_name);

		if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			watch(w, path);
		else if (entry->d_type == DT_REG)
			note(w->found, path);
	}
}

/* A folder that was moved is one that we watch, and nothing is born in it any more. */
static void on_event(struct watcher *w, const struct inotify_event *event)
{
	AUTO_FREE char *path = NULL;

	if (event->len == 0 || event->wd < 0 || w->folders[event->wd] == NULL)
		return;
	path = xasprintf("%s/%s", w->folders[event->wd], event->name);
	if ((event->mask & IN_ISDIR) == 0)
		note(w->found, path);
	else if ((event->mask & IN_CREATE) != 0)
		watch(w, path);
}

static void read_events(struct watcher *w)
{
	_Alignas(struct inotify_event) char events[8192];
	ssize_t n = read(w->fd, events, sizeof(events));

	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *event = (const void *)(events + at);

		on_event(w, event);
		at += (ssize_t)sizeof(*event) + (ssize_t)event->len;
	}
}

static void watch_all(struct watcher *w)
{
	struct pollfd p = { .fd = w->fd, .events = POLLIN };

	while (ended == 0)
		if (poll(&p, 1, 100) > 0)
			read_events(w);
}

static void print_all(const struct found *all)
{
	unsigned long tries = 0;

	for (unsigned i = 0; i < all->n; i++) {
		const struct file *f = &all->files[i];

		printf("file %lu %lu %lu %s\n", f->tries, f->refused, f->opened,
		       f->path);
		tries += f->tries;
	}
	printf("tries %lu\nkeys %lu\n", tries, all->keys);
}

static void begin(struct watcher *w, char **paths)
{
	struct stat st;

	for (; *paths != NULL; paths++)
		if (stat(*paths, &st) == 0 && S_ISDIR(st.st_mode))
			watch(w, *paths);
		else
			note(w->found, *paths);
}

int main(int argc, char **argv)
{
	static struct watcher w;
	int status = 1;
	pid_t pid;

	if (argc < 3) {
		fprintf(stderr, "usage: prowler UID PATH...\n");
		return 2;
	}
	w.found = mmap(NULL, sizeof(*w.found), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	w.fd = inotify_init1(IN_CLOEXEC);
	if (w.found == MAP_FAILED || w.fd < 0)
		fail("begin");
	signal(SIGTERM, on_term);
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prowl(w.found, (uid_t)strtoul(argv[1], NULL, 10));
		_exit(0);
	}
	begin(&w, argv + 2);
	printf("started\n");
	fflush(stdout);
	watch_all(&w);
	w.found->ended = true;
	if (waitpid(pid, &status, 0) < 0 || status != 0)
		fail("the one who opens");
	print_all(w.found);
	return 0;
}
