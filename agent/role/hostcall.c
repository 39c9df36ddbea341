#include "agent/role/hostcall.h"

#include "agent/role/link.h"
#include "agent/role/messages.h"
#include "agent/role/roles.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/msg.h"

int hostcall_user(struct msg *m, const char *name, uint32_t *uid, uint32_t *gid,
		  struct buf *home, struct err *e)
{
	msg_begin(m, CONFIG_USER, 0);
	msg_put_str(m, name);
	TRY(link_ask(ROLE_FD_SUPERVISOR, m, e));
	*uid = (uint32_t)msg_get_u64(m);
	*gid = (uint32_t)msg_get_u64(m);
	buf_puts(home, msg_get_str(m));
	return msg_end(m, e);
}

int hostcall_group(struct msg *m, const char *name, uint32_t *gid, struct err *e)
{
	msg_begin(m, CONFIG_GROUP, 0);
	msg_put_str(m, name);
	TRY(link_ask(ROLE_FD_SUPERVISOR, m, e));
	*gid = (uint32_t)msg_get_u64(m);
	return msg_end(m, e);
}

void hostcall_reach(struct msg *m, const char *path, enum reach_want want, uint32_t uid,
		    uint32_t gid, struct buf *why)
{
	struct err e;

	msg_begin(m, CONFIG_REACH, 0);
	msg_put_str(m, path);
	msg_put_u64(m, want);
	msg_put_u64(m, uid);
	msg_put_u64(m, gid);
	if (link_ask(ROLE_FD_SUPERVISOR, m, &e) == 0)
		buf_puts(why, msg_get_str(m));
}
