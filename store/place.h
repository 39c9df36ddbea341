/*
 * place: where the things of a certificate or a CA stand below the state directory.
 *
 *     <root>/archive/NAME/{0000000018,.pending,next.tlsa}
 *     <root>/live/NAME     <root>/ca/NAME
 *     <root>/accounts/NAME     <root>/crl/NAME.pem     <root>/roots/NAME.{pem,seen}
 *
 * The caller makes `archive` and `live`, the store everything below them. What begins
 * with a dot is ours and unfinished.
 */
#pragma once

#include <sys/types.h>

struct err;

#define PLACE_ARCHIVE  "archive"
#define PLACE_LIVE     "live"
#define PLACE_CA       "ca"
#define PLACE_ACCOUNTS "accounts"
#define PLACE_CRL      "crl"
#define PLACE_ROOTS    "roots"
#define PLACE_PENDING  ".pending"  /* a file: pending.h */
#define PLACE_NEXT     "next.tlsa" /* ... of its public half: pending.h */
#define PLACE_STAGE    ".stage"
#define PLACE_OLD      ".old" /* .old.NUMBER: while it is being removed, or cannot be */

/* ERR_CONFIG unless `name` can be the name of a folder of ours. */
int place_check(const char *name, struct err *e);

/* `file` of key `number` of the embedded CA `name`, below <root>; owned. The first key has
 * no folder of its own. */
char *place_of_ca(const char *name, unsigned number, const char *file);

/* Open <root>/SHELF/NAME. *dir is -1 if there is none; without SHELF, ERR_SYS. */
int place_open(int root, const char *shelf, const char *name, int *dir, struct err *e);

/* The same, where the shelf is made with the first that stands on it. */
int place_find(int root, const char *shelf, const char *name, int *dir, struct err *e);

/* Open the folder `name` below `at`, made durably with `mode` if there is none. */
int place_dir(int at, const char *name, mode_t mode, int *dir, struct err *e);

/* Open <root>/SHELF/NAME, made durably with mode 0755 if there is none. */
int place_make(int root, const char *shelf, const char *name, int *dir, struct err *e);

/* Remove the file `name` below `dir`, and what a crash left of it beside its place. Fine
 * if there is none. */
int place_remove(int dir, const char *name, struct err *e);
