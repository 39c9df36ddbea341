#include "agent/role/link.h"

#include "agent/role/messages.h"
#include "base/err.h"

int link_answer(int fd, uint32_t type, struct msg *m, struct err *e)
{
	TRY(msg_recv(fd, m, e));
	if (m->type == MSG_FAILED) {
		msg_get_err(m, e);
		return e->code;
	}
	if (m->type != type)
		return err_set(e, ERR_PROTO, "message %u instead of %u", m->type, type);
	return 0;
}

int link_ask(int fd, struct msg *m, struct err *e)
{
	const uint32_t type = m->type;

	TRY(msg_send(fd, m, e));
	return link_answer(fd, type, m, e);
}
