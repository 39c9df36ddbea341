#include "agent/roles.h"

#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/crypto.h>

#include "agent/log.h"
#include "agent/messages.h"
#include "base/err.h"
#include "base/sandbox.h"

static const struct role_row {
	const char *name;
	const char *program;
	enum sandbox_kind sandbox;
	uint64_t capabilities; /* as root */
} rows[ROLES] = {
	[ROLE_CONFIG] = { "config", "everleaf", SANDBOX_CONFIG, 0 },
	[ROLE_AGENT] = { "agent", "everleaf", SANDBOX_AGENT, 0 },
	[ROLE_KEEPER] = { "keeper", "everleaf", SANDBOX_KEEPER,
			  1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_FOWNER },
	[ROLE_WORKER] = { "worker", "everleaf-ca", SANDBOX_WORKER, 0 },
	[ROLE_PROBE] = { "probe", "everleaf-net", SANDBOX_WORKER, 0 },
	[ROLE_RESPONDER] = { "responder", "everleaf-net", SANDBOX_RESPONDER, 0 },
};

const char *role_name(enum role role)
{
	return role < ROLES ? rows[role].name : "supervisor";
}

const char *role_program(enum role role)
{
	return rows[role].program;
}

enum role role_called(const char *word)
{
	if (strncmp(word, "role-", 5) != 0)
		return ROLES;
	for (enum role r = 0; r < ROLES; r++)
		if (strcmp(word + 5, rows[r].name) == 0)
			return r;
	return ROLES;
}

void role_start_put(struct msg *m, const struct role_start *s)
{
	msg_begin(m, ROLE_START, 0);
	request_put(m, &s->request);
	msg_put_str(m, s->host_id);
	msg_put_u64(m, s->uid);
	msg_put_u64(m, s->gid);
	msg_put_u64(m, s->is_root);
	msg_put_str(m, s->home_state);
	msg_put_str(m, s->home_runtime);
	msg_put_str(m, s->hooks_dir);
	msg_put_str(m, s->config_path);
	msg_put_i64(m, s->agent_pid);
	msg_put_i64(m, s->agent_since);
}

static int read_start(struct role_start *s, struct err *e)
{
	struct msg *m = &s->msg;

	TRY(msg_recv(ROLE_FD_SUPERVISOR, m, e));
	if (m->type != ROLE_START)
		return err_set(e, ERR_PROTO, "message %u before the start", m->type);
	request_get(m, &s->request);
	s->host_id = msg_get_str(m);
	s->uid = (uint32_t)msg_get_u64(m);
	s->gid = (uint32_t)msg_get_u64(m);
	s->is_root = msg_get_u64(m) != 0;
	s->home_state = msg_get_str(m);
	s->home_runtime = msg_get_str(m);
	s->hooks_dir = msg_get_str(m);
	s->config_path = msg_get_str(m);
	s->agent_pid = msg_get_i64(m);
	s->agent_since = msg_get_i64(m);
	return msg_end(m, e);
}

static int check_socket(int fd, struct err *e)
{
	int type = 0;
	socklen_t len = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
	    type != SOCK_SEQPACKET)
		return err_set(
		    e, ERR_CONFIG,
		    "this is a role of everleaf that only its supervisor can "
		    "start; see everleaf help");
	return 0;
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

int role_begin(enum role role, struct role_start *s, struct err *e)
{
	signal(SIGPIPE, SIG_IGN); /* a peer that is gone is an errno */
	/* What we use of OpenSSL is ours to say, not openssl.cnf's. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	*s = (struct role_start){ .role = role, .msg = MSG_NONE };
	TRY(check_socket(ROLE_FD_SUPERVISOR, e));
	TRY(read_start(s, e));
	if (role != ROLE_CONFIG)
		TRY(spec_map(ROLE_FD_SNAPSHOT, &s->spec, e));
	role_log(role, &s->request, &s->spec);
	return 0;
}

int role_confine(struct role_start *s, const struct sandbox_path *paths, size_t n,
		 struct err *e)
{
	const struct sandbox box = {
		.kind = rows[s->role].sandbox,
		.uid = s->uid == SPEC_NOBODY ? (uid_t)-1 : s->uid,
		.gid = s->gid == SPEC_NOBODY ? (gid_t)-1 : s->gid,
		.capabilities = s->is_root ? rows[s->role].capabilities : 0,
		.paths = paths,
		.n_paths = n,
	};

	if (sandbox_enter(&box, &s->missing, e) < 0)
		return err_wrap(e, "sandbox of the %s", role_name(s->role));
	return 0;
}

int role_answer(int sock, const struct msg_rule *rules, size_t n, unsigned state,
		void *role, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;
	uint32_t id;

	TRY(msg_recv(sock, &m, e));
	id = m.id;
	if (msg_dispatch(rules, n, state, role, &m, e) < 0) {
		msg_begin(&m, MSG_FAILED, id);
		msg_put_err(&m, e);
	}
	return m.type == MSG_LATER ? 0 : msg_send(sock, &m, e);
}

int role_serve(const struct msg_rule *rules, size_t n, unsigned state, void *role,
	       struct err *e)
{
	for (;;) {
		struct pollfd p[] = { { .fd = ROLE_FD_PEER, .events = POLLIN },
				      { .fd = ROLE_FD_SUPERVISOR, .events = POLLIN } };

		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents != 0)
			return 0;
		if (p[0].revents != 0 &&
		    role_answer(ROLE_FD_PEER, rules, n, state, role, e) < 0)
			return e->code == ERR_NET ? 0 : e->code;
	}
}

void role_end(struct role_start *s)
{
	request_done(&s->request);
	spec_done(&s->spec);
	msg_done(&s->msg);
}
