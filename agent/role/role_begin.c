#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/role/roles.h"
#include "base/err.h"
#include "base/sandbox.h"

static const struct power {
	enum sandbox_kind sandbox;
	uint64_t capabilities; /* as root */
} powers[ROLES] = {
	[ROLE_CONFIG] = { SANDBOX_CONFIG, 0 },
	[ROLE_AGENT] = { SANDBOX_AGENT, 0 },
	[ROLE_KEEPER] = { SANDBOX_KEEPER,
			  1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_FOWNER },
	[ROLE_WORKER] = { SANDBOX_WORKER, 0 },
	[ROLE_PROBE] = { SANDBOX_WORKER, 0 },
	[ROLE_RESPONDER] = { SANDBOX_RESPONDER, 0 },
	[ROLE_ALPN] = { SANDBOX_RESPONDER, 0 },
	[ROLE_INSPECT] = { SANDBOX_CONFIG, 0 },
};

static int read_start(struct role_start *s, struct err *e)
{
	struct msg *m = &s->msg;

	TRY(msg_recv(ROLE_FD_SUPERVISOR, m, e));
	/* The supervisor says so, once for all of its roles. */
	if (m->type != ROLE_START ||
	    role_same_version(msg_get_str(m), "the supervisor", "this role", e) < 0)
		_exit(EXIT_OTHER);
	request_get(m, &s->request);
	s->host_id = msg_get_str(m);
	s->store = msg_get_u64(m);
	s->uid = (uint32_t)msg_get_u64(m);
	s->gid = (uint32_t)msg_get_u64(m);
	s->is_root = msg_get_u64(m) != 0;
	s->home_state = msg_get_str(m);
	s->home_runtime = msg_get_str(m);
	s->hooks_dir = msg_get_str(m);
	s->config_path = msg_get_str(m);
	s->log_form = (uint32_t)msg_get_u64(m);
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

int role_begin(enum role role, struct role_start *s, struct err *e)
{
	signal(SIGPIPE, SIG_IGN); /* a peer that is gone is an errno */
	*s = (struct role_start){ .role = role, .msg = MSG_NONE };
	TRY(check_socket(ROLE_FD_SUPERVISOR, e));
	TRY(read_start(s, e));
	/* Nothing is configured yet, or need be. */
	if (role != ROLE_CONFIG && s->request.command != COMMAND_INSPECT)
		TRY(spec_map(ROLE_FD_SNAPSHOT, &s->spec, e));
	role_log(role, &s->request, &s->spec);
	return 0;
}

int role_confine(struct role_start *s, const struct sandbox_path *paths, size_t n,
		 struct err *e)
{
	const struct sandbox box = {
		.kind = powers[s->role].sandbox,
		.uid = s->uid == SPEC_NOBODY ? (uid_t)-1 : s->uid,
		.gid = s->gid == SPEC_NOBODY ? (gid_t)-1 : s->gid,
		.capabilities = s->is_root ? powers[s->role].capabilities : 0,
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

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return err_sys(e, "poll");
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
