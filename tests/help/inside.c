#include "tests/help/inside.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/wait.h>

#include "base/err.h"

void inside_run(const struct sandbox *box, void (*work)(const char *arg),
		const char *arg)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		unsigned missing;
		struct err e;

		if (sandbox_enter(box, &missing, &e) != 0) {
			dprintf(2, "%s\n", e.text);
			_exit(2);
		}
		work(arg);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		fail_msg("killed by signal %d", WTERMSIG(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

struct sandbox inside_box(enum sandbox_kind kind, const struct sandbox_path *paths,
			  size_t n)
{
	return (struct sandbox){ .kind = kind,
				 .uid = (uid_t)-1,
				 .gid = (gid_t)-1,
				 .paths = paths,
				 .n_paths = n };
}

bool inside_needs_root(const char *what)
{
	if (geteuid() == 0)
		return false;
	print_message("skipped: %s needs root\n", what);
	return true;
}
