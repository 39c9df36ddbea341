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
	unsigned n[JOB_STATES] = { 0 };
	unsigned n_jobs = 0, n_installing;

	if (!is_wanted(a) || a->jobs == NULL)
		return;
	for (const struct job *j = a->jobs; j != NULL; j = j->next, n_jobs++)
		n[j->state]++;
	n_installing = n[JOB_INSTALLING] + n[JOB_HOOKING] + n[JOB_PROBING];
	printf(CLEAR "ordering %u of %u", n_jobs - n[JOB_PARKED] - n_installing,
	       n_jobs + a->due.n + a->n_ended);
	if (n[JOB_PARKED] > 0)
		printf(", %u parked", n[JOB_PARKED]);
	if (n_installing > 0)
		printf(", %u installing", n_installing);
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
