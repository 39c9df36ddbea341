/*
 * reachcall: before files are written, can those read them that they are for? The
 * supervisor looks, who is not in a sandbox; whoever cannot is named in the log, and the
 * files are written all the same: the folder may be opened as easily later. A run does
 * not end before it is said.
 */
#pragma once

#include <stdint.h>

struct agent;

void reachcall(struct agent *a, uint32_t cert);
