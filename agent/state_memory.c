#include "agent/state_memory.h"

#include <malloc.h>
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

	/* Refused once SQLite has begun: then it has these. */
	(void)sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
}
