#include "agent/role/lend.h"

#include "agent/role/messages.h"
#include "base/err.h"
#include "base/msg.h"

#define ASK(kind) (1u << ASK_##kind)

/* What any of them may need before it can begin. */
#define FOUND (ASK(FIND_ACCOUNT) | ASK(FIND_ROLLED))

static const unsigned allowed[LENDS] = {
	[LEND_ORDER] = FOUND | ASK(NEW_ACCOUNT) | ASK(NEW_ORDER) | ASK(FETCH) |
		       ASK(ANSWER) | ASK(FINALIZE),
	[LEND_REGISTER] = FOUND | ASK(NEW_ACCOUNT) | ASK(FETCH),
	[LEND_UPDATE] = FOUND | ASK(UPDATE_ACCOUNT) | ASK(FETCH),
	[LEND_ROLLOVER] = FOUND | ASK(ROLL_KEY) | ASK(FETCH),
	[LEND_DEACTIVATE] = FOUND | ASK(DEACTIVATE_ACCOUNT) | ASK(FETCH),
	[LEND_LOOK] = 0,
	[LEND_REVOKE] = FOUND | ASK(REVOKE),
	[LEND_REVOKE_BY_KEY] = ASK(REVOKE_BY_CERT),
	[LEND_ROOTS] = 0,
};

bool lend_revokes(enum lend what)
{
	return what == LEND_REVOKE || what == LEND_REVOKE_BY_KEY;
}

enum lend lend_of_account(enum account_step step)
{
	static const enum lend rights[ACCOUNT_STEPS] = {
		[ACCOUNT_SHOW] = LEND_UPDATE,
		[ACCOUNT_REGISTER] = LEND_REGISTER,
		[ACCOUNT_UPDATE] = LEND_UPDATE,
		[ACCOUNT_ROLLOVER] = LEND_ROLLOVER,
		[ACCOUNT_DEACTIVATE] = LEND_DEACTIVATE,
	};

	return rights[step];
}

bool lend_allows(enum lend what, enum acme_ask_kind kind)
{
	return what < LENDS && kind < ASK_KINDS && (allowed[what] & 1u << kind) != 0;
}

bool lend_ends_roll_over(enum lend what)
{
	return what == LEND_REGISTER || what == LEND_UPDATE || what == LEND_ROLLOVER ||
	       what == LEND_DEACTIVATE;
}

int lend_begin(const struct lend_ticket *t, struct msg *m, int *worker, struct err *e)
{
	int theirs;

	TRY(msg_pair(&theirs, worker, e));
	msg_begin(m, KEEPER_LEND, 0);
	msg_put_u64(m, t->what);
	msg_put_u64(m, t->issuer);
	msg_put_u64(m, t->cert);
	msg_put_u64(m, t->generation);
	msg_put_u64(m, t->reason);
	name_set_put(&t->out, m);
	m->fd = theirs;
	return 0;
}
