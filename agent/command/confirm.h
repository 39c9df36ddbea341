/*
 * confirm: what cannot be undone is not done by a slip of the finger. Asked before
 * anything is started; what it says goes to stderr.
 */
#pragma once

#include <stdbool.h>

struct request;

/*
 * Whether the request may be carried out: it can be undone, or --yes was given, or a
 * person at the terminal `in` types what it is about. Where `in` is no terminal, nobody
 * is asked, and the answer is no.
 */
bool confirm(const struct request *r, int in);
