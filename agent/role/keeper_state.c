#include "agent/role/keeper_state.h"

#include "agent/role/request.h"

enum keeper_state keeper_state_for(const struct request *r)
{
	if (r->command == COMMAND_ACCOUNT)
		return KEEPER_OPENS;
	if (r->command == COMMAND_CHECK)
		return KEEPER_CHECKS;
	if (!request_writes(r))
		return KEEPER_LOOKS;
	switch (r->command) {
	case COMMAND_FORGET:
		return KEEPER_FORGETS;
	case COMMAND_CA_INIT:
	case COMMAND_CA_SIGN:
	case COMMAND_CA_REVOKE:
	case COMMAND_CA_CRL:
	case COMMAND_CA_ROLLOVER:
		return KEEPER_SIGNS;
	case COMMAND_AGENT:
	case COMMAND_RENEW:
	case COMMAND_ROLLBACK:
	case COMMAND_REVOKE:
	case COMMAND_CRL:
		return KEEPER_RENEWS;
	case COMMAND_ACCOUNT:
	case COMMAND_STATUS:
	case COMMAND_PLAN:
	case COMMAND_CHECK:
	case COMMAND_HISTORY:
	case COMMAND_INSPECT:
	case COMMANDS:
		break;
	}
	return KEEPER_LOOKS;
}
