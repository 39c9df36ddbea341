#include "agent/role/roles.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/role/version.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

static const char *const names[ROLES] = {
	[ROLE_CONFIG] = "config", [ROLE_AGENT] = "agent",
	[ROLE_KEEPER] = "keeper", [ROLE_WORKER] = "worker",
	[ROLE_PROBE] = "probe",   [ROLE_RESPONDER] = "responder",
	[ROLE_ALPN] = "alpn",     [ROLE_INSPECT] = "inspect",
};

const char *role_name(enum role role)
{
	return role < ROLES ? names[role] : "supervisor";
}

void role_log(enum role role, const struct request *r, const struct spec *s)
{
	const struct spec_global *g = s->global;
	const bool is_agent = r->command == COMMAND_AGENT && g != NULL;
	uint32_t level = g == NULL ? LEVEL_INFO : g->log_level;
	enum log_form form = LOG_TEXT;

	if (is_agent)
		form = g->log_json ? LOG_JSON : LOG_LOGFMT;
	else if (role == ROLES)
		level = LEVEL_INFO;
	/* Progress is for who looks on; a timer is told what is wrong. */
	else if ((r->flags & REQUEST_TTY) == 0 && level > LEVEL_WARNING)
		level = LEVEL_WARNING;
	if (r->flags & REQUEST_QUIET)
		level = LEVEL_ERROR;
	if (r->flags & REQUEST_VERBOSE)
		level = LEVEL_DEBUG;
	log_setup(form, level, role_name(role));
}

/* A plug-in without a line on stdout is shown as one that is broken. */
static int fail_check(const struct request *r, const struct err *e, int status)
{
	if (r->command != COMMAND_STATUS || (r->flags & REQUEST_CHECK) == 0)
		return status;
	if (status == EXIT_FAILURE)
		status = EXIT_UNKNOWN;
	if ((r->flags & REQUEST_JSON) == 0)
		printf("%s - %s\n", status == EXIT_USAGE ? "CRITICAL" : "UNKNOWN",
		       e->text);
	return status;
}

int role_fail(const struct request *r, const struct err *e, int status)
{
	AUTO_BUF struct buf out = { 0 };
	struct json j;

	log_error("%s", e->text);
	if (r == NULL)
		return status;
	if ((r->flags & REQUEST_JSON) != 0) {
		json_begin(&j, &out);
		json_open(&j, NULL, '{');
		json_int(&j, "version", 1);
		json_str(&j, "error", e->text);
		json_close(&j);
		json_end(&j);
		puts(out.data);
	}
	return fail_check(r, e, status);
}

int role_printed(int status, bool was_asked_for)
{
	const int error = fflush(stdout) == 0 ? 0 : errno;
	struct pollfd reader = { .fd = STDOUT_FILENO };

	if (error == 0 && ferror(stdout) == 0)
		return status;
	if (poll(&reader, 1, 0) > 0 && (reader.revents & POLLERR) != 0)
		return status; /* a pipe that nobody reads */
	return role_unprinted(status, was_asked_for, error);
}

int role_unprinted(int status, bool was_asked_for, int error)
{
	if (error != 0)
		log_error("standard output: it cannot be written to: %s",
			  strerror(error));
	else
		log_error("standard output: some of it could not be written");
	return status == EXIT_SUCCESS && was_asked_for ? EXIT_FAILURE : status;
}

int role_same_version(const char *version, const char *whose, const char *ours,
		      struct err *e)
{
	if (strcmp(version, EVERLEAF_VERSION) == 0)
		return 0;
	return err_set(e, ERR_CONFIG,
		       "%s is of version %.20s, %s of " EVERLEAF_VERSION
		       ": restart everleaf",
		       whose, version, ours);
}

void role_start_put(struct msg *m, const struct role_start *s)
{
	msg_begin(m, ROLE_START, 0);
	msg_put_str(m, EVERLEAF_VERSION);
	request_put(m, &s->request);
	msg_put_str(m, s->host_id);
	msg_put_u64(m, s->store);
	msg_put_u64(m, s->uid);
	msg_put_u64(m, s->gid);
	msg_put_u64(m, s->is_root);
	msg_put_str(m, s->home_state);
	msg_put_str(m, s->home_runtime);
	msg_put_str(m, s->hooks_dir);
	msg_put_str(m, s->config_path);
	msg_put_u64(m, s->log_form);
	msg_put_i64(m, s->agent_pid);
	msg_put_i64(m, s->agent_since);
}
