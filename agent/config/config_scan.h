/*
 * config_scan: what libconfig would let pass without a word, found before it reads.
 *
 * It joins two strings that stand side by side, takes the rest of a file for a comment
 * that nobody closed, ends at a NUL, opens whatever @include names, and calls a
 * trailing comma, groups in [ ], and what some editors put before the first line a "syntax
 * error". Here each is named with its line.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define CONFIG_DEPTH 16 /* of braces in braces; ours need 5 */

/* Look through `text` (NUL-terminated too) and call `found` for each trap. Lines count
 * from 1. True: there was none, and libconfig reads what a person reads. */
bool config_scan(const char *text, size_t len,
		 void (*found)(void *arg, unsigned line, const char *what), void *arg);
