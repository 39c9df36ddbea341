/* version: what this is, and what it is linked with. */
#pragma once

#define EVERLEAF_VERSION "0.1.0"

void version_print(void);
