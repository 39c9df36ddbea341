#include "agent/role/link.h"
#include "agent/role/messages.h"
#include "agent/role/roles.h"
#include "agent/worker/worker.h"
#include "base/err.h"

int worker_texts(const struct worker *w, uint32_t what, struct buf *const *into,
		 size_t n, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, what, 0);
	TRY(link_ask(w->lent, &m, e));
	for (size_t i = 0; i < n; i++)
		buf_puts(into[i], msg_get_str(&m));
	return msg_end(&m, e);
}

int worker_live(void *worker, struct buf *chain, struct buf *key, struct err *e)
{
	struct buf *const into[] = { chain, key };

	return worker_texts(worker, SIGN_LIVE, into, 2, e);
}

int worker_waits(void *worker, const char *handle, struct err *e)
{
	struct worker *w = worker;
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, WORKER_CHECKPOINT, ++w->last_id);
	msg_put_u64(&m, w->job);
	msg_put_str(&m, handle);
	msg_put_u64(&m, 0);
	if (handle[0] == '\0')
		msg_put_u64(&m, 0); /* it is over, for no name's sake */
	TRY(link_ask(ROLE_FD_PEER, &m, e));
	return msg_end(&m, e);
}
