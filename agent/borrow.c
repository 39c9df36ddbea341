#include "agent/borrow.h"

#include <sys/socket.h>
#include <sys/time.h>

#include "agent/role/lend.h"
#include "agent/role/link.h"
#include "agent/role/messages.h"
#include "agent/role/roles.h"
#include "base/auto.h"
#include "base/err.h"

#define BORROW_S 180 /* longer than any CA that means it takes */

int borrow_role(uint32_t type, int *fd, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, type, 0);
	TRY(link_ask(ROLE_FD_SUPERVISOR, &m, e));
	*fd = msg_take_fd(&m);
	TRY(msg_end(&m, e));
	return *fd < 0 ? err_set(e, ERR_PROTO, "no worker came") : 0;
}

int borrow_ask(int fd, struct msg *m, struct err *e)
{
	const struct timeval patience = { .tv_sec = BORROW_S };
	int rc;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return err_sys(e, "bound the wait for a worker");
	rc = link_ask(fd, m, e);
	if (rc == ERR_BUSY)
		return err_set(e, ERR_NET, "it was not done within %d s", BORROW_S);
	return rc;
}

int borrow(const struct lend_ticket *t, struct msg *m, struct err *e)
{
	AUTO_MSG struct msg lent = MSG_NONE;
	AUTO_FD int worker = -1;

	TRY(borrow_role(SUP_WORKER, &worker, e));
	TRY(lend_begin(t, &lent, &m->fd, e));
	TRY(link_ask(ROLE_FD_PEER, &lent, e));
	return borrow_ask(worker, m, e);
}
