/*
 * mem: allocation that cannot fail. Out of memory ends the role, and the next one
 * goes on from disk; sizes that come from outside are bounded before they get here.
 *
 * Libraries are given these, too. One that is out of memory says that a key, a row or an
 * answer is broken, or crashes, or never ends; and what is broken is set aside.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

/* Of 0 octets is of one. */
void *xmalloc(size_t size) __attribute__((returns_nonnull, malloc));
void *xresize(void *p, size_t size) __attribute__((returns_nonnull));
void *xcalloc(size_t n, size_t size) __attribute__((returns_nonnull, malloc));
void *xrealloc(void *p, size_t n, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((returns_nonnull, malloc));
char *xstrndup(const char *s, size_t len) __attribute__((returns_nonnull, malloc));
char *xasprintf(const char *fmt, ...)
    __attribute__((returns_nonnull, malloc, format(printf, 1, 2)));
char *xvasprintf(const char *fmt, va_list ap)
    __attribute__((returns_nonnull, malloc, format(printf, 1, 0)));
