/*
 * analyze: what the analyzers cannot see from one file, told to them only.
 *
 * A failure is a negative number, so no caller goes on after it as after success;
 * what an x-allocator returns is memory; an open folder has its descriptor.
 */
#pragma once

#include <dirent.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/key.h"
#include "base/mem.h"

#define KNOWN(call, is_true)                     \
	({                                       \
		__typeof__(call) known_ = call;  \
		if (!(known_ is_true))           \
			__builtin_unreachable(); \
		known_;                          \
	})

#define err_set(...)         KNOWN(err_set(__VA_ARGS__), < 0)
#define err_sys(...)         KNOWN(err_sys(__VA_ARGS__), < 0)
#define err_later(...)       KNOWN(err_later(__VA_ARGS__), < 0)
#define err_wrap(...)        KNOWN(err_wrap(__VA_ARGS__), < 0)
#define key_openssl_err(...) KNOWN(key_openssl_err(__VA_ARGS__), < 0)
#define xcalloc(...)         KNOWN(xcalloc(__VA_ARGS__), != NULL)
#define xrealloc(...)        KNOWN(xrealloc(__VA_ARGS__), != NULL)
#define xstrdup(...)         KNOWN(xstrdup(__VA_ARGS__), != NULL)
#define xstrndup(...)        KNOWN(xstrndup(__VA_ARGS__), != NULL)
#define xasprintf(...)       KNOWN(xasprintf(__VA_ARGS__), != NULL)
#define buf_take(...)        KNOWN(buf_take(__VA_ARGS__), != NULL)
#define dirfd(d)             KNOWN(dirfd(d), >= 0)
