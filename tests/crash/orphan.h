/*
 * orphan: a process that is nobody's child.
 *
 * Who waits for all of his children does not wait for it, though he takes in what others
 * leave behind (PR_SET_CHILD_SUBREAPER); and a signal to our group is none to it.
 */
#pragma once

#include <stdbool.h>

/* As fork(), but that the child is an orphan: true in the child, false here, where it
 * can be forgotten. */
bool orphan_fork(void);
