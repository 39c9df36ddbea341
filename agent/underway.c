#include "agent/underway.h"

#include <stdlib.h>

#include "agent/agent.h"
#include "agent/ari.h"
#include "agent/inventory.h"
#include "agent/job.h"
#include "base/err.h"
#include "base/mem.h"

static void see(struct agent *a, const struct job *j)
{
	struct cert *c = &a->certs[j->cert];
	const struct cert before = *c;
	struct memory m = j->memory;
	struct err e;

	if (j->installed) {
		inventory_live(&m, j->generation, &j->facts, &j->stored);
		if (inventory_take(a, j->cert, &m, false, &e) == 0)
			ari_keep(c, &before);
	}
	c->state = (uint8_t)j->state;
}

void underway_show(struct agent *a, struct underway *u)
{
	size_t n = 0;

	u->before = xcalloc(a->count.jobs, sizeof(*u->before));
	for (const struct job *j = a->jobs; j != NULL; j = j->next) {
		u->before[n++] = a->certs[j->cert];
		see(a, j);
	}
}

void underway_hide(struct agent *a, struct underway *u)
{
	size_t n = 0;

	for (const struct job *j = a->jobs; j != NULL; j = j->next)
		a->certs[j->cert] = u->before[n++];
	free(u->before);
	u->before = NULL;
}
