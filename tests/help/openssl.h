/* openssl: what the openssl program, an outsider, says of what we made. */
#pragma once

#include "base/buf.h"
#include "tests/scratch.h"

/*
 * Run "openssl ARGUMENT..." in `dir`; `argv` starts with "openssl" and ends with NULL.
 * Returns its exit status, -1 if there is no such program; what it printed is in `out`.
 */
int openssl_run(const struct scratch *dir, const char *const *argv, struct buf *out);
