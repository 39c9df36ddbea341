#include "tests/crash/promise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/crash/cases.h"
#include "tests/crash/layout.h"
#include "tests/crash/sets.h"
#include "tests/crash/world.h"

#define PROMISES_MAX 16

/* What may be live: the last that was said in time, and whatever is said after it. */
struct allowed {
	unsigned numbers[PROMISES_MAX];
	unsigned n;
	bool said; /* the first of them was said */
	bool any;  /* nothing was said, and what would have been is not known */
};

static const char *const words[] = { "installed generation ",
				     "rolled-back to generation ",
				     "repaired generation ", "\nended 0\n" };
#define N_WORDS (sizeof(words) / sizeof(*words))

unsigned promise_count(const char *all, size_t n_said)
{
	unsigned n = 0;

	for (size_t i = 0; i < N_WORDS; i++)
		for (const char *at = strstr(all, words[i]);
		     at != NULL && (size_t)(at - all) + strlen(words[i]) <= n_said;
		     at = strstr(at + 1, words[i]))
			n++;
	return n;
}

/* The generation of `cert` that is live by what the line `at` says; 0: not told. */
static unsigned told_by(const char *at, const char *cert)
{
	char head[96];
	const char *line_end = strchr(at, '\n');
	const char *found;

	for (size_t i = 0; i < N_WORDS; i++) {
		snprintf(head, sizeof(head), ": %s: %s", cert, words[i]);
		found = strstr(at, head);
		if (found != NULL && line_end != NULL && found < line_end)
			return (unsigned)strtoul(found + strlen(head), NULL, 10);
	}
	return 0;
}

static void allow(const char *cert, unsigned before, const char *all, size_t n_said,
		  struct allowed *a)
{
	const char *end;

	*a = (struct allowed){ .numbers = { before }, .n = 1 };
	for (const char *at = all; (end = strchr(at, '\n')) != NULL; at = end + 1) {
		unsigned number = told_by(at, cert);

		if (number == 0)
			continue;
		if ((size_t)(end - all) < n_said) {
			a->said = true;
			a->n = 0;
		}
		if (a->n < PROMISES_MAX)
			a->numbers[a->n++] = number;
	}
	a->any = !a->said && strstr(all, "\nended ") == NULL;
}

static bool file_is_allowed(const struct world *w, const char *file,
			    const struct allowed *a)
{
	AUTO_BUF struct buf got = { 0 };
	char path[96];

	snprintf(path, sizeof(path), "out/%s", file);
	if (!world_read(w, path, &got))
		return false;
	for (unsigned i = 0; i < a->n; i++)
		if (sets_is_of(w, file, &got, a->numbers[i]))
			return true;
	return false;
}

static const char *check_files(const struct world *w, const char *cert,
			       const struct allowed *a, char why[CHECK_WHY])
{
	char file[64];
	char whose[64];

	for (unsigned i = 0; a->said && sets_word(layout_files(w->layout), i, file);
	     i++) {
		sets_cert_of(file, whose);
		if (strcmp(whose, cert) == 0 && !file_is_allowed(w, file, a)) {
			snprintf(why, CHECK_WHY, "%s: it is not what was said", file);
			return why;
		}
	}
	return NULL;
}

static bool is_allowed(unsigned live, const struct allowed *a)
{
	if (a->any)
		return true;
	for (unsigned i = 0; i < a->n; i++)
		if (a->numbers[i] == live)
			return true;
	return false;
}

/* By a hook of this run, which syncs what it notes; 0: by none. */
static unsigned seen_by_hook(const struct world *w, const char *cert)
{
	char before[192];
	unsigned seen = sets_seen(w, "hook.log", cert);

	snprintf(before, sizeof(before), "%s/hook.log", w->kept);
	return seen == sets_seen(w, before, cert) ? 0 : seen;
}

static const char *lost(unsigned live, unsigned wanted, const char *by,
			const char *cert, char why[CHECK_WHY])
{
	snprintf(why, CHECK_WHY, "%s: generation %u is live, %s %u", cert, live, by,
		 wanted);
	return why;
}

/* The whole line. */
static bool is_said(const char *all, size_t n_said, const char *cert, const char *what)
{
	char line[96];

	snprintf(line, sizeof(line), "\n%s: %s\n", cert, what);
	return memmem(all, n_said, line, strlen(line)) != NULL;
}

static const char *check_forgotten(const struct world *w, const char *cert,
				   char why[CHECK_WHY])
{
	if (sets_live(w, cert) == 0 && sets_highest(w, cert) == 0)
		return NULL;
	snprintf(why, CHECK_WHY, "%s: it was said to be forgotten, and is there", cert);
	return why;
}

const char *promise_check(const struct crash_case *c, const struct world *w,
			  const struct check_facts *before, const char *all,
			  size_t n_said, char why[CHECK_WHY])
{
	struct allowed a;
	char cert[64];

	for (unsigned i = 0; i < CHECK_CERTS && sets_word(c->certs, i, cert); i++) {
		unsigned live = sets_live(w, cert);
		unsigned seen = seen_by_hook(w, cert);

		allow(cert, before->live[i], all, n_said, &a);
		if (!is_allowed(live, &a))
			return lost(live, a.numbers[0],
				    a.said ? "said was" : "before was", cert, why);
		if (seen != 0 && seen != live)
			return lost(live, seen, "a hook has seen", cert, why);
		if (check_files(w, cert, &a, why) != NULL)
			return why;
	}
	if (c->gone != NULL && is_said(all, n_said, c->gone, "forgotten"))
		return check_forgotten(w, c->gone, why);
	return NULL;
}
