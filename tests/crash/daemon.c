#include "tests/crash/daemon.h"

#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "tests/crash/cases.h"
#include "tests/crash/world.h"

/* For so long nothing may happen: a daemon whose first attempt has failed waits for
 * longer than any test. */
#define PATIENCE 750 /* of 2 ms */

static bool has_run_for(const struct world *w, const char *generation)
{
	AUTO_BUF struct buf log = { 0 };

	return world_read(w, "hook.log", &log) && log.data != NULL &&
	       strstr(log.data, generation) != NULL;
}

static void wait_for(const struct world *w, const char *generation, pid_t pid)
{
	for (int i = 0; i < PATIENCE; i++) {
		if (has_run_for(w, generation) || kill(pid, 0) < 0)
			return;
		usleep(2000);
	}
}

void daemon_drive(const void *drive, pid_t pid)
{
	const struct daemon_drive *d = drive;

	wait_for(d->world, "/0000000001", pid);
	case_configure(d->crash, d->world);
	kill(pid, SIGHUP);
	wait_for(d->world, "/0000000002", pid);
	kill(pid, SIGTERM);
}
