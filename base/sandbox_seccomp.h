/* sandbox_seccomp: the filter of each kind of role, as sandbox_calls.c has it. */
#pragma once

#include <linux/filter.h>

#include "base/sandbox.h"

struct err;

/* Made by sandbox_calls.c while everleaf is built. In each one number stands for the
 * process id of whoever enters; no system call has another use for it. */
extern const struct sock_fprog sandbox_filters[SANDBOX_KINDS];
#define SANDBOX_SELF 0x7e57e1f5u

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
