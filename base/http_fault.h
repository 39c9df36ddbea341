/*
 * http_fault: why an exchange failed, in our own words. libcurl's and OpenSSL's change from
 * version to version and are for who wrote the program; these say what the peer did and,
 * where that can be told, what to look at.
 */
#pragma once

#include <stdbool.h>

struct buf;
struct err;

/* What `rc` (a CURLcode) with libcurl's words `why` means, added to `out`; `error` is errno
 * of the system call that failed (0: none). False: there are no better words. */
bool http_fault(int rc, const char *why, int error, struct buf *out);

/* ERR_TRUST, by what OpenSSL says of a server's certificate (`verdict`; nothing, or nothing
 * certain: its name is another one) and by libcurl's words `why`. Where the reason is whom we
 * trust, the file `trust` is named (NULL: the system's store). */
int http_untrusted(long verdict, const char *why, const char *trust, struct err *e);
