/*
 * cmp_said: what a CMP server has said no to (PKIStatusInfo, RFC 4210 5.2.3), in words, and
 * what it means for the scheduler.
 */
#pragma once

#include <stdbool.h>

#include <openssl/cmp.h>

struct err;

/* After a transaction of `ctx` that has failed for what was said in it, not for want of an
 * answer; returns e's code. *shut_out: it does not take who asks. OpenSSL's errors are
 * drained. */
int cmp_said(const OSSL_CMP_CTX *ctx, bool *shut_out, struct err *e);
