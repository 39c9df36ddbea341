#include "tests/help/attack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

static const char *const kind_names[SANDBOX_KINDS] = { "config", "agent", "keeper",
						       "worker", "responder" };

static void write_file(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "old", 3), 3);
	close(fd);
}

static void listen_tcp(struct ground *g)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	g->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_return_code(bind(g->tcp, (struct sockaddr *)&a, len), errno);
	assert_return_code(listen(g->tcp, 8), errno);
	assert_return_code(getsockname(g->tcp, (struct sockaddr *)&a, &len), errno);
	g->port = ntohs(a.sin_port);
}

static void listen_abstract(struct ground *g)
{
	int n;

	g->name.sun_family = AF_UNIX;
	n = snprintf(g->name.sun_path + 1, sizeof(g->name.sun_path) - 1,
		     "everleaf-test-%d", getpid());
	g->name_len =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
	g->abstract = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_return_code(bind(g->abstract, (struct sockaddr *)&g->name, g->name_len),
			   errno);
	assert_return_code(listen(g->abstract, 8), errno);
}

int attack_setup(void **state)
{
	static struct ground ground;
	struct ground *g = &ground;
	const char *tmp = getenv("TMPDIR");

	g->top = xasprintf("%s/everleaf-XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(g->top));
	assert_return_code(chmod(g->top, 0755), errno);
	g->inside = xasprintf("%s/inside", g->top);
	g->outside = xasprintf("%s/outside", g->top);
	g->inside_file = xasprintf("%s/file", g->inside);
	g->outside_file = xasprintf("%s/file", g->outside);
	assert_return_code(mkdir(g->inside, 0755), errno);
	assert_return_code(mkdir(g->outside, 0755), errno);
	write_file(g->inside_file);
	write_file(g->outside_file);
	listen_tcp(g);
	listen_abstract(g);
	g->parent = getpid();
	*state = g;
	return 0;
}

int attack_teardown(void **state)
{
	struct ground *g = *state;
	char *argv[] = { (char[]){ "rm" }, (char[]){ "-rf" }, g->top, NULL };
	pid_t pid = fork();

	if (pid == 0) {
		execvp("rm", argv);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
	close(g->tcp);
	close(g->abstract);
	free(g->top);
	free(g->inside);
	free(g->inside_file);
	free(g->outside);
	free(g->outside_file);
	return 0;
}

enum outcome {
	GOT_THROUGH = 40,
	REFUSED,
	NO_SANDBOX,
};

static struct sandbox box_of(const struct ground *g, enum sandbox_kind kind,
			     struct sandbox_path *path)
{
	bool writes = kind == SANDBOX_AGENT || kind == SANDBOX_KEEPER;
	bool reads = kind == SANDBOX_WORKER;

	*path =
	    (struct sandbox_path){ g->inside, writes ? SANDBOX_WRITE : SANDBOX_READ };
	return (struct sandbox){ .kind = kind,
				 .uid = (uid_t)-1,
				 .gid = (gid_t)-1,
				 .paths = path,
				 .n_paths = writes || reads };
}

/* Run `attack` in a sandbox of that kind; the status as of waitpid(). */
static int run(const struct ground *g, enum sandbox_kind kind, attack_fn *attack)
{
	struct sandbox_path path;
	struct sandbox box = box_of(g, kind, &path);
	unsigned missing;
	struct err e;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (sandbox_enter(&box, &missing, &e) != 0) {
			dprintf(2, "%s\n", e.text);
			_exit(NO_SANDBOX);
		}
		_exit(attack(g) ? GOT_THROUGH : REFUSED);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static bool was_refused(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) == REFUSED
				 : WTERMSIG(status) == SIGSYS;
}

/* What this kernel and this build lack. */
static unsigned missing_here(const struct ground *g)
{
	int out[2], status;
	unsigned missing = 0;
	pid_t pid;

	assert_return_code(pipe2(out, O_CLOEXEC), errno);
	pid = fork();
	if (pid == 0) {
		struct sandbox_path path;
		struct sandbox box = box_of(g, SANDBOX_CONFIG, &path);
		struct err e;

		if (sandbox_enter(&box, &missing, &e) != 0 ||
		    write(out[1], &missing, sizeof(missing)) != sizeof(missing))
			_exit(1);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	assert_int_equal(read(out[0], &missing, sizeof(missing)), sizeof(missing));
	close(out[0]);
	close(out[1]);
	return missing;
}

static unsigned attack_all_kinds(const struct ground *g, const struct attack *a)
{
	unsigned through = 0;

	for (unsigned k = 0; k < SANDBOX_KINDS; k++) {
		int status;

		if ((a->not_for & (1u << k)) != 0)
			continue;
		status = run(g, (enum sandbox_kind)k, a->run);
		if (was_refused(status))
			continue;
		print_error("%s: %s: status %#x\n", kind_names[k], a->name,
			    (unsigned)status);
		through++;
	}
	return through;
}

void attack_rows(const struct ground *g, const struct attack *rows, size_t n)
{
	unsigned missing = missing_here(g), through = 0;

	for (size_t i = 0; i < n; i++)
		if ((missing & rows[i].by) == rows[i].by)
			print_message("skipped: %s: %s\n", rows[i].name,
				      sandbox_missing(missing));
		else
			through += attack_all_kinds(g, &rows[i]);
	assert_int_equal(through, 0);
}

void attack_outside(const struct ground *g, attack_fn *const *attacks, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!attacks[i](g))
			fail_msg("attack %zu does not even work outside: %s", i,
				 strerror(errno));
}
