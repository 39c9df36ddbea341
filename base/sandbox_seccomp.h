/* sandbox_seccomp: the system calls that each kind of role may make. */
#pragma once

#include "base/sandbox.h"

struct err;

/* Sanitizers need calls that no role does (ptrace, clone, /proc): the filter stays off. */
#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_SANITIZED 1
#elif defined(__has_feature)
#define SANDBOX_SANITIZED __has_feature(address_sanitizer)
#else
#define SANDBOX_SANITIZED 0
#endif

/* Kill the process at any call that is not on the list of `kind`. */
int sandbox_seccomp(enum sandbox_kind kind, unsigned *missing, struct err *e);
