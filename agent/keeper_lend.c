#include <poll.h>
#include <sys/stat.h>

#include "agent/keeper_sign.h"
#include "agent/messages.h"
#include "base/auto.h"
#include "base/err.h"

/* What the agent may lend when. */
static const unsigned lends[KEEPER_STATES] = {
	[KEEPER_RENEWS] = 1u << LEND_ORDER | 1u << LEND_REVOKE,
	[KEEPER_CHECKS] = 1u << LEND_LOOK,
	[KEEPER_OPENS] = 1u << LEND_REGISTER | 1u << LEND_UPDATE | 1u << LEND_ROLLOVER |
			 1u << LEND_DEACTIVATE,
};

/* The closed list, by enum lend. */
#define ANY  ((1u << LENDS) - 1)
#define DOES (ANY & ~(1u << LEND_LOOK)) /* what it signs may change the account */

static const struct msg_rule rules[] = {
	{ SIGN_ACCOUNT, ANY, keeper_sign_account },
	{ SIGN_JWS, ANY, keeper_sign_jws },
	{ SIGN_REGISTERED, DOES, keeper_sign_registered },
	{ SIGN_ROLLED, DOES, keeper_sign_rolled },
};

int keeper_lent_answer(struct keeper_lent *l, struct err *e)
{
	struct pollfd room = { .fd = l->fd, .events = POLLOUT };

	/* Sending would wait for it. */
	if (poll(&room, 1, 0) != 1 || (room.revents & POLLOUT) == 0)
		return err_set(e, ERR_PROTO, "it does not take its answers");
	return role_answer(l->fd, rules, sizeof(rules) / sizeof(*rules), l->ticket.what,
			   l, e);
}

/* -- what the agent asks -- */

static int check_cert(const struct keeper *k, const struct lend_ticket *t, uint64_t n,
		      struct err *e)
{
	const struct spec_cert *c;

	TRY(keeper_cert(k, n, &c, e));
	if (t->what == LEND_ORDER && !keeper_issues(k, c, t->issuer))
		return err_set(e, ERR_PROTO, "not an issuer of this certificate");
	if (!name_set_may_be_out(&k->start.spec, c, &t->out))
		return err_set(e, ERR_PROTO, "a name that is not optional is left out");
	return 0;
}

static int get_ticket(const struct keeper *k, struct msg *m, struct lend_ticket *t,
		      struct err *e)
{
	const struct spec *s = &k->start.spec;
	uint64_t what = msg_get_u64(m), issuer = msg_get_u64(m), cert = msg_get_u64(m);

	t->generation = msg_get_u64(m);
	t->reason = msg_get_u64(m);
	t->out = name_set_get(m);
	TRY(msg_end(m, e));
	if (what >= LENDS || (lends[k->state] & 1u << what) == 0)
		return err_set(e, ERR_PROTO, "lend %llu is not for this command",
			       (unsigned long long)what);
	if (issuer >= s->n[SPEC_ISSUERS] || s->issuers[issuer].type != ISSUER_ACME ||
	    s->issuers[issuer].url.at == 0)
		return err_set(e, ERR_PROTO, "issuer %llu does not speak ACME",
			       (unsigned long long)issuer);
	if (t->reason > REASON_LAST)
		return err_set(e, ERR_REFUSED, "%llu is no reason to revoke",
			       (unsigned long long)t->reason);
	t->what = (enum lend)what;
	t->issuer = (uint32_t)issuer;
	t->cert = (uint32_t)cert;
	if (what == LEND_ORDER || what == LEND_REVOKE)
		TRY(check_cert(k, t, cert, e));
	return 0;
}

int keeper_lend(void *role, struct msg *m, struct err *e)
{
	struct keeper *k = role;
	AUTO_FD int fd = msg_take_fd(m);
	struct lend_ticket t;
	struct stat st;
	uint32_t id = m->id;

	TRY(get_ticket(k, m, &t, e));
	if (fd >= 0 && fstat(fd, &st) < 0)
		return err_sys(e, "the socket to lend");
	if (fd < 0 || !S_ISSOCK(st.st_mode))
		return err_set(e, ERR_PROTO, "no socket to lend");
	if (k->n_lent == LEND_MAX)
		return err_set(e, ERR_BUSY, "%d sockets are lent", LEND_MAX);
	k->lent[k->n_lent++] = (struct keeper_lent){ k, take_fd(&fd), t };
	msg_begin(m, KEEPER_LEND, id);
	return 0;
}
