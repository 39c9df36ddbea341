/*
 * keeper_watch: what somebody else changes of ours is noticed while the agent runs.
 *
 * Watching says only when to look at what. Whether anything has changed says the stamp of
 * a certificate (KEEPER_STAMP): what the agent was told last is kept here, by certificate,
 * so that what we write ourselves, and what others do beside our files, is told to nobody.
 * The agent asks to be told (KEEPER_WATCH), once, and again when it has heard
 * (KEEPER_CHANGED): however much changes, one message is under way.
 *
 * Watched are folders (base/watch.h):
 *
 *     live/                      the links: one folder for all of them
 *     live/NAME, where it leads  the live key and certificate: one folder for each. Of the
 *                                archive nothing else counts
 *     crl/                       what is published of CRLs; each is watched for as one
 *                                more certificate, behind all of them
 *     the folder of each file    and of each password, and of `trust` where a file holds
 *                                its roots, and those on the way there
 *
 *     the folders of `watch`     in which certificates of others may come and go. Any change
 *                                there is told as one: the agent asks for a look at all of
 *                                them (KEEPER_STRANGERS), which adds the folders that there
 *                                are by then. Where that is not all, it looks more often
 *
 * A webroot is not: nothing of ours stays there, for a token is removed when its challenge
 * is over, and a folder that has been replaced is found when the next one is written.
 *
 * With 100,000 certificates that is as many watches. Set up in slices between requests,
 * they take a second, and of the kernel's memory 1 KiB each; it lets a user have as many
 * as take one hundredth of the memory (fs.inotify.max_user_watches). Where that is not
 * enough, or inotify is not to be had, certificates are swept: KEEPER_SWEEP of them, the
 * watched ones too, each KEEPER_SWEEP_MS.
 *
 * If a folder of `files` is moved, removed, mounted over, or any on the way there, all is
 * begun anew on what is there then. IN_Q_OVERFLOW: all certificates are looked at.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/role/keeper_state.h"

struct err;
struct keeper;
struct msg;
struct pollfd;
struct spec_cert;
struct spec_crl;

#define KEEPER_SWEEP        1000 /* takes milliseconds */
#define KEEPER_SWEEP_MS     30000
#define KEEPER_ANEW_EACH_MS 1000 /* at most so often is all begun anew */

/* Before the sandbox: for the agent that stays; others get no watch. */
void keeper_watch_begin(struct keeper *k);
void keeper_watch_end(struct keeper *k);

/* KEEPER_WATCH */
int keeper_watch(void *role, struct msg *m, struct err *e);

/* The agent knows of `c` what has that stamp; 0: what it is to be told of in any case. */
void keeper_watch_known(struct keeper *k, const struct spec_cert *c, uint64_t stamp);
/* ... of `c` what is written now. */
void keeper_watch_written(struct keeper *k, const struct spec_crl *c);

/* Tell of what changes in the folders of `watch` that there are now. False: not of all. */
bool keeper_watch_strangers(struct keeper *k);

/* What to wait for, KEEPER_WATCH_FDS of them, and for how long, -1: for ever. */
#define KEEPER_WATCH_FDS 2
void keeper_watch_fill(const struct keeper *k, struct pollfd *p);
int keeper_watch_ms(const struct keeper *k);

/* Take what has come, look, tell. Not while an answer of KEEPER_LIVE is owed: what that
 * says is not known yet. */
int keeper_watch_turn(struct keeper *k, const struct pollfd *p, struct err *e);
