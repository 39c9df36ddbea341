#include "agent/role/request.h"

#include <stdlib.h>

#include "acme/account.h"
#include "base/mem.h"
#include "base/msg.h"

bool request_writes(const struct request *r)
{
	switch (r->command) {
	case COMMAND_STATUS:
	case COMMAND_PLAN:
	case COMMAND_CHECK:
	case COMMAND_HISTORY:
	case COMMAND_INSPECT:
		return false;
	case COMMAND_RENEW:
		return (r->flags & REQUEST_DRY_RUN) == 0;
	case COMMAND_ACCOUNT:
		return r->step != ACCOUNT_SHOW;
	case COMMAND_CRL:
		return (r->flags & REQUEST_UPDATE) != 0;
	case COMMAND_AGENT:
	case COMMAND_ROLLBACK:
	case COMMAND_FORGET:
	case COMMAND_CA_INIT:
	case COMMAND_CA_SIGN:
	case COMMAND_CA_REVOKE:
	case COMMAND_CA_CRL:
	case COMMAND_CA_ROLLOVER:
	case COMMAND_REVOKE:
	case COMMANDS:
		break;
	}
	return true;
}

bool request_shows(const struct request *r)
{
	return r->command == COMMAND_STATUS || r->command == COMMAND_PLAN ||
	       r->command == COMMAND_HISTORY ||
	       (r->command == COMMAND_CRL && !request_writes(r));
}

bool request_prints(const struct request *r)
{
	const bool tells = r->command == COMMAND_RENEW ||
			   r->command == COMMAND_ROLLBACK ||
			   r->command == COMMAND_REVOKE || r->command == COMMAND_FORGET;

	return !tells || (r->flags & (REQUEST_JSON | REQUEST_DRY_RUN)) != 0;
}

const char *request_word(enum command command)
{
	static const char *const words[COMMANDS] = {
		[COMMAND_AGENT] = "agent",
		[COMMAND_RENEW] = "renew",
		[COMMAND_STATUS] = "status",
		[COMMAND_PLAN] = "plan",
		[COMMAND_CHECK] = "check",
		[COMMAND_HISTORY] = "history",
		[COMMAND_ROLLBACK] = "rollback",
		[COMMAND_FORGET] = "forget",
		[COMMAND_CA_INIT] = "ca init",
		[COMMAND_CA_SIGN] = "ca sign",
		[COMMAND_CA_REVOKE] = "ca revoke",
		[COMMAND_CA_CRL] = "ca crl",
		[COMMAND_CA_ROLLOVER] = "ca rollover",
		[COMMAND_ACCOUNT] = "account",
		[COMMAND_REVOKE] = "revoke",
		[COMMAND_CRL] = "crl",
		[COMMAND_INSPECT] = "inspect",
	};

	return command < COMMANDS ? words[command] : "";
}

void request_put(struct msg *m, const struct request *r)
{
	msg_put_u64(m, r->command);
	msg_put_u64(m, r->flags);
	msg_put_i64(m, r->wait_s);
	msg_put_i64(m, r->days);
	msg_put_i64(m, r->warn_s);
	msg_put_i64(m, r->crit_s);
	msg_put_u64(m, r->generation);
	msg_put_u64(m, r->reason);
	msg_put_u64(m, r->step);
	msg_put_u64(m, r->run);
	msg_put_u64(m, r->mark);
	msg_put_str(m, r->input);
	msg_put_u64(m, r->n_names);
	for (size_t i = 0; i < r->n_names; i++)
		msg_put_str(m, r->names[i]);
}

void request_get(struct msg *m, struct request *r)
{
	uint64_t command = msg_get_u64(m);
	const char *input;

	*r = (struct request){ .command = (enum command)command };
	r->flags = (unsigned)msg_get_u64(m);
	r->wait_s = msg_get_i64(m);
	r->days = msg_get_i64(m);
	r->warn_s = msg_get_i64(m);
	r->crit_s = msg_get_i64(m);
	r->generation = msg_get_u64(m);
	r->reason = msg_get_u64(m);
	r->step = msg_get_u64(m);
	r->run = msg_get_u64(m);
	r->mark = msg_get_u64(m);
	input = msg_get_str(m);
	r->input = input[0] == '\0' ? NULL : input;
	r->n_names = msg_get_u64(m);
	if (command >= COMMANDS || r->step >= ACCOUNT_STEPS ||
	    r->n_names > LIMIT_REQUEST_NAMES) {
		m->broken = true;
		r->n_names = 0;
	}
	r->names = xcalloc(r->n_names, sizeof(*r->names));
	for (size_t i = 0; i < r->n_names; i++)
		r->names[i] = msg_get_str(m);
}

void request_done(struct request *r)
{
	free(r->names);
	*r = (struct request){ 0 };
}
