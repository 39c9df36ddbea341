#include "agent/state/state_memory.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdlib.h>

#include <sqlite3.h>

#include "base/mem.h"

static void *get(int size)
{
	return xmalloc((size_t)size);
}

static void *resize(void *p, int size)
{
	return xresize(p, (size_t)size);
}

static int size_of(void *p)
{
	return (int)malloc_usable_size(p);
}

static int round_up(int size)
{
	return (size + 7) & ~7;
}

static int begin(void *data)
{
	(void)data;
	return SQLITE_OK;
}

static void end(void *data)
{
	(void)data;
}

#define UNLOCK_TRIES 3

/* SQLite lets a lock go once only: by one that has stayed it would be held up itself, for
 * 10 s at each call, as long as the file is open. */
static int let_go(int fd, int cmd, ...)
{
	const struct flock *lock;
	va_list ap;
	int rc = -1;

	va_start(ap, cmd);
	lock = va_arg(ap, const struct flock *); /* the C library takes any so */
	va_end(ap);
	for (int i = 0; i < UNLOCK_TRIES && rc < 0; i++) {
		rc = fcntl(fd, cmd, lock);
		if (cmd != F_SETLK || lock->l_type != F_UNLCK)
			break;
	}
	return rc;
}

void state_memory(void)
{
	static const sqlite3_mem_methods methods = {
		.xMalloc = get,
		.xFree = free,
		.xRealloc = resize,
		.xSize = size_of,
		.xRoundup = round_up,
		.xInit = begin,
		.xShutdown = end,
	};

	sqlite3_vfs *vfs;

	/* Refused once SQLite has begun: then it has these. */
	(void)sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
	vfs = sqlite3_vfs_find(NULL);
	if (vfs != NULL && vfs->iVersion >= 3)
		vfs->xSetSystemCall(vfs, "fcntl", (sqlite3_syscall_ptr)let_go);
}
