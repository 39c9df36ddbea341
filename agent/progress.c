#include "agent/progress.h"

#include <stdio.h>

#include "agent/agent.h"
#include "agent/job.h"

#define CLEAR "\r\033[K"

static bool is_wanted(const struct agent *a)
{
	return a->report.lines && (a->request->flags & REQUEST_COLOR) != 0;
}

void progress_show(struct agent *a)
{
	unsigned n_parked = 0, n_busy = 0;

	if (!is_wanted(a) || a->jobs == NULL)
		return;
	for (const struct job *j = a->jobs; j != NULL; j = j->next) {
		n_parked += j->state == JOB_PARKED;
		n_busy += j->state != JOB_PARKED;
	}
	printf(CLEAR "ordering %u of %u", n_busy,
	       n_busy + n_parked + a->n_left + a->n_ended);
	if (n_parked > 0)
		printf(", %u parked", n_parked);
	printf(", %u done", a->n_ended);
	fflush(stdout);
	a->report.in_progress = true;
}

void progress_hide(struct agent *a)
{
	if (!a->report.in_progress)
		return;
	fputs(CLEAR, stdout);
	fflush(stdout);
	a->report.in_progress = false;
}
