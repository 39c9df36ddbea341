#include "tests/crash/daemon.h"

#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "tests/crash/cases.h"
#include "tests/crash/prepare.h"
#include "tests/crash/world.h"

/* For so long nothing may be said: a daemon whose first attempt has failed waits for
 * longer than any test, one that is told something twice for a second. An undisturbed one
 * has all the time it needs. */
#define PATIENCE_MS 1500
#define PATIENT_MS  20000
#define LOOK_MS     2

static bool has_run_for(const struct world *w, const char *generation)
{
	AUTO_BUF struct buf log = { 0 };

	return world_read(w, "hook.log", &log) && log.data != NULL &&
	       strstr(log.data, generation) != NULL;
}

static off_t said(const struct world *w)
{
	struct stat st;

	return stat(w->said, &st) < 0 ? 0 : st.st_size;
}

/* False: it came to nothing. */
static bool wait_for(const struct daemon_drive *d, const char *generation, pid_t pid)
{
	off_t before = said(d->world);

	for (int quiet = 0; quiet < (d->is_patient ? PATIENT_MS : PATIENCE_MS);
	     quiet += LOOK_MS) {
		off_t now = said(d->world);

		if (has_run_for(d->world, generation))
			return true;
		if (kill(pid, 0) < 0)
			return false;
		if (now != before)
			quiet = 0;
		before = now;
		usleep(LOOK_MS * 1000);
	}
	return false;
}

void daemon_drive(const void *drive, pid_t pid)
{
	const struct daemon_drive *d = drive;
	bool goes_on = wait_for(d, "/0000000001", pid);

	case_configure(d->crash, d->world);
	kill(pid, SIGHUP);
	if (goes_on)
		(void)wait_for(d, "/0000000002", pid);
	kill(pid, SIGTERM);
}
