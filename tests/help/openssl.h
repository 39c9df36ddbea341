/* openssl: what the openssl program, an outsider, says of what we made. */
#pragma once

#include "base/buf.h"

/* A folder of its own below $TMPDIR or /tmp; `dir` has room for 64 bytes. */
void openssl_dir(char dir[64]);

/* Remove it with the files in it. */
void openssl_dir_done(const char *dir);

/* Write `data` to dir/name. */
void openssl_put(const char *dir, const char *name, const struct buf *data);

/*
 * Run "openssl ARGUMENT..." in `dir`; `argv` starts with "openssl" and ends with NULL.
 * Returns its exit status, -1 if there is no such program; what it printed is in `out`.
 */
int openssl_run(const char *dir, const char *const *argv, struct buf *out);
