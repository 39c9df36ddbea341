/* probe_io: bytes on a non-blocking socket, against a deadline on clock_boot_ms(). */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct err;

/* Wait for `events` of poll(2). ERR_NET once `until_ms` has passed. */
int probe_wait(int fd, short events, int64_t until_ms, struct err *e);

/* All or nothing. ERR_NET. */
int probe_write(int fd, const void *data, size_t len, int64_t until_ms, struct err *e);
int probe_read(int fd, void *data, size_t len, int64_t until_ms, struct err *e);

/* A line without its CRLF or LF, and not one byte more. ERR_LIMIT: longer than `size`. */
int probe_line(int fd, char *line, size_t size, int64_t until_ms, struct err *e);
