/*
 * log: one line per decision, to stderr. Only agent/ logs.
 *
 *     everleaf: warning: www: not served by 192.0.2.1:443           LOG_TEXT
 *     ts=2026-11-21T04:23:00Z level=info role=agent msg="www: ..."  LOG_LOGFMT
 *     {"ts":"2026-11-21T04:23:00Z","level":"info","role":"agent","msg":"www: ..."}
 *
 * Where stderr is the journal (systemd says so in JOURNAL_STREAM) a priority such as
 * "<4>" (sd-daemon(3)) takes the place of the time, which the journal has. LOG_TEXT on a
 * terminal is coloured unless NO_COLOR is set. Messages are escaped and bounded: what a
 * CA or a hook said cannot forge a line. A line that cannot be written is lost;
 * nothing fails because of its log. errno is kept.
 */
#pragma once

#include <stdint.h>

/* Bytes of a message. Even if each becomes a \u00XX the line is shorter than PIPE_BUF:
 * lines of several roles on one pipe do not mix. */
#define LOG_MAX 640

enum log_form {
	LOG_TEXT, /* for people */
	LOG_LOGFMT,
	LOG_JSON,
};

/*
 * `level` as enum log_level of spec.h: what is above it is not said. `role` static,
 * at most 16 letters. Before the first call: LOG_TEXT, LEVEL_INFO. Looks at stderr, so
 * after whoever places that, and before a sandbox that has no fstat().
 */
void log_setup(enum log_form form, uint32_t level, const char *role);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
