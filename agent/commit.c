#include "agent/commit.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/agent.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

struct commit {
	struct commit *next;
	commit_done *done;
	uint32_t number;
};

void commit_then(struct agent *a, commit_done *done, uint32_t number)
{
	struct commit *c = xcalloc(1, sizeof(*c));
	struct commit **at = &a->commits;

	*c = (struct commit){ .done = done, .number = number };
	while (*at != NULL)
		at = &(*at)->next;
	*at = c;
}

/* Some ten transactions, and what SQLite makes beside its file. */
#define ROOM_BYTES (128 * 1024)
#define ROOM_FILES 3

int commit_room(const struct agent *a, struct err *e)
{
	AUTO_FD int dir = -1;

	if (file_enter_dir(a->root, "agent", &dir, e) < 0)
		return e->sysno == ENOENT ? 0 : e->code;
	if (file_room(dir, ROOM_BYTES, ROOM_FILES, e) < 0)
		return err_wrap(e, "%s/agent", a->state_dir);
	return 0;
}

bool commit_turn(struct agent *a)
{
	struct commit *c = a->commits;
	struct err e;

	if (c == NULL)
		return false;
	a->commits = NULL;
	(void)agent_commit(a, &e);
	e = a->lost; /* perhaps by a commit before this one */
	a->lost.code = 0;
	while (c != NULL) {
		struct commit *next = c->next;

		c->done(a, c->number, e.code != 0 ? &e : NULL);
		free(c);
		c = next;
	}
	return true;
}

void commit_free(struct agent *a)
{
	while (a->commits != NULL) {
		struct commit *c = a->commits;

		a->commits = c->next;
		free(c);
	}
}
