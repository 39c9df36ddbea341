/*
 * follow: `status --watch`: what status says, again whenever it is another.
 *
 * It looks once a second (less often where a look takes long, so that it takes a fifth of
 * a processor at most) by running the command: what an agent has committed is seen, and one
 * that runs is not disturbed. On a terminal it is one screen, drawn in place; what does
 * not fit is counted. Elsewhere each new text follows the one before, after an empty line.
 * It ends with q or Ctrl-C, or when the command fails.
 */
#pragma once

struct request;

/* Exit status. */
int follow(const struct request *r, const char *path);
