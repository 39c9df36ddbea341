/*
 * world: a state directory with its configuration in a folder of its own, that is
 * prepared once and put back before each crash.
 *
 *     BASE/w/{everleaf.conf,hook,hook.log,state/,out/}    where everleaf works
 *     BASE/kept/                                          what w was before the crash
 *     BASE/ca/                                            who issues (outside.h)
 *     BASE/service                                        ... and service.h
 *     BASE/{said,answer}                                  what runs printed
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "tests/crash/outside.h"

#define WORLD_WORDS 12

struct world {
	char base[128];
	char dir[160];
	char kept[160];
	char said[160];    /* by the run that is cut */
	char answer[160];  /* by another */
	char program[160]; /* everleaf */
	enum outside outside;
	int ca;          /* owned; the life of who issues; -1: nobody */
	int service;     /* the same */
	unsigned layout; /* enum layout */
};

struct world_command {
	char text[512];
	char *argv[WORLD_WORDS + 1];
};

/* In memory where that can be had: no power is cut, so nothing has to reach a disk. An
 * issuer may belong to it, and a service. */
bool world_open(struct world *w, enum outside outside, bool with_service);
void world_done(struct world *w);

/* Write `text` as w/NAME, at once; each @ in it becomes the path of w. */
void world_write(const struct world *w, const char *name, const char *text,
		 unsigned mode);
void world_remove(const struct world *w, const char *name);

/* Read w/NAME; false: it is not there. */
bool world_read(const struct world *w, const char *name, struct buf *out);

void world_keep(const struct world *w);    /* kept = w */
void world_restore(const struct world *w); /* w = kept */
void world_clear(const struct world *w);

/* Run argv, what it prints in the file `out`. Its exit status; 124: it took too long. Or
 * begin it, and wait for it later. */
pid_t world_begin(char *const argv[], const char *out);
int world_wait(pid_t pid, int seconds);
int world_exec(char *const argv[], const char *out, int seconds);

/* "renew www" with the program and the configuration of `w` before it; an @ in it becomes
 * the path of w, a # what is in w/serial. */
void world_command(const struct world *w, const char *words, struct world_command *c);

/* True if no child is left; those that are get time to end. */
bool world_no_stray(void);

/* Run it untraced. Its exit status; 124: it took too long; 125: it left a process. */
int world_run(const struct world *w, const char *words);
