#include "tests/crash/look.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "tests/crash/cases.h"
#include "tests/crash/prepare.h"
#include "tests/crash/world.h"

bool look_said(const struct world *w, const char *text)
{
	AUTO_BUF struct buf out = { 0 };

	return world_read(w, w->said, &out) && out.data != NULL &&
	       strstr(out.data, text) != NULL;
}

const char *look_crashed(const struct world *w)
{
	static const char *const words[] = {
		"ERROR: AddressSanitizer",
		"ERROR: LeakSanitizer",
		"runtime error: ",
		"Assertion ",
		"signal 4",
		"signal 7",
		"signal 8",
		"signal 11",
		"signal 31",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (look_said(w, words[i]))
			return words[i];
	return NULL;
}

/* What has failed waits, unless it is named. */
static const char *next_of(const struct crash_case *c, bool failed, char out[128])
{
	snprintf(out, 128, "renew %s", c->certs);
	return failed && c->later == NULL && strncmp(c->next, "renew", 5) == 0
		   ? out
		   : c->next;
}

const char *look_next(const struct crash_case *c, const struct world *w,
		      const struct check_facts *before, bool failed, unsigned how,
		      char why[CHECK_WHY])
{
	char next[128];
	int status;

	case_configure(c, w);
	if (c->later != NULL)
		c->later(w);
	status = world_run(w, next_of(c, failed, next));
	if (!case_accepts(c, status)) {
		snprintf(why, CHECK_WHY, "the next run ended with %d", status);
		return why;
	}
	return check_next(c, w, before, how, why);
}

static void print_one(const struct world *w, const char *file)
{
	AUTO_BUF struct buf out = { 0 };

	if (world_read(w, file, &out) && out.data != NULL)
		printf("    | %s\n", out.data);
}

void look_print(const struct world *w)
{
	print_one(w, w->said);
	print_one(w, w->answer);
	fflush(stdout);
}
