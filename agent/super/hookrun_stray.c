#include "agent/super/hookrun_stray.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/mem.h"

#define TREE_MAX        65536      /* processes looked at: a fork bomb has an end */
#define LIMIT_PROC_FILE (2u << 20) /* an environment is at most this (ARG_MAX) */

struct process {
	pid_t pid;
	bool belongs;
};

/* What is below us, found breadth first. */
struct tree {
	struct process *found; /* owned */
	size_t n;
	size_t cap;
};

struct run {
	pid_t leader;
	const char *mark;
	int signal;
	size_t n;
};

struct stat_line {
	char state;
	pid_t parent;
	pid_t group;
	pid_t session;
};

/* Empty if it cannot be read: the process is gone, or not ours to look at. */
static void read_proc(const char *path, struct buf *out)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	char part[4096];
	ssize_t n;

	while (fd >= 0 && out->len < LIMIT_PROC_FILE &&
	       (n = read(fd, part, sizeof(part))) > 0)
		buf_add(out, part, (size_t)n);
}

/* "PID (NAME) STATE PARENT GROUP SESSION ...", where NAME may hold anything. */
static bool read_stat(pid_t pid, struct stat_line *st)
{
	AUTO_BUF struct buf text = { 0 };
	char path[64], *at, *end;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	read_proc(path, &text);
	at = text.len > 0 ? strrchr(text.data, ')') : NULL;
	if (at == NULL || strlen(at) < 4)
		return false;
	st->state = at[2];
	st->parent = (pid_t)strtol(at + 3, &end, 10);
	st->group = (pid_t)strtol(end, &end, 10);
	st->session = (pid_t)strtol(end, NULL, 10);
	return true;
}

static bool has_mark(pid_t pid, const char *mark)
{
	AUTO_BUF struct buf env = { 0 };
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	read_proc(path, &env);
	for (size_t at = 0; at < env.len; at += strlen(env.data + at) + 1)
		if (strcmp(env.data + at, mark) == 0)
			return true;
	return false;
}

static void add(struct tree *t, pid_t pid)
{
	if (t->n >= TREE_MAX)
		return;
	if (t->n == t->cap) {
		t->cap = t->cap == 0 ? 64 : t->cap * 2;
		t->found = xrealloc(t->found, t->cap, sizeof(*t->found));
	}
	t->found[t->n++] = (struct process){ .pid = pid };
}

/* Each thread has its own list of the children it made. */
static void add_children(struct tree *t, pid_t pid)
{
	AUTO_DIR DIR *tasks = NULL;
	const struct dirent *d;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	while (tasks != NULL && (d = readdir(tasks)) != NULL) {
		AUTO_BUF struct buf list = { 0 };
		char name[sizeof(path) + NAME_MAX + 16], *at, *end;

		snprintf(name, sizeof(name), "%s/%s/children", path, d->d_name);
		read_proc(name, &list);
		for (at = list.data; at != NULL && *at != '\0'; at = end) {
			pid_t child = (pid_t)strtol(at, &end, 10);

			if (end == at)
				break;
			if (child > 0)
				add(t, child);
			end += strspn(end, " ");
		}
	}
}

/* Looked at while it is held by a descriptor, so that the number cannot have passed to
 * another process between the look and the signal. */
static bool look(struct run *r, const struct process *parent, pid_t pid)
{
	AUTO_FD int fd = pidfd_open(pid, 0);
	struct stat_line st;
	bool belongs;

	if (fd < 0 || !read_stat(pid, &st) || st.parent != parent->pid)
		return false;
	belongs = parent->belongs || pid == r->leader || st.session == r->leader ||
		  has_mark(pid, r->mark);
	if (!belongs || pid == r->leader || st.state == 'Z')
		return belongs;
	r->n++;
	if (r->signal != 0 && st.group != r->leader)
		pidfd_send_signal(fd, r->signal, NULL, 0);
	return true;
}

size_t hookrun_stray_signal(pid_t leader, const char *mark, int signal)
{
	struct run r = { .leader = leader, .mark = mark, .signal = signal };
	struct tree t = { 0 };

	add(&t, getpid());
	for (size_t i = 0; i < t.n; i++) {
		struct process parent = t.found[i];
		size_t first = t.n;

		add_children(&t, parent.pid);
		for (size_t k = first; k < t.n; k++)
			t.found[k].belongs = look(&r, &parent, t.found[k].pid);
	}
	free(t.found);
	return r.n;
}

static bool listed(const pid_t *pids, size_t n, pid_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

void hookrun_stray_reap(const pid_t *leaders, size_t n)
{
	siginfo_t any = { 0 };
	struct tree t = { 0 };
	struct stat_line st;

	/* Only a look: the end of a role is for the supervisor to see. */
	if (waitid(P_ALL, 0, &any, WEXITED | WNOHANG | WNOWAIT) != 0 || any.si_pid == 0)
		return;
	add_children(&t, getpid());
	for (size_t i = 0; i < t.n; i++) {
		pid_t pid = t.found[i].pid;

		if (!listed(leaders, n, pid) && read_stat(pid, &st) &&
		    st.state == 'Z' && st.session != getsid(0))
			waitpid(pid, NULL, WNOHANG);
	}
	free(t.found);
}
