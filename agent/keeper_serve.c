#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/keeper.h"
#include "agent/log.h"
#include "base/err.h"
#include "base/mem.h"

enum {
	AT_SUPERVISOR,
	AT_AGENT,
	AT_LENT,
};

#define PLACES (AT_LENT + LEND_MAX)

static size_t fill(const struct keeper *k, struct pollfd p[PLACES])
{
	p[AT_SUPERVISOR] =
	    (struct pollfd){ .fd = ROLE_FD_SUPERVISOR, .events = POLLIN };
	p[AT_AGENT] = (struct pollfd){ .fd = ROLE_FD_PEER, .events = POLLIN };
	for (size_t i = 0; i < k->n_lent; i++)
		p[AT_LENT + i] =
		    (struct pollfd){ .fd = k->lent[i].fd, .events = POLLIN };
	return AT_LENT + k->n_lent;
}

static void end_lent(struct keeper_lent *l)
{
	close(l->fd);
	l->fd = -1;
}

/* One request of each, so that none waits for another. What a worker does wrong costs
 * it its socket. */
static void serve_lent(struct keeper *k, const struct pollfd *p)
{
	size_t kept = 0;
	struct err e;

	for (size_t i = 0; i < k->n_lent; i++) {
		struct keeper_lent *l = &k->lent[i];

		if (p[i].revents != 0 && keeper_lent_answer(l, &e) < 0) {
			if (e.code != ERR_NET)
				log_warn("a worker's right to signatures ends: %s",
					 e.text);
			end_lent(l);
		}
		if (l->fd >= 0)
			k->lent[kept++] = *l;
	}
	k->n_lent = kept;
}

static int serve(struct keeper *k, const struct msg_rule *rules, size_t n,
		 struct err *e)
{
	struct pollfd p[PLACES];

	for (;;) {
		if (poll(p, fill(k, p), -1) < 0)
			continue;
		if (p[AT_SUPERVISOR].revents != 0)
			return 0;
		serve_lent(k, p + AT_LENT);
		if (p[AT_AGENT].revents != 0 &&
		    role_answer(ROLE_FD_PEER, rules, n, k->state, k, e) < 0)
			return e->code == ERR_NET ? 0 : e->code;
	}
}

int keeper_serve(struct keeper *k, const struct msg_rule *rules, size_t n,
		 struct err *e)
{
	uint32_t n_issuers = k->start.spec.n[SPEC_ISSUERS];
	int rc;

	k->accounts = xcalloc(n_issuers, sizeof(*k->accounts));
	k->lent = xcalloc(LEND_MAX, sizeof(*k->lent));
	rc = serve(k, rules, n, e);
	for (size_t i = 0; i < k->n_lent; i++)
		end_lent(&k->lent[i]);
	for (uint32_t i = 0; i < n_issuers; i++)
		account_done(&k->accounts[i].disk);
	free(k->lent);
	free(k->accounts);
	return rc;
}
