/*
 * lint_word: the directives of a server's configuration one after another, as words. What
 * the files of all servers that we know have in common is that: words, a line or a sign
 * that ends them, blocks in braces, comments behind "#".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* How the files of a kind of server are written. */
#define LINT_LINES     (1u << 0) /* a directive ends with its line */
#define LINT_SEMICOLON (1u << 1) /* ... with ";" */
#define LINT_BRACES    (1u << 2) /* "{" and "}" are around a block */
#define LINT_EQUALS    (1u << 3) /* "=" stands between words as a blank does */
#define LINT_REMARKS   (1u << 4) /* ";" begins a comment, too */

#define LINT_WORDS_MAX \
	64 /* of a directive; there are no settings of ours behind them */

struct lint_text {
	const char *at; /* borrowed: what is not read yet */
	const char *end;
	unsigned line;
	unsigned style; /* LINT_* */
};

struct lint_words {
	struct buf text; /* owned: the words, each with an end of its own */
	size_t begins[LINT_WORDS_MAX];
	size_t n;
	unsigned line; /* of the first one */
	char end;      /* '{' or '}': by that; 0: anything else */
};

/* Take the next directive; false: there is none any more. */
bool lint_words_next(struct lint_text *t, struct lint_words *w);

/* Word `i`; "": there is none. */
const char *lint_word(const struct lint_words *w, size_t i);

void lint_words_done(struct lint_words *w);
