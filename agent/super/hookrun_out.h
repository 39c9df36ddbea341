/*
 * hookrun_out: what a hook says, as lines of the log.
 *
 * At most LIMIT_HOOK_OUT bytes and LIMIT_HOOK_LINES lines of it; the rest is read and
 * counted, so that the hook never waits for us. Bytes that are no text become '?'; a line of
 * blanks is empty.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIMIT_HOOK_OUT   (64 * 1024)
#define LIMIT_HOOK_LINES 1000

struct hookrun_out {
	const char *hook; /* its name; borrowed */
	size_t seen;
	size_t lines;
	uint64_t dropped;
	size_t len;
	char line[512]; /* a longer one is logged in parts */
	char last[160]; /* the beginning of the last line that says something, of all */
	char *kept;     /* owned; the beginning of all of it; NULL: not wanted */
	size_t n_kept;
	size_t most;    /* ... so much of it; */
	bool has_more;  /* ... there was more */
	bool is_answer; /* to a question: not for the log */
};

void hookrun_out_init(struct hookrun_out *o, const char *hook);

/* Take what is there now; `fd` does not block. False: there will be no more. */
bool hookrun_out_read(struct hookrun_out *o, int fd);

/* Keep the beginning of it as well, to be told again, without what ends lines of others. */
#define LIMIT_HOOK_KEPT 4096
void hookrun_out_keep(struct hookrun_out *o, size_t most);

/* Log what has no newline behind it, and what was dropped; cut off what is kept the white
 * space at both ends. */
void hookrun_out_end(struct hookrun_out *o);
void hookrun_out_done(struct hookrun_out *o);
