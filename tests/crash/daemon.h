/* daemon: what the world does to `everleaf agent` while it runs: another configuration and
 * SIGHUP once the first hook has run, SIGTERM once the second has. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct crash_case;
struct world;

struct daemon_drive {
	const struct crash_case *crash;
	const struct world *world;
	bool is_patient; /* nothing is done to it */
};

/* As the `beside` of a tracer_plan; `drive` is a struct daemon_drive. What comes to
 * nothing is given up, so that the daemon ends in any case. */
void daemon_drive(const void *drive, pid_t pid);
