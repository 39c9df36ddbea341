/* version: what this is, and what it is linked with. */
#pragma once

#define EVERLEAF_VERSION "0.1.0"

/* What the supervisor's program tells the agent's to say only that. */
#define VERSION_WORD "version"

/* The libraries. Returns an exit status. */
int version_print(void);
