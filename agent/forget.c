#include "agent/agent.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/role/messages.h"
#include "agent/state/state_own.h"
#include "base/auto.h"
#include "base/err.h"
#include "store/generation.h"

static int forget_one(struct agent *a, const char *name, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;
	AUTO_FREE uint64_t *numbers = NULL;
	struct memory memory;
	size_t n = 0;
	bool found;

	if (spec_cert_called(a->spec, name) != SPEC_NOBODY)
		return err_set(e, ERR_CONFIG,
			       "%s is in the configuration: take it out first", name);
	TRY(state_get(a->state, name, &memory, &found, e));
	/* The state may have been lost, and the store not. */
	TRY(generation_list(a->root, name, &numbers, &n, e));
	if (!found && n == 0) {
		a->status = EXIT_NO_NAME;
		return err_set(e, ERR_CONFIG, "%s: nothing is kept under that name",
			       name);
	}
	msg_begin(&m, KEEPER_FORGET, 0);
	msg_put_str(&m, name);
	TRY(link_ask(ROLE_FD_PEER, &m, e));
	TRY(agent_write(a, e));
	TRY(state_forget(a->state, name, e));
	TRY(state_own_list_prune(a->state, e));
	return agent_commit(a, e);
}

int agent_forget(struct agent *a, struct err *e)
{
	for (size_t i = 0; i < a->request->n_names; i++) {
		TRY(forget_one(a, a->request->names[i], e));
		if ((a->request->flags & REQUEST_QUIET) == 0)
			printf("%s: forgotten\n", a->request->names[i]);
	}
	return EXIT_SUCCESS;
}
