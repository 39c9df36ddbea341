#include "acme/account.h"

#include <string.h>

#include "acme/client.h"
#include "acme/directory.h"
#include "acme/problem.h"
#include "acme/registration.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"

#define CONTACTS_MAX 10 /* that are shown */

static void line(struct buf *text, const char *label, const char *value)
{
	if (value == NULL)
		return;
	buf_printf(text, "%-11s", label);
	text_escape(text, value, strlen(value), LIMIT_ACME_URL);
	buf_puts(text, "\n");
}

static void describe(const struct acme *a, const struct doc *account, struct buf *text)
{
	const struct doc *contacts = doc_member(account, "contact");

	line(text, "url", a->account.kid);
	line(text, "status", doc_str(account, "status"));
	for (size_t i = 0; i < doc_len(contacts) && i < CONTACTS_MAX; i++)
		line(text, "contact", doc_str_at(contacts, i));
	line(text, "thumbprint", a->account.thumbprint);
}

/* One that has to exist. */
static int need(struct acme *a, struct err *e)
{
	bool known = false;

	TRY(registration_find(a, &known, e));
	if (!known)
		return err_set(e, ERR_CONFIG,
			       "there is no account at %s: register it first",
			       a->s.url);
	return 0;
}

/* `kind` to the account's own URL, and what it is then. */
static int post_account(struct acme *a, enum acme_ask_kind kind, struct buf *text,
			struct err *e)
{
	struct acme_ask ask = { .kind = kind, .url = a->account.kid };
	AUTO_ACME_REPLY struct acme_reply reply = { 0 };

	TRY(acme_send(a, &ask, &reply, e));
	describe(a, reply.doc, text);
	return 0;
}

/* Which of two keys the CA has is asked (registration.h), not concluded from a refusal:
 * it may be one of the same request sent again, whose first answer was lost. */
static bool was_taken(struct acme *a)
{
	AUTO_FREE char *before = xstrdup(a->account.thumbprint);
	struct err ignored; /* then it is asked next time */
	bool known;

	return registration_find(a, &known, &ignored) == 0 && known &&
	       strcmp(a->account.thumbprint, before) != 0;
}

/* RFC 8555 7.3.5: the inner object is signed by the new key; the keeper makes both, and
 * the new key is durable before it does. */
static int roll_over(struct acme *a, struct err *e)
{
	struct acme_ask ask = { .kind = ASK_ROLL_KEY, .url = a->directory.key_change };
	AUTO_ACME_REPLY struct acme_reply reply = { 0 };
	int rc;

	TRY(directory_need(a, "keyChange", ask.url, e));
	rc = acme_send(a, &ask, &reply, e);
	if (rc == 0)
		return a->host->rolled(a->host->arg, true, e);
	return was_taken(a) ? 0 : rc;
}

static int step_of(struct acme *a, enum account_step step, struct buf *text,
		   struct err *e)
{
	switch (step) {
	case ACCOUNT_SHOW:
		TRY(need(a, e));
		return post_account(a, ASK_FETCH, text, e);
	case ACCOUNT_REGISTER:
		TRY(acme_ready(a, e));
		return post_account(a, ASK_FETCH, text, e);
	case ACCOUNT_UPDATE:
		TRY(need(a, e));
		return post_account(a, ASK_UPDATE_ACCOUNT, text, e);
	case ACCOUNT_ROLLOVER:
		TRY(need(a, e));
		TRY(roll_over(a, e));
		TRY(need(a, e));
		return post_account(a, ASK_FETCH, text, e);
	case ACCOUNT_DEACTIVATE:
		TRY(need(a, e));
		TRY(post_account(a, ASK_DEACTIVATE_ACCOUNT, text, e));
		return a->host->registered(a->host->arg, NULL, e);
	case ACCOUNT_STEPS:
		break;
	}
	return err_set(e, ERR_PROTO, "there is no step %u", step);
}

int account_step(struct acme *a, enum account_step step, struct buf *text,
		 struct err *e)
{
	static const char *const words[ACCOUNT_STEPS] = { "show", "register", "update",
							  "rollover", "deactivate" };

	if (step_of(a, step, text, e) == 0)
		return 0;
	return err_wrap(e, "account %s", step < ACCOUNT_STEPS ? words[step] : "?");
}

int account_revoke(struct acme *a, bool by_cert, struct err *e)
{
	struct acme_ask ask = { .kind = by_cert ? ASK_REVOKE_BY_CERT : ASK_REVOKE };
	AUTO_ACME_REPLY struct acme_reply reply = { 0 };
	int rc;

	if (by_cert && a->directory.new_order == NULL)
		TRY(directory_fetch(a, e));
	if (!by_cert)
		TRY(need(a, e));
	ask.url = a->directory.revoke_cert;
	TRY(directory_need(a, "revokeCert", ask.url, e));
	rc = acme_send(a, &ask, &reply, e);
	if (rc < 0 && problem_is(reply.doc, "alreadyRevoked"))
		return 0;
	/* A certificate that it does not know, a reason that it does not take: it will not
	 * another time. */
	if (rc == ERR_PROTO && reply.http.status / 100 == 4)
		e->code = ERR_REFUSED;
	return rc < 0 ? err_wrap(e, "revoke") : 0;
}
