#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/crlwatch.h"
#include "agent/inventory.h"
#include "agent/inventory_load.h"
#include "agent/ledger.h"
#include "agent/page.h"
#include "agent/role/control.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/underway.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"

/* -- stdout and stderr, which are pages meanwhile -- */

struct stream {
	int fd;  /* which */
	int own; /* what it was before; owned, -1: it is that */
	struct page_writer page;
};

static int turn(struct stream *s, struct err *e)
{
	TRY(page_begin(&s->page, e));
	s->own = fcntl(s->fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (s->own < 0 || dup3(s->page.fd, s->fd, 0) < 0)
		return err_sys(e, "what is said");
	return 0;
}

static void turn_back(struct stream *s)
{
	if (s->own >= 0)
		(void)dup3(s->own, s->fd, 0);
	auto_fd_(&s->own);
	s->own = -1;
}

static int send_page(struct stream *s, int conn, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, CONTROL_OUTPUT, 0);
	msg_put_u64(&m, (uint64_t)(s->fd - STDOUT_FILENO));
	TRY(page_end(&s->page, &m.fd, e));
	return msg_offer(conn, &m, e);
}

/* -- what is shown -- */

static int put_memory(void *arg, const char *name, const struct memory *row)
{
	struct agent *a = arg;
	const uint32_t i = spec_cert_called(a->spec, name);

	if (i == SPEC_NOBODY || !a->wanted[i])
		return 0;
	a->memories[i] = *row;
	if (!notice_stands(a, i, row))
		inventory_see(a, i, &a->memories[i]);
	return 0;
}

/* The document of --json is written row by row, without them. */
static int load_memories(struct agent *a, struct err *e)
{
	uint32_t first, end;

	if (a->request->command != COMMAND_STATUS ||
	    (a->request->flags & (REQUEST_JSON | REQUEST_CHECK)) == REQUEST_JSON)
		return 0;
	a->memories = xcalloc(a->spec->n[SPEC_CERTS], sizeof(*a->memories));
	inventory_asked(a, &first, &end);
	return first == end
		   ? 0
		   : state_between(a->state, agent_cert_name(a, first),
				   agent_cert_name(a, end - 1), put_memory, a, e);
}

static int print(struct agent *a, struct err *e)
{
	if (a->request->command != COMMAND_HISTORY)
		TRY(agent_choose(a, e));
	TRY(crlwatch_choose(a, e));
	TRY(load_memories(a, e));
	return agent_show(a, e);
}

/* As if the agent were one of its own for `r`: what belongs to its own work is laid aside.
 * Exit status. */
static int print_for(struct agent *a, const struct request *r)
{
	const struct agent own = *a;
	struct underway u;
	struct err e;
	int status;

	a->request = r;
	a->wanted = xcalloc(a->spec->n[SPEC_CERTS], sizeof(*a->wanted));
	a->ledger_lines = NULL;
	a->status = 0;
	role_log(ROLE_AGENT, r, a->spec);
	underway_show(a, &u);
	status = print(a, &e);
	underway_hide(a, &u);
	if (status < 0)
		status = role_fail(r, &e, agent_exit_status(a, &e));
	fflush(stdout);
	role_log(ROLE_AGENT, own.request, a->spec);
	free(a->wanted);
	free(a->memories);
	free(a->ledger_lines);
	a->request = own.request;
	a->wanted = own.wanted;
	a->memories = own.memories;
	a->ledger_lines = own.ledger_lines;
	a->status = own.status;
	(void)crlwatch_choose(a, &e); /* found them when it began */
	return status;
}

static int answer(struct agent *a, const struct request *r, struct stream *streams,
		  int conn, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;
	int status = EXIT_FAILURE, rc;

	fflush(stdout);
	rc = turn(&streams[0], e);
	if (rc == 0)
		rc = turn(&streams[1], e);
	if (rc == 0)
		status = print_for(a, r);
	turn_back(&streams[1]);
	turn_back(&streams[0]);
	TRY(rc);
	TRY(send_page(&streams[0], conn, e));
	TRY(send_page(&streams[1], conn, e));
	msg_begin(&m, CONTROL_DONE, 0);
	msg_put_u64(&m, (uint64_t)status);
	return msg_offer(conn, &m, e);
}

int control_show(struct agent *a, const struct request *r, int conn, struct err *e)
{
	struct stream streams[2] = {
		{ STDOUT_FILENO, -1, { .fd = -1 } },
		{ STDERR_FILENO, -1, { .fd = -1 } },
	};
	const int rc = answer(a, r, streams, conn, e);

	page_done(&streams[0].page);
	page_done(&streams[1].page);
	malloc_trim(
	    0); /* a table of 100,000 rows, in small pieces: it stays for years */
	return rc;
}
