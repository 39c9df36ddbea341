#include "tests/help/tree.h"

#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "tests/help/alone.h"

#define PATIENCE_MS 60000 /* the machine may be busy; no test needs it */

static const char *path_of(const struct tree *t)
{
	return ((const struct scratch *)t->scratch)->path;
}

int tree_in(void **state)
{
	struct tree *t = test_calloc(1, sizeof(*t));

	if (scratch_in(&t->scratch) < 0)
		return -1;
	*state = t;
	return chmod(path_of(t), 0755); /* the roles are other users */
}

/* A test that failed leaves its tree; nothing else may stay. */
int tree_out(void **state)
{
	struct tree *t = *state;
	int rc;

	tree_let_hook_end(t);
	if (t->pid != 0) {
		kill(t->pid, SIGKILL);
		waitpid(t->pid, NULL, 0);
	}
	rc = scratch_out(&t->scratch);
	test_free(t);
	return rc;
}

static void drop(void)
{
	if (setgroups(0, NULL) < 0 || setgid(TREE_USER) < 0 || setuid(TREE_USER) < 0)
		_exit(126);
}

bool tree_drop(struct tree *t)
{
	const char *program = alone_program("everleaf");
	pid_t pid;

	if (geteuid() != 0) {
		print_message("skipped: only root can become another user\n");
		return false;
	}
	pid = fork();
	if (pid == 0) {
		drop();
		_exit(access(program, X_OK) == 0 ? 0 : 1);
	}
	if (alone_wait(pid, PATIENCE_MS) != 0) {
		print_message("skipped: user %d cannot reach %s\n", TREE_USER, program);
		return false;
	}
	t->as_user = true;
	assert_int_equal(chown(path_of(t), TREE_USER, TREE_USER), 0);
	return true;
}

void tree_configure(const struct tree *t, const char *more)
{
	const char *dir = path_of(t);
	const char *users = geteuid() != 0 || t->as_user
				? ""
				: "users = { agent = \"61001\"; keeper = \"61002\"; "
				  "network = \"61003\"; };\n";
	AUTO_FREE char *text = xasprintf(
	    "state_dir = \"%s/state\";\nruntime_dir = \"%s/run\";\n%s"
	    "hooks = ( { name = \"slow\"; timeout = \"60s\"; run = [ \"/bin/sh\", "
	    "\"-c\",\n"
	    "  \"echo $$ >>%s/hooks; while [ -d %s ] && [ ! -e %s/go ]; do sleep 0.05; "
	    "done\" ]; } );\n"
	    "certificates = ( { name = \"www\"; names = \"www.example\"; issuer = "
	    "\"local\"; hooks = \"slow\"; %s } );\n",
	    dir, dir, users, dir, dir, dir, more);

	scratch_put(t->scratch, "everleaf.conf", text);
	if (t->as_user)
		assert_int_equal(fchownat(((const struct scratch *)t->scratch)->fd,
					  "everleaf.conf", TREE_USER, TREE_USER, 0),
				 0);
}

static void run(const struct tree *t, const char *program, const char *config,
		const char *const *words)
{
	const struct scratch *s = t->scratch;
	char *argv[12] = { (char *)(uintptr_t)program, (char[]){ "-c" },
			   (char *)(uintptr_t)config };
	char secret[] = "PASSWORD=hunter2";
	char *env[5] = { secret, NULL };
	size_t n = 1;
	const char *asan = getenv("ASAN_OPTIONS");
	int out = openat(s->fd, "said", O_WRONLY | O_CREAT | O_APPEND, 0666);

	for (size_t i = 0; i < 8 && words[i] != NULL; i++)
		argv[3 + i] = (char *)(uintptr_t)words[i];
	if (asan != NULL)
		env[n++] = (char *)(uintptr_t)(asan - strlen("ASAN_OPTIONS="));
	for (size_t i = 0; i < 2 && t->variables[i] != NULL; i++)
		env[n++] = (char *)(uintptr_t)t->variables[i];
	dup2(out, 1);
	dup2(out, 2);
	if (t->as_user)
		drop();
	execve(program, argv, env);
	_exit(126);
}

void tree_start(struct tree *t, const char *const *words)
{
	const char *program = alone_program("everleaf");
	AUTO_FREE char *config = xasprintf("%s/everleaf.conf", path_of(t));

	t->pid = fork();
	assert_true(t->pid >= 0);
	if (t->pid == 0)
		run(t, program, config, words);
}

int tree_wait(struct tree *t, int ms)
{
	pid_t pid = t->pid;

	t->pid = 0;
	return alone_wait(pid, ms);
}

int tree_run(struct tree *t, const char *const *words)
{
	tree_start(t, words);
	return tree_wait(t, PATIENCE_MS);
}

const char *tree_said(const struct tree *t)
{
	static char said[65536];
	const struct scratch *s = t->scratch;
	AUTO_FD int fd = openat(s->fd, "said", O_RDONLY | O_CLOEXEC);

	said[0] = '\0';
	if (fd >= 0)
		alone_hear(fd, said, sizeof(said));
	return said;
}

/* The child of the supervisor that was exec'd as "everleaf-NAME". */
static pid_t child_called(pid_t parent, const char *name)
{
	AUTO_FREE char *list = xasprintf("/proc/%d/task/%d/children", parent, parent);
	AUTO_FREE char *word = xasprintf("everleaf-%s", name);
	AUTO_BUF struct buf children = { 0 };
	struct err e;
	char *at;

	if (file_read(AT_FDCWD, list, 65536, &children, &e) < 0 || children.len == 0)
		return 0;
	at = children.data;
	for (;;) {
		char *end;
		long pid = strtol(at, &end, 10);
		AUTO_FREE char *path = xasprintf("/proc/%ld/cmdline", pid);
		AUTO_BUF struct buf line = { 0 };

		if (end == at)
			return 0;
		at = end;
		if (file_read(AT_FDCWD, path, 4096, &line, &e) == 0 && line.len > 0 &&
		    strcmp(line.data, word) == 0)
			return (pid_t)pid;
	}
}

pid_t tree_role(const struct tree *t, const char *name, pid_t old)
{
	int64_t until = clock_boot_ms() + PATIENCE_MS;
	pid_t pid;

	while ((pid = child_called(t->pid, name)) == 0 || pid == old) {
		if (clock_boot_ms() > until)
			fail_msg("there is no %s\n%s", name, tree_said(t));
		poll(NULL, 0, 10);
	}
	return pid;
}

static int runs(const struct tree *t)
{
	const struct scratch *s = t->scratch;
	AUTO_FD int fd = openat(s->fd, "hooks", O_RDONLY | O_CLOEXEC);
	char text[1024];
	int n = 0;

	if (fd < 0)
		return 0;
	alone_hear(fd, text, sizeof(text));
	for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
		n++;
	return n;
}

void tree_until_hook(const struct tree *t, int nth)
{
	int64_t until = clock_boot_ms() + PATIENCE_MS;

	while (runs(t) < nth) {
		if (clock_boot_ms() > until)
			fail_msg("the hook did not run\n%s", tree_said(t));
		poll(NULL, 0, 10);
	}
}

void tree_let_hook_end(const struct tree *t)
{
	scratch_put(t->scratch, "go", "");
}

bool tree_gone(pid_t pid)
{
	struct pollfd ended = { .fd = pidfd_open(pid, 0), .events = POLLIN };
	bool gone = ended.fd < 0 || poll(&ended, 1, PATIENCE_MS) == 1;

	if (ended.fd >= 0)
		close(ended.fd);
	return gone;
}
