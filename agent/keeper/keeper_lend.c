#include <poll.h>
#include <sys/stat.h>

#include "agent/keeper/keeper_cfssl.h"
#include "agent/keeper/keeper_cmp.h"
#include "agent/keeper/keeper_est.h"
#include "agent/keeper/keeper_sign.h"
#include "agent/keeper/keeper_step.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/err.h"

/* What the agent may lend when; see is_for_command(). */
static const unsigned lends[KEEPER_STATES] = {
	[KEEPER_RENEWS] = 1u << LEND_ORDER | 1u << LEND_REVOKE |
			  1u << LEND_REVOKE_BY_KEY | 1u << LEND_ROOTS,
	[KEEPER_CHECKS] = 1u << LEND_LOOK,
	[KEEPER_OPENS] = 1u << LEND_REGISTER | 1u << LEND_UPDATE | 1u << LEND_ROLLOVER |
			 1u << LEND_DEACTIVATE,
};

/* The closed lists, by enum lend: one for each protocol. */
#define ORDERS   (1u << LEND_ORDER)
#define BY_KEY   (1u << LEND_REVOKE_BY_KEY)
#define ANY      (((1u << LENDS) - 1) & ~(1u << LEND_ROOTS))
#define DOES     (ANY & ~(1u << LEND_LOOK | BY_KEY)) /* that may change the account */
#define FOR_CERT (ORDERS | 1u << LEND_REVOKE | BY_KEY)
#define OR_ROOTS (FOR_CERT | 1u << LEND_ROOTS)

static const struct msg_rule acme[] = {
	{ SIGN_ACCOUNT, ANY, keeper_sign_account },
	{ SIGN_JWS, ANY, keeper_sign_jws },
	{ SIGN_REGISTERED, DOES, keeper_sign_registered },
	{ SIGN_ROLLED, DOES, keeper_sign_rolled },
};

static const struct msg_rule cfssl[] = {
	{ SIGN_CFSSL, FOR_CERT & ~BY_KEY, keeper_sign_cfssl },
};

static const struct msg_rule est[] = {
	{ SIGN_EST, ORDERS, keeper_sign_est },
	{ SIGN_EST_USER, ORDERS, keeper_sign_est_user },
	{ SIGN_LIVE, ORDERS, keeper_sign_live },
	{ SIGN_EST_FIRST, ORDERS, keeper_sign_est_first },
};

static const struct msg_rule step[] = {
	{ SIGN_STEP_CSR, ORDERS, keeper_sign_step_csr },
	{ SIGN_STEP, FOR_CERT, keeper_sign_step },
	{ SIGN_LIVE, ORDERS | BY_KEY, keeper_sign_live },
};

static const struct msg_rule cmp[] = {
	{ SIGN_CMP, FOR_CERT, keeper_sign_cmp },
	{ SIGN_CMP_FIRST, OR_ROOTS, keeper_sign_cmp_first },
	{ SIGN_LIVE, OR_ROOTS, keeper_sign_live },
};

static const struct protocol {
	const struct msg_rule *rules; /* NULL: nobody signs for a worker there */
	size_t n;
	unsigned lends;
} protocols[ISSUER_TYPES] = {
	[ISSUER_ACME] = { acme, sizeof(acme) / sizeof(*acme), ANY },
	[ISSUER_CFSSL] = { cfssl, sizeof(cfssl) / sizeof(*cfssl), FOR_CERT },
	[ISSUER_CMP] = { cmp, sizeof(cmp) / sizeof(*cmp), OR_ROOTS },
	[ISSUER_EST] = { est, sizeof(est) / sizeof(*est), FOR_CERT },
	[ISSUER_STEP] = { step, sizeof(step) / sizeof(*step), FOR_CERT },
};

int keeper_lent_answer(struct keeper_lent *l, struct err *e)
{
	const struct protocol *p = &protocols[keeper_issuer(l)->type];
	struct pollfd room = { .fd = l->fd, .events = POLLOUT };

	/* Sending would wait for it. */
	if (poll(&room, 1, 0) != 1 || (room.revents & POLLOUT) == 0)
		return err_set(e, ERR_PROTO, "it does not take its answers");
	return role_answer(l->fd, p->rules, p->n, l->ticket.what, l, e);
}

/* -- what the agent asks -- */

static int check_cert(const struct keeper *k, const struct lend_ticket *t, uint64_t n,
		      struct err *e)
{
	const struct spec_cert *c;

	TRY(keeper_cert(k, n, &c, e));
	if (!lend_revokes(t->what) && !keeper_issues(k, c, t->issuer))
		return err_set(e, ERR_PROTO, "not an issuer of this certificate");
	if (!name_set_may_be_out(&k->start.spec, c, &t->out))
		return err_set(e, ERR_PROTO, "a name that is not optional is left out");
	return 0;
}

/* Of an account a person has said what is to become of it, and of which. */
static bool is_for_command(const struct keeper *k, uint64_t what, uint64_t issuer)
{
	const struct request *r = &k->start.request;

	if (k->state != KEEPER_OPENS)
		return true;
	return what == lend_of_account((enum account_step)r->step) && r->n_names == 1 &&
	       spec_issuer_called(&k->start.spec, r->names[0]) == issuer;
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
	if (what >= LENDS || (lends[k->state] & 1u << what) == 0 ||
	    !is_for_command(k, what, issuer))
		return err_set(e, ERR_PROTO, "lend %llu is not for this command",
			       (unsigned long long)what);
	if (issuer >= s->n[SPEC_ISSUERS] || s->issuers[issuer].url.at == 0 ||
	    (protocols[s->issuers[issuer].type].lends & 1u << what) == 0)
		return err_set(e, ERR_PROTO, "issuer %llu is not asked that",
			       (unsigned long long)issuer);
	if (t->reason > REASON_LAST)
		return err_set(e, ERR_REFUSED, "%llu is no reason to revoke",
			       (unsigned long long)t->reason);
	t->what = (enum lend)what;
	t->issuer = (uint32_t)issuer;
	t->cert = (uint32_t)cert;
	if ((OR_ROOTS & 1u << what) != 0)
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
	if (fstat(fd, &st) < 0) /* also where none came */
		return err_sys(e, "the socket to lend");
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, ERR_PROTO, "no socket to lend");
	if (k->n_lent == LEND_MAX)
		return err_set(e, ERR_BUSY, "%d sockets are lent", LEND_MAX);
	k->lent[k->n_lent++] = (struct keeper_lent){ k, take_fd(&fd), t };
	msg_begin(m, KEEPER_LEND, id);
	return 0;
}
