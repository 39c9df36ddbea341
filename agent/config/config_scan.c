#include "agent/config/config_scan.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct scan {
	const char *at;
	const char *end;
	unsigned line;
	char last; /* of the token before: '"', ',', 'w' for a word, or itself */
	unsigned last_line;
	unsigned depth;
	bool clean;
	void (*found)(void *arg, unsigned line, const char *what);
	void *arg;
};

static void trap(struct scan *s, unsigned line, const char *what)
{
	s->clean = false;
	s->found(s->arg, line, what);
}

static void skip_line(struct scan *s)
{
	while (s->at < s->end && *s->at != '\n')
		s->at++;
}

static void skip_comment(struct scan *s)
{
	unsigned start = s->line;

	for (s->at += 2; s->at < s->end; s->at++) {
		if (s->at[0] == '*' && s->at[1] == '/') {
			s->at += 2;
			return;
		}
		if (*s->at == '\n')
			s->line++;
	}
	trap(s, start, "found a comment that does not end, expected \"*/\"");
}

static bool has_nul(const struct scan *s)
{
	static const char nul[] = { '\\', 'x', '0', '0' };

	return (size_t)(s->end - s->at) >= sizeof(nul) &&
	       memcmp(s->at, nul, sizeof(nul)) == 0;
}

static void skip_string(struct scan *s)
{
	unsigned start = s->line;

	for (s->at++; s->at < s->end; s->at++) {
		if (*s->at == '"') {
			s->at++;
			return;
		}
		if (*s->at == '\n')
			s->line++;
		if (has_nul(s))
			trap(s, s->line,
			     "found \\x00, which ends a string, expected text "
			     "without control characters");
		if (*s->at == '\\' && s->at + 1 < s->end && s->at[1] != '\n')
			s->at++;
	}
	trap(s, start, "found a string that does not end, expected \"\\\"\"");
}

static void string(struct scan *s)
{
	unsigned start = s->line;

	if (s->last == '"')
		trap(s, start,
		     "found two strings side by side, expected a comma between them");
	skip_string(s);
	s->last = '"';
	s->last_line = start;
}

static void open_or_close(struct scan *s, char c)
{
	if (strchr("([{", c) != NULL) {
		if (++s->depth == CONFIG_DEPTH + 1)
			trap(s, s->line,
			     "found brackets nested too deep, expected 16 levels at "
			     "most");
		return;
	}
	if (s->depth > 0)
		s->depth--;
	if (s->last == ',' && c != '}')
		trap(s, s->last_line,
		     "found a trailing comma, expected none before the end of a list");
}

static void other(struct scan *s, char c)
{
	if (c == '\0')
		trap(s, s->line, "found a NUL byte, expected text");
	if (c == '@')
		trap(s, s->line,
		     "found \"@\", expected the setting include = \"...\" instead of "
		     "@include");
	if (c == '{' && s->last == '[')
		trap(
		    s, s->line,
		    "found a group in [ ... ], expected a list of groups, ( { ... } )");
	if (strchr("()[]{}", c) != NULL && c != '\0')
		open_or_close(s, c);
	s->last = c;
	s->last_line = s->line;
	s->at++;
	if (c == '@') /* one word for the whole of @include "file" */
		skip_line(s);
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (c != '\0' && strchr("_-+.*", c) != NULL);
}

/* A name, a number or a bool. libconfig cuts a number that does not fit. */
static void word(struct scan *s)
{
	const char *start = s->at;

	while (s->at < s->end && is_word(*s->at))
		s->at++;
	s->last = 'w';
	if (strspn(start, "+-0123456789") == (size_t)(s->at - start) &&
	    (strtol(start, NULL, 10) > INT32_MAX ||
	     strtol(start, NULL, 10) < INT32_MIN))
		trap(s, s->line, "found a number that is too large, expected 32 bits");
}

/* One step: a comment, blank space, a string or one byte of anything else. */
static void step(struct scan *s)
{
	char c = *s->at;

	if (c == '\n')
		s->line++;
	if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f')
		s->at++;
	else if (c == '#' || (c == '/' && s->at[1] == '/'))
		skip_line(s);
	else if (c == '/' && s->at[1] == '*')
		skip_comment(s);
	else if (c == '"')
		string(s);
	else if (is_word(c))
		word(s);
	else
		other(s, c);
}

bool config_scan(const char *text, size_t len,
		 void (*found)(void *arg, unsigned line, const char *what), void *arg)
{
	struct scan s = {
		.at = text,
		.end = text + len,
		.line = 1,
		.clean = true,
		.found = found,
		.arg = arg,
	};

	if (strncmp(text, "\xef\xbb\xbf", 3) == 0) {
		trap(&s, 1, "found a byte order mark, expected UTF-8 without one");
		s.at += 3;
	}
	while (s.at < s.end)
		step(&s);
	return s.clean;
}
