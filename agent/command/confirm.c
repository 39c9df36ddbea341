#include "agent/command/confirm.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "acme/account.h"
#include "agent/role/request.h"

#define ANSWER_MAX 256 /* no issuer has a longer name */

static bool is_final(const struct request *r)
{
	return r->command == COMMAND_ACCOUNT && r->step == ACCOUNT_DEACTIVATE;
}

/* A terminal gives a line at a time; the end of it (^D) is an answer too: no. */
static bool is_typed(int in, const char *word)
{
	char answer[ANSWER_MAX];
	const ssize_t n = read(in, answer, sizeof(answer));

	return n == (ssize_t)strlen(word) + 1 && answer[n - 1] == '\n' &&
	       memcmp(answer, word, (size_t)n - 1) == 0;
}

bool confirm(const struct request *r, int in)
{
	if (!is_final(r) || (r->flags & REQUEST_YES) != 0)
		return true;
	if (isatty(in) == 0) {
		fprintf(stderr,
			"everleaf: account: %s: deactivate cannot be undone; say --yes "
			"if it is meant\n",
			r->names[0]);
		return false;
	}
	fprintf(stderr,
		"The account at %s is given up for ever, with all that the CA grants "
		"to it.\nType %s to go on: ",
		r->names[0], r->names[0]);
	if (is_typed(in, r->names[0]))
		return true;
	fputs("everleaf: account: nothing was done\n", stderr);
	return false;
}
