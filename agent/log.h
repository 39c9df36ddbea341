/*
 * log: one line per decision, to stderr. Only agent/ logs.
 *
 *     2026-11-21T04:23:00Z info  www: installed generation 18 cert=www serial=04AB
 *
 * In logfmt or JSON as configured; on a terminal plain text in colour. Values are
 * escaped and bounded: what a CA or a hook said cannot forge a line.
 */
#pragma once

#include <stdint.h>

struct err;

enum log_form {
	LOG_TEXT,   /* for people: "everleaf: www: installed" */
	LOG_LOGFMT, /* ts= level= role= msg= */
	LOG_JSON,
};

/* `level` as enum log_level of spec.h: what is above it is not said. `role` static. */
void log_setup(enum log_form form, uint32_t level, const char *role);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
