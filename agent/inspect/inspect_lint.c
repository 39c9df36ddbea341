#include "agent/inspect/inspect_lint.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/lint/lint.h"
#include "agent/role/hostcall.h"
#include "agent/role/link.h"
#include "agent/role/messages.h"
#include "agent/role/roles.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

#define CPU_SECONDS 30

/* One byte more than is taken: by that too much is known. */
static int read_file(int fd, struct buf *text, struct err *e)
{
	char chunk[8192];

	while (text->len <= LIMIT_LINT_FILE) {
		const ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "read");
		if (n == 0)
			break;
		buf_add(text, chunk, (size_t)n);
	}
	return 0;
}

static int ask_file(void *arg, const char *pattern, uint32_t n, struct buf *path,
		    struct buf *text, struct err *e)
{
	struct msg *m = arg;
	AUTO_FD int fd = -1;

	msg_begin(m, LINT_FILE, 0);
	msg_put_str(m, pattern);
	msg_put_u64(m, n);
	TRY(link_ask(ROLE_FD_SUPERVISOR, m, e));
	buf_puts(path, msg_get_str(m));
	TRY(msg_end(m, e));
	fd = msg_take_fd(m);
	return fd < 0 ? 0 : read_file(fd, text, e);
}

static int ask_user(void *arg, const char *name, uint32_t *uid, struct err *e)
{
	AUTO_BUF struct buf home = { 0 };
	uint32_t gid;

	return hostcall_user(arg, name, uid, &gid, &home, e);
}

static int ask_group(void *arg, const char *name, uint32_t *gid, struct err *e)
{
	return hostcall_group(arg, name, gid, e);
}

static void ask_reach(void *arg, const char *folder, uint32_t uid, struct buf *why)
{
	hostcall_reach(arg, folder, REACH_PASS, uid, SPEC_NOBODY, why);
}

/* As the config role says what is wrong with ours. */
static void warn(void *arg, const char *file, unsigned line, const char *text)
{
	AUTO_BUF struct buf out = { 0 };

	(void)arg;
	text_escape(&out, file, strlen(file), SIZE_MAX);
	if (line > 0)
		buf_printf(&out, ":%u", line);
	fprintf(stderr, "%s: warning: %s\n", out.data, text);
}

int inspect_lint(struct role_start *s, struct err *e)
{
	const struct rlimit cpu = { CPU_SECONDS, CPU_SECONDS };
	AUTO_MSG struct msg m = MSG_NONE;
	const struct lint_host host = {
		.arg = &m,
		.file = ask_file,
		.user = ask_user,
		.group = ask_group,
		.reach = ask_reach,
		.warn = warn,
	};

	if (setrlimit(RLIMIT_CPU, &cpu) < 0)
		return err_sys(e, "limit the time");
	TRY(role_confine(s, NULL, 0, e));
	lint_all(&s->spec, &host);
	return 0;
}
