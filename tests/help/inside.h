/* inside: run what a role is there for in its sandbox. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/sandbox.h"

/* A step inside: one that fails says where, and ends the child. */
#define NEED(x)                                                               \
	do {                                                                  \
		if (!(x)) {                                                   \
			dprintf(2, "%s:%d: %s: %s\n", __FILE__, __LINE__, #x, \
				strerror(errno));                             \
			_exit(1);                                             \
		}                                                             \
	} while (0)

/* A sandbox that keeps the user. */
struct sandbox inside_box(enum sandbox_kind kind, const struct sandbox_path *paths,
			  size_t n);

/* Enter in a child and run work(arg); any end but a clean one fails the test. */
void inside_run(const struct sandbox *box, void (*work)(const char *arg),
		const char *arg);

/* True, said why, if this is not root. */
bool inside_needs_root(const char *what);
