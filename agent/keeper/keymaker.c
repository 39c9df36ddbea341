#include "agent/keeper/keymaker.h"

#include <sched.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"

unsigned keymaker_most(void)
{
	cpu_set_t set;
	int n = 1;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = CPU_COUNT(&set);
	return n < KEYMAKERS_MAX ? (unsigned)n : KEYMAKERS_MAX;
}

/* What fails here is told by an end without a key. */
static void make(void *arg, int fd)
{
	const enum key_type *type = arg;
	AUTO_KEY EVP_PKEY *key = NULL;
	AUTO_BUF struct buf pem = { 0 };
	struct err e;

	if (key_make(*type, &key, &e) == 0 && key_to_pem(key, &pem, &e) == 0 &&
	    write(fd, pem.data, pem.len) != (ssize_t)pem.len)
		_exit(1);
}

int keymaker_start(enum key_type type, struct child *k, struct err *e)
{
	return child_start(LIMIT_KEYMAKER_S, make, &type, k, e);
}

int keymaker_take(struct child *k, EVP_PKEY **key, struct err *e)
{
	AUTO_BUF struct buf pem = { 0 };

	TRY(child_take(k, LIMIT_KEY_BYTES, &pem, e));
	if (pem.len == 0)
		return err_set(e, ERR_SYS, "the process that made it ended too soon");
	return key_from_pem(pem.data, pem.len, key, e);
}
