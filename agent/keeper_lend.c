#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#include "acme/client.h"
#include "acme/jws.h"
#include "agent/keeper.h"
#include "agent/messages.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/origin.h"

#define REASON_LAST 10 /* RFC 5280 5.3.1 */

/* What the agent may lend when. */
static const unsigned lends[KEEPER_STATES] = {
	[KEEPER_RENEWS] = 1u << LEND_ORDER | 1u << LEND_REVOKE,
	[KEEPER_OPENS] = 1u << LEND_REGISTER | 1u << LEND_UPDATE | 1u << LEND_ROLLOVER |
			 1u << LEND_DEACTIVATE,
};

/* -- the account -- */

const struct spec_issuer *keeper_issuer(const struct keeper_lent *l)
{
	return &l->keeper->start.spec.issuers[l->ticket.issuer];
}

static const char *issuer_name(const struct keeper_lent *l)
{
	return keeper_text(l->keeper, keeper_issuer(l)->name);
}

/* `account show` holds no lock: it leaves the disk as it is. */
static bool may_write(const struct keeper_lent *l)
{
	return request_writes(&l->keeper->start.request);
}

int keeper_account(const struct keeper_lent *l, struct account **a, struct err *e)
{
	struct keeper_account *k = &l->keeper->accounts[l->ticket.issuer];

	if (!k->is_read && l->keeper->root >= 0)
		TRY(account_load(l->keeper->root, issuer_name(l), &k->disk, e));
	k->is_read = true;
	*a = &k->disk;
	return 0;
}

static void forget_account(const struct keeper_lent *l)
{
	struct keeper_account *k = &l->keeper->accounts[l->ticket.issuer];

	account_done(&k->disk);
	k->is_read = false;
}

static bool is_of_issuer(const struct keeper_lent *l, const char *url)
{
	return strlen(url) <= LIMIT_ACME_URL &&
	       origin_same(url, keeper_text(l->keeper, keeper_issuer(l)->url));
}

/* An issuer that is configured to be another CA since has no account there. */
const char *keeper_kid(const struct keeper_lent *l, const struct account *a)
{
	return a->url != NULL && is_of_issuer(l, a->url) ? a->url : NULL;
}

/* -- what workers ask -- */

static int sign_account(void *lent, struct msg *m, struct err *e)
{
	const struct keeper_lent *l = lent;
	AUTO_BUF struct buf thumbprint = { 0 };
	struct account *a;
	uint32_t id = m->id;

	TRY(msg_end(m, e));
	TRY(keeper_account(l, &a, e));
	if (a->key == NULL && lend_allows(l->ticket.what, ASK_NEW_ACCOUNT))
		TRY(account_make_key(l->keeper->root, issuer_name(l),
				     (enum key_type)keeper_issuer(l)->account_key, a,
				     e));
	if (a->key != NULL)
		TRY(jws_thumbprint(a->key, &thumbprint, e));
	msg_begin(m, SIGN_ACCOUNT, id);
	msg_put_str(m, keeper_kid(l, a));
	msg_put_str(m, thumbprint.data);
	msg_put_u64(m, a->next != NULL);
	return 0;
}

static int remember_url(const struct keeper_lent *l, struct account *a, const char *url,
			struct err *e)
{
	if (a->key == NULL)
		return err_set(e, ERR_PROTO, "there is no account to be registered");
	if (url != NULL && !is_of_issuer(l, url))
		return err_set(e, ERR_PROTO, "an account at another CA");
	if (url == NULL ? a->url == NULL : a->url != NULL && strcmp(url, a->url) == 0)
		return 0;
	if (may_write(l))
		TRY(account_save_url(l->keeper->root, issuer_name(l), url, e));
	free(a->url);
	a->url = url == NULL ? NULL : xstrdup(url);
	return 0;
}

static int sign_registered(void *lent, struct msg *m, struct err *e)
{
	const struct keeper_lent *l = lent;
	const char *url = msg_get_str(m);
	struct account *a;
	uint32_t id = m->id;

	TRY(msg_end(m, e));
	TRY(keeper_account(l, &a, e));
	TRY(remember_url(l, a, *url == '\0' ? NULL : url, e));
	msg_begin(m, SIGN_REGISTERED, id);
	return 0;
}

/* The disk is read again: whatever failed on the way, it says what is. */
static int sign_rolled(void *lent, struct msg *m, struct err *e)
{
	const struct keeper_lent *l = lent;
	bool taken = msg_get_u64(m) != 0;
	struct account *a;
	uint32_t id = m->id;
	int rc = 0;

	TRY(msg_end(m, e));
	TRY(keeper_account(l, &a, e));
	if (a->next != NULL && may_write(l)) {
		rc = taken ? account_take_next(l->keeper->root, issuer_name(l), e)
			   : account_drop_next(l->keeper->root, issuer_name(l), e);
		forget_account(l);
	}
	msg_begin(m, SIGN_ROLLED, id);
	return rc;
}

/* The closed list, by enum lend. */
#define ANY ((1u << LENDS) - 1)

static const struct msg_rule rules[] = {
	{ SIGN_ACCOUNT, ANY, sign_account },
	{ SIGN_JWS, ANY, keeper_sign },
	{ SIGN_REGISTERED, ANY, sign_registered },
	{ SIGN_ROLLED, ANY, sign_rolled },
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
	return 0;
}

static int get_ticket(const struct keeper *k, struct msg *m, struct lend_ticket *t,
		      struct err *e)
{
	const struct spec *s = &k->start.spec;
	uint64_t what = msg_get_u64(m), issuer = msg_get_u64(m), cert = msg_get_u64(m);

	t->generation = msg_get_u64(m);
	t->reason = msg_get_u64(m);
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
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISSOCK(st.st_mode))
		return err_set(e, ERR_PROTO, "no socket to lend");
	if (k->n_lent == LEND_MAX)
		return err_set(e, ERR_BUSY, "%d sockets are lent", LEND_MAX);
	k->lent[k->n_lent++] = (struct keeper_lent){ k, take_fd(&fd), t };
	msg_begin(m, KEEPER_LEND, id);
	return 0;
}
