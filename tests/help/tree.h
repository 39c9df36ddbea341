/*
 * tree: the built program with all of its roles, in a folder of its own, with one
 * certificate whose hook waits until the test lets it go on.
 *
 *     cmocka_unit_test_setup_teardown(f, tree_in, tree_out)
 *
 * *state is then a struct tree.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "tests/scratch.h"

#define TREE_USER   65534
#define TREE_AGENT  61001 /* the users of the roles, as root; no names are needed */
#define TREE_KEEPER 61002
#define TREE_NET    61003

struct tree {
	void *scratch;
	pid_t pid;                /* of the supervisor; 0: not started or waited for */
	const char *variables[2]; /* of its environment, besides; NULL: none */
	bool as_user;             /* everything as TREE_USER */
};

int tree_in(void **state);
int tree_out(void **state);

/* From now on as an ordinary user. False, said why, if that cannot be. */
bool tree_drop(struct tree *t);

/* Write the configuration; `more` are settings of the certificate. */
void tree_configure(const struct tree *t, const char *more);

/* Start "everleaf -c CONFIG WORD...", ended by NULL. */
void tree_start(struct tree *t, const char *const *words);

/* Exit status, 128 + signal; fails the test if it does not end within `ms`. */
int tree_wait(struct tree *t, int ms);

/* The same at once: start, wait. */
int tree_run(struct tree *t, const char *const *words);

/* Everything that was said so far, by all. Valid until the next call. */
const char *tree_said(const struct tree *t);

/* The role called `name`, once it is there and is not `old`. */
pid_t tree_role(const struct tree *t, const char *name, pid_t old);

/* Until the hook runs for the nth time; let all of its runs end. */
void tree_until_hook(const struct tree *t, int nth);
void tree_let_hook_end(const struct tree *t);

/* Until `pid` has ended; false: it does not. */
bool tree_gone(pid_t pid);
