/*
 * keeper_state: what a keeper is there for, by what it was started for. It takes no message
 * (keeper_role.c), and the supervisor none of its agent (super.c), that this has no need of.
 */
#pragma once

struct request;

enum keeper_state {
	KEEPER_LOOKS,   /* plan, status, renew --dry-run */
	KEEPER_RENEWS,  /* renew, agent, rollback, revoke */
	KEEPER_FORGETS, /* forget */
	KEEPER_SIGNS,   /* ca */
	KEEPER_CHECKS,  /* check --online: whose account it is */
	KEEPER_OPENS,   /* account: its key, to work with the account */
	KEEPER_STATES,
};

/* How it watches files, as it tells an agent that stays. */
enum keeper_way {
	KEEPER_SETS_UP,
	KEEPER_WATCHES, /* told by the kernel */
	KEEPER_SWEEPS,  /* ... not of everything */
};

enum keeper_state keeper_state_for(const struct request *r);
