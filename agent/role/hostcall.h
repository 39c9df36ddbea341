/*
 * hostcall: what the roles that read configurations, ours (config) and those of servers
 * (inspect), ask the supervisor of this host. `m` is the caller's, to ask by.
 */
#pragma once

#include <stdint.h>

#include "base/reach.h"

struct buf;
struct err;
struct msg;

/* ERR_CONFIG: there is no such user, or group. `home` is added to. */
int hostcall_user(struct msg *m, const char *name, uint32_t *uid, uint32_t *gid,
		  struct buf *home, struct err *e);
int hostcall_group(struct msg *m, const char *name, uint32_t *gid, struct err *e);

/* Why somebody with these numbers cannot do that with `path`, added to `why`; or nothing. */
void hostcall_reach(struct msg *m, const char *path, enum reach_want want, uint32_t uid,
		    uint32_t gid, struct buf *why);
