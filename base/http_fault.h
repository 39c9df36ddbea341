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

/* ERR_TRUST, with libcurl's words and for what OpenSSL says of a server's certificate (nothing, or nothing certain: its
 * name is another one). Where it is whom we trust, the file `trust` (NULL: the system's store) is told. */
int http_untrusted(long verdict, const char *why, const char *trust, struct err *e);
