/* generations: of a certificate "web" whose files hold one word each. */
#pragma once

#include "base/auto.h"
#include "base/err.h"
#include "base/file.h"
#include "store/generation.h"
#include "tests/scratch.h"

static inline void stage(const struct scratch *s, struct generation *g,
			 const char *text)
{
	const struct file_access private = { FILE_KEEP, FILE_KEEP, 0600 };
	const struct file_access public = { FILE_KEEP, FILE_KEEP, 0644 };
	struct err e = { 0 };

	if (generation_begin(g, s->fd, "web", &e) < 0 ||
	    generation_add(g, "privkey.pem", text, strlen(text), &private, &e) < 0 ||
	    generation_add(g, "cert.pem", text, strlen(text), &public, &e) < 0)
		fail_msg("%s", e.text);
}

static inline uint64_t keep(const struct scratch *s, const char *text)
{
	AUTO_GENERATION struct generation g = GENERATION_NONE;
	uint64_t number = 0;
	struct err e = { 0 };

	stage(s, &g, text);
	if (generation_keep(&g, &number, &e) < 0)
		fail_msg("%s", e.text);
	return number;
}

static inline void live(const struct scratch *s, uint64_t number)
{
	struct err e = { 0 };

	if (generation_live(s->fd, "web", number, &e) < 0)
		fail_msg("%s", e.text);
}

static inline uint64_t install(const struct scratch *s, const char *text)
{
	uint64_t number = keep(s, text);

	live(s, number);
	return number;
}

static inline uint64_t current(const struct scratch *s)
{
	uint64_t number = 99;
	struct err e = { 0 };

	if (generation_current(s->fd, "web", &number, &e) < 0)
		fail_msg("%s", e.text);
	return number;
}

/* "1 2 5": the numbers that are there. */
static inline void expect_numbers(const struct scratch *s, const char *want)
{
	AUTO_FREE uint64_t *numbers = NULL;
	char got[256] = "";
	struct err e;
	size_t n = 0;

	assert_int_equal(generation_list(s->fd, "web", &numbers, &n, &e), 0);
	for (size_t i = 0; i < n; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%d",
			 i > 0 ? " " : "", (int)numbers[i]);
	assert_string_equal(got, want);
}
