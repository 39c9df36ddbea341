#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/role/messages.h"
#include "agent/super/super.h"
#include "agent/super/super_lint.h"
#include "agent/super/super_look.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/csr.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"

#define CONFIG_SECONDS 120

/* What the config role may ask while it works. */
struct asking {
	struct super *super;
	struct super_proc *proc;
	int *snapshot;
	struct spec *spec;
	char *pattern; /* of the include that is being read, owned */
	char *full;    /* owned; the same as a path */
	glob_t found;
	size_t next;
	bool done;
};

/* Whoever may write the configuration decides what runs as root. */
static int check_config_file(int fd, const char *path, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_CONFIG, "%s: not a regular file", path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return err_set(e, ERR_CONFIG,
			       "%s: owned by user %u; it must be root's or yours "
			       "(chown root %s)",
			       path, st.st_uid, path);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return err_set(e, ERR_CONFIG,
			       "%s: others can write it (mode %04o); run chmod go-w %s",
			       path, st.st_mode & 07777, path);
	return 0;
}

static int open_config(const char *path, int *out, struct err *e)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
	TRY(check_config_file(fd, path, e));
	*out = take_fd(&fd);
	return 0;
}

/* Who has just come may have none. */
static int open_main(struct super *s, struct err *e)
{
	if (access(s->path, F_OK) < 0 && errno == ENOENT)
		return err_set(e, ERR_CONFIG,
			       "%s: No such file or directory: write it, as "
			       "everleaf.conf(5) says, or name another one with -c",
			       s->path);
	return open_config(s->path, &s->config, e);
}

/* A pattern is relative to the main file. No match is no file, not an error. */
static void find(struct asking *a, const char *pattern)
{
	const char *slash = strrchr(a->super->path, '/');

	if (a->pattern != NULL)
		globfree(&a->found);
	free(a->pattern);
	free(a->full);
	if (pattern[0] == '/' || slash == NULL)
		a->full = xstrdup(pattern);
	else
		a->full = xasprintf("%.*s/%s", (int)(slash - a->super->path),
				    a->super->path, pattern);
	a->pattern = xstrdup(pattern);
	a->next = 0;
	super_watch_path(a->super, a->full);
	if (glob(a->full, 0, NULL, &a->found) != 0)
		a->found.gl_pathc = 0;
}

/* A config role that was taken over must not get at other files of root. */
static int check_included(const char *path, struct err *e)
{
	const char *end = strrchr(path, '.');

	if (end == NULL || strcmp(end, ".conf") != 0)
		return err_set(e, ERR_CONFIG,
			       "%s: not included: its name must end in .conf", path);
	return 0;
}

static int on_include(void *role, struct msg *m, struct err *e)
{
	struct asking *a = role;
	AUTO_FREE char *pattern = xstrdup(msg_get_str(m));
	uint32_t id = m->id;
	AUTO_FD int fd = -1;
	const char *path = "";

	TRY(msg_end(m, e));
	if (a->pattern == NULL || strcmp(a->pattern, pattern) != 0)
		find(a, pattern);
	if (a->next < a->found.gl_pathc) {
		path = a->found.gl_pathv[a->next++];
		TRY(check_included(path, e));
		super_watch_found(a->super, a->full, path);
		TRY(open_config(path, &fd, e));
	} else {
		free(TAKE(a->pattern));
		globfree(&a->found);
	}
	msg_begin(m, CONFIG_INCLUDE, id);
	msg_put_str(m, path);
	m->fd = take_fd(&fd);
	return 0;
}

int super_user(void *role, struct msg *m, struct err *e)
{
	AUTO_FREE char *name = xstrdup(msg_get_str(m));
	uint32_t id = m->id;
	const struct passwd *pw;
	uint64_t number;
	bool is_number = text_u64(name, UINT32_MAX - 1, &number);

	(void)role;
	TRY(msg_end(m, e));
	pw = is_number ? getpwuid((uid_t)number) : getpwnam(name);
	if (pw == NULL && !is_number)
		return err_set(e, ERR_CONFIG, "no such user");
	msg_begin(m, CONFIG_USER, id);
	msg_put_u64(m, pw == NULL ? number : pw->pw_uid);
	msg_put_u64(m, pw == NULL ? number : pw->pw_gid);
	msg_put_str(m, pw == NULL ? "/" : pw->pw_dir);
	return 0;
}

int super_group(void *role, struct msg *m, struct err *e)
{
	AUTO_FREE char *name = xstrdup(msg_get_str(m));
	uint32_t id = m->id;
	const struct group *gr = NULL;
	uint64_t number = 0;

	(void)role;
	TRY(msg_end(m, e));
	if (!text_u64(name, UINT32_MAX - 1, &number)) {
		gr = getgrnam(name);
		if (gr == NULL)
			return err_set(e, ERR_CONFIG, "no such group");
		number = gr->gr_gid;
	}
	msg_begin(m, CONFIG_GROUP, id);
	msg_put_u64(m, number);
	return 0;
}

/* Of the file only that part: a config role that was taken over must not get at the keys
 * of others, in PEM too. */
static int find_csr(const char *path, const char *text, struct buf *pem, struct err *e)
{
	static const char *const words[] = { "CERTIFICATE REQUEST",
					     "NEW CERTIFICATE REQUEST" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		AUTO_FREE char *head = xasprintf("-----BEGIN %s-----", words[i]);
		AUTO_FREE char *tail = xasprintf("-----END %s-----", words[i]);
		const char *from = strstr(text, head);
		const char *to = from == NULL ? NULL : strstr(from, tail);

		if (to == NULL)
			continue;
		buf_add(pem, from, (size_t)(to - from) + strlen(tail));
		buf_puts(pem, "\n");
		return 0;
	}
	return err_set(e, ERR_CONFIG,
		       "%s: no signing request in PEM (openssl req -inform der turns "
		       "DER into it)",
		       path);
}

/* Who may write it decides which key is certified. */
static int on_csr(void *role, struct msg *m, struct err *e)
{
	struct asking *a = role;
	AUTO_FREE char *path = xstrdup(msg_get_str(m));
	AUTO_FREE char *text = xcalloc(LIMIT_CSR_BYTES + 1, 1);
	AUTO_BUF struct buf pem = { 0 };
	uint32_t id = m->id;
	AUTO_FD int fd = -1;

	TRY(msg_end(m, e));
	super_watch_path(a->super, path);
	TRY(open_config(path, &fd, e));
	if (pread(fd, text, LIMIT_CSR_BYTES, 0) < 0)
		return err_sys(e, "%s", path);
	TRY(find_csr(path, text, &pem, e));
	msg_begin(m, CONFIG_CSR, id);
	msg_put_str(m, pem.data);
	return 0;
}

static int on_done(void *role, struct msg *m, struct err *e)
{
	struct asking *a = role;

	TRY(msg_end(m, e));
	*a->snapshot = msg_take_fd(m);
	a->done = true;
	return spec_map(*a->snapshot, a->spec, e);
}

static const struct msg_rule rules[] = {
	{ CONFIG_INCLUDE, 1, on_include },
	{ CONFIG_USER, 1, super_user },
	{ CONFIG_GROUP, 1, super_group },
	{ CONFIG_LOOK, 1, super_look },
	{ CONFIG_REACH, 1, super_reach_config },
	{ CONFIG_CSR, 1, on_csr },
	{ CONFIG_DONE, 1, on_done },
};

/* One question, one answer. A refusal is an answer too. */
static int answer(struct asking *a, struct err *e)
{
	struct msg *m = &a->super->msg;
	uint32_t id;
	int rc;

	TRY(msg_recv(a->proc->sock, m, e));
	id = m->id;
	rc = msg_dispatch(rules, sizeof(rules) / sizeof(*rules), 0, a, m, e);
	if (a->done)
		return rc;
	if (rc < 0) {
		msg_begin(m, MSG_FAILED, id);
		msg_put_err(m, e);
	}
	return msg_send(a->proc->sock, m, e);
}

static int serve(struct asking *a, struct err *e)
{
	int64_t until_ms = clock_awake_ms() + CONFIG_SECONDS * 1000;

	while (!a->done) {
		struct pollfd p = { .fd = a->proc->sock, .events = POLLIN };
		int64_t left = until_ms - clock_awake_ms();
		int n = poll(&p, 1, left < 0 ? 0 : (int)left);

		if (n == 0 || left < 0)
			return err_set(e, ERR_LIMIT,
				       "the configuration took longer than %d s",
				       CONFIG_SECONDS);
		if (n < 0 && errno != EINTR)
			return err_sys(e, "poll");
		if (n > 0)
			TRY(answer(a, e));
	}
	return 0;
}

int super_configure(struct super *s, int *snapshot, struct spec *spec, struct err *e)
{
	struct asking a = { .super = s, .snapshot = snapshot, .spec = spec };
	struct super_fds fds = {
		.snapshot = -1, .peer = -1, .lock = -1, .control = -1
	};
	int rc;

	super_watch_begin(s);
	super_watch_path(s, s->path);
	auto_fd_(&s->config);
	s->config = -1;
	TRY(open_main(s, e));
	fds.snapshot = s->config;
	TRY(super_start(s, ROLE_CONFIG, &fds, &a.proc, e));
	rc = serve(&a, e);
	if (a.pattern != NULL)
		globfree(&a.found);
	free(a.pattern);
	free(a.full);
	super_end_role(a.proc, clock_awake_ms() + SUPER_STOP_MS);
	if (s->replaced)
		return err_set(e, ERR_SYS, "%s: not read; nothing was done", s->path);
	if (rc == ERR_NET) /* the role has said what is wrong, and ended */
		return err_set(e, ERR_CONFIG, "%s: not valid; nothing was done",
			       s->path);
	return rc;
}
