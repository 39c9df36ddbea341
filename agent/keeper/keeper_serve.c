#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/keeper/keeper.h"
#include "agent/keeper/keeper_step.h"
#include "agent/keeper/keeper_watch.h"
#include "agent/keeper/keymaker.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/role/roles.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

enum {
	AT_SUPERVISOR,
	AT_AGENT,
	AT_STRANGERS,
	AT_WATCH,
	AT_MAKING = AT_WATCH + KEEPER_WATCH_FDS,
};

#define PLACES (AT_MAKING + KEYMAKERS_MAX + LEND_MAX)

/* *at_lent is where the sockets that were lent begin. */
static size_t fill(const struct keeper *k, struct pollfd p[PLACES], size_t *at_lent)
{
	p[AT_SUPERVISOR] =
	    (struct pollfd){ .fd = ROLE_FD_SUPERVISOR, .events = POLLIN };
	p[AT_AGENT] = (struct pollfd){ .fd = ROLE_FD_PEER, .events = POLLIN };
	p[AT_STRANGERS] = (struct pollfd){ .fd = k->strangers.fd }; /* POLLHUP */
	keeper_watch_fill(k, p + AT_WATCH);
	*at_lent = AT_MAKING + keeper_making_fill(k, p + AT_MAKING);
	for (size_t i = 0; i < k->n_lent; i++)
		p[*at_lent + i] =
		    (struct pollfd){ .fd = k->lent[i].fd, .events = POLLIN };
	return *at_lent + k->n_lent;
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

/* No more often than the supervisor takes for a fault that lasts. */
_Static_assert(KEEPER_ANEW_MS >= ROLE_QUIET_MS, "it would give up");

static bool may_end(const struct keeper *k)
{
	return k->state != KEEPER_LOOKS &&
	       ((k->start.request.flags & REQUEST_AGAIN) == 0 ||
		clock_boot_ms() - k->begun_ms > KEEPER_ANEW_MS);
}

/* EACCES: Landlock's, or that of a folder which a user who is not root may not write;
 * one look more is the price for not telling them apart. ENOENT is no reason: what is
 * there again at the next attempt is refused with EACCES. */
int keeper_failed(struct keeper *k, struct msg *m, const struct err *e)
{
	if (e->sysno != EACCES || !may_end(k))
		return e->code;
	log_warn("%s: perhaps its folder was replaced or mounted over: the keeper "
		 "begins anew",
		 e->text);
	k->shut_out = true;
	m->type = MSG_LATER;
	return 0;
}

static int serve(struct keeper *k, const struct msg_rule *rules, size_t n,
		 struct err *e)
{
	struct pollfd p[PLACES];
	size_t at_lent;

	while (!k->shut_out) {
		const int n_ready =
		    poll(p, fill(k, p, &at_lent),
			 k->n_staged + k->n_moved > 0 ? 0 : keeper_watch_ms(k));

		if (n_ready < 0 && errno != EINTR)
			return err_sys(e, "poll");
		if (n_ready < 0)
			continue;
		if (p[AT_SUPERVISOR].revents != 0)
			return 0;
		if (p[AT_STRANGERS].revents != 0)
			child_end(&k->strangers);
		serve_lent(k, p + at_lent);
		for (size_t i = AT_MAKING; i < at_lent; i++)
			if (p[i].revents != 0)
				TRY(keeper_making_answer(k, p[i].fd, e));
		if (p[AT_AGENT].revents != 0)
			TRY(role_answer(ROLE_FD_PEER, rules, n, k->state, k, e));
		else if (k->n_staged > 0)
			TRY(keeper_keep(k, e));
		else if (k->n_moved > 0)
			TRY(keeper_settle(k, e));
		TRY(keeper_watch_turn(k, p + AT_WATCH, e));
	}
	return 0;
}

int keeper_serve(struct keeper *k, const struct msg_rule *rules, size_t n,
		 struct err *e)
{
	uint32_t n_issuers = k->start.spec.n[SPEC_ISSUERS];
	int rc;

	k->accounts = xcalloc(n_issuers, sizeof(*k->accounts));
	k->lent = xcalloc(LEND_MAX, sizeof(*k->lent));
	rc = serve(k, rules, n, e);
	keeper_making_end(k);
	keeper_staged_end(k);
	keeper_waiting_end(k);
	for (size_t i = 0; i < k->n_lent; i++)
		end_lent(&k->lent[i]);
	for (uint32_t i = 0; i < n_issuers; i++) {
		account_done(&k->accounts[i].disk);
		keeper_step_free(k->accounts[i].step);
		buf_done(&k->accounts[i].folder);
	}
	free(k->lent);
	free(k->accounts);
	return rc < 0 && e->code == ERR_NET ? 0 : rc;
}
