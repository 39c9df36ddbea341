/* The config role: reads the configuration it was handed, once, and ends. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/config/config.h"
#include "agent/role/hostcall.h"
#include "agent/role/link.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/role/roles.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/idn.h"

static int read_all(int fd, struct buf *out, struct err *e)
{
	char chunk[8192];

	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "read the configuration");
		if (n == 0)
			return 0;
		if (out->len + (size_t)n > LIMIT_CONFIG_BYTES)
			return err_set(e, ERR_LIMIT, "configuration over %u bytes",
				       LIMIT_CONFIG_BYTES);
		buf_add(out, chunk, (size_t)n);
	}
}

struct asker {
	struct msg msg;
	bool warn;  /* only `check` wants to hear of what is valid but not good */
	bool log;   /* what is wrong: an agent goes on with the configuration it has */
	bool quiet; /* ... and `inspect` has not asked for a configuration */
};

static void asker_done(struct asker *a)
{
	msg_done(&a->msg);
}

#define AUTO_ASKER __attribute__((cleanup(asker_done)))

static int ask_include(void *arg, const char *pattern, struct buf *path,
		       struct buf *content, struct err *e)
{
	struct msg *m = &((struct asker *)arg)->msg;
	AUTO_FD int fd = -1;

	msg_begin(m, CONFIG_INCLUDE, 0);
	msg_put_str(m, pattern);
	TRY(link_ask(ROLE_FD_SUPERVISOR, m, e));
	buf_puts(path, msg_get_str(m));
	TRY(msg_end(m, e));
	fd = msg_take_fd(m);
	return fd < 0 ? 0 : read_all(fd, content, e);
}

static int ask_user(void *arg, const char *name, uint32_t *uid, uint32_t *gid,
		    struct buf *home, struct err *e)
{
	return hostcall_user(&((struct asker *)arg)->msg, name, uid, gid, home, e);
}

static int ask_group(void *arg, const char *name, uint32_t *gid, struct err *e)
{
	return hostcall_group(&((struct asker *)arg)->msg, name, gid, e);
}

static int ask_look(void *arg, const char *path, struct config_look *look)
{
	struct msg *m = &((struct asker *)arg)->msg;
	struct err e;

	msg_begin(m, CONFIG_LOOK, 0);
	msg_put_str(m, path);
	TRY(link_ask(ROLE_FD_SUPERVISOR, m, &e));
	look->error = (int)msg_get_u64(m);
	look->mode = (mode_t)msg_get_u64(m);
	look->uid = (uid_t)msg_get_u64(m);
	look->gid = (gid_t)msg_get_u64(m);
	look->is_link = msg_get_u64(m) != 0;
	look->is_blank = msg_get_u64(m) != 0;
	look->no_write = (int)msg_get_u64(m);
	look->no_exec = msg_get_u64(m) != 0;
	snprintf(look->open, sizeof(look->open), "%s", msg_get_str(m));
	snprintf(look->real, sizeof(look->real), "%s", msg_get_str(m));
	return msg_end(m, &e);
}

static void ask_reach(void *arg, const char *path, enum reach_want want, uint32_t uid,
		      uint32_t gid, struct buf *why)
{
	hostcall_reach(&((struct asker *)arg)->msg, path, want, uid, gid, why);
}

static int ask_csr(void *arg, const char *path, struct buf *pem, struct err *e)
{
	struct msg *m = &((struct asker *)arg)->msg;

	msg_begin(m, CONFIG_CSR, 0);
	msg_put_str(m, path);
	TRY(link_ask(ROLE_FD_SUPERVISOR, m, e));
	buf_puts(pem, msg_get_str(m));
	return msg_end(m, e);
}

/* Errors go to whoever started us, or into the log of an agent; it is the one thing that
 * this role prints. */
static void report(void *arg, bool warning, const char *file, unsigned line,
		   const char *text)
{
	const struct asker *a = arg;

	if (a->log && !warning)
		log_error("%s:%u: %s", file, line, text);
	else if (!a->quiet && (!warning || a->warn))
		fprintf(stderr, "%s:%u: %s%s\n", file, line, warning ? "warning: " : "",
			text);
}

static uint64_t mark_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? 0 : spec_mark(&st);
}

static int work(struct role_start *s, struct err *e)
{
	AUTO_ASKER struct asker asker = {
		.msg = MSG_NONE,
		.warn = s->request.command == COMMAND_CHECK,
		.log = s->log_form != LOG_TEXT,
		.quiet = s->request.command == COMMAND_INSPECT,
	};
	AUTO_BUF struct buf content = { 0 };
	AUTO_IDN struct idn idn = { .library = NULL };
	const struct config_host host = {
		.arg = &asker,
		.idn = &idn,
		.is_root = s->is_root,
		.mark = mark_of(ROLE_FD_SNAPSHOT),
		.home_state = s->home_state,
		.home_runtime = s->home_runtime,
		.hooks_dir = s->hooks_dir,
		.include = ask_include,
		.user = ask_user,
		.group = ask_group,
		.look = ask_look,
		.csr = ask_csr,
		.reach = asker.warn ? ask_reach : NULL,
		.report = report,
	};
	AUTO_FD int snapshot = -1;

	idn_open(&idn); /* inside, nothing can be loaded */
	TRY(role_confine(s, NULL, 0, e));
	TRY(read_all(ROLE_FD_SNAPSHOT, &content, e));
	TRY(config_compile(&host, s->config_path,
			   content.data == NULL ? "" : content.data, content.len,
			   &snapshot, e));
	msg_begin(&asker.msg, CONFIG_DONE, 0);
	asker.msg.fd = take_fd(&snapshot);
	return msg_send(ROLE_FD_SUPERVISOR, &asker.msg, e);
}

int config_role(void)
{
	struct role_start s;
	struct err e;
	int rc = role_begin(ROLE_CONFIG, &s, &e);
	bool begun = rc == 0;

	if (begun && s.log_form != LOG_TEXT)
		log_setup((enum log_form)s.log_form, LEVEL_ERROR,
			  role_name(ROLE_CONFIG));
	if (begun)
		rc = work(&s, &e);
	/* What is wrong with the configuration has been reported line by line. */
	if (rc < 0 && (!begun || e.code != ERR_CONFIG))
		log_error("the configuration: %s", e.text);
	role_end(&s);
	return rc < 0 ? EXIT_USAGE : EXIT_SUCCESS;
}
