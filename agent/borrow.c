#include "agent/borrow.h"

#include "agent/lend.h"
#include "agent/link.h"
#include "agent/messages.h"
#include "agent/roles.h"
#include "base/auto.h"
#include "base/err.h"

static int start_worker(int *worker, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, SUP_WORKER, 0);
	TRY(link_ask(ROLE_FD_SUPERVISOR, &m, e));
	*worker = msg_take_fd(&m);
	TRY(msg_end(&m, e));
	return *worker < 0 ? err_set(e, ERR_PROTO, "no worker came") : 0;
}

int borrow(const struct lend_ticket *t, struct msg *m, struct err *e)
{
	AUTO_MSG struct msg lent = MSG_NONE;
	AUTO_FD int worker = -1;

	TRY(start_worker(&worker, e));
	TRY(lend_begin(t, &lent, &m->fd, e));
	TRY(link_ask(ROLE_FD_PEER, &lent, e));
	return link_ask(worker, m, e);
}
