/*
 * output: stdout as somebody else has left it. Where it is not to block (O_NONBLOCK belongs
 * to whoever shares the open file, and is theirs to change), a pipe or a terminal that can
 * take no more just now is waited for, as it is where it blocks. Nobody waits to log.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Let the stream stdout wait. Before anything is printed. */
void output_begin(void);

/* Write all of it. False: `errno` says why not. */
bool output_write(int fd, const char *data, size_t len);
