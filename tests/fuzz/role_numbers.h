/* role_numbers: for a role that runs in the process of its target. */
#pragma once

#include <assert.h>
#include <fcntl.h>
#include <unistd.h>

#include "agent/role/roles.h"
#include "base/auto.h"

/* The numbers that roles have their sockets at are nobody else's from now on. */
static inline void role_numbers_hold(void)
{
	AUTO_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	assert(null >= 0);
	for (int i = ROLE_FD_SUPERVISOR; i <= ROLE_FD_LAST; i++)
		if (i != null)
			assert(dup2(null, i) == i);
	if (null <= ROLE_FD_LAST)
		null = -1;
}
