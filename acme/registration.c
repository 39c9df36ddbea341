#include "acme/registration.h"

#include <stdlib.h>
#include <string.h>

#include "acme/client.h"
#include "acme/directory.h"
#include "acme/problem.h"
#include "base/doc.h"
#include "base/err.h"

/* In the order in which they are tried where a CA does not take what is configured. */
static const struct algorithm {
	const char *name;
	enum key_type key;
} algorithms[] = {
	{ "ES256", KEY_ECDSA_P256 },
	{ "ES384", KEY_ECDSA_P384 },
	{ "EdDSA", KEY_ED25519 },
	{ "RS256", KEY_RSA_2048 },
};

#define N_ALGORITHMS (sizeof(algorithms) / sizeof(*algorithms))

/* What the keeper knows of it. */
static int load(struct acme *a, struct err *e)
{
	acme_account_done(&a->account);
	return a->host->account(a->host->arg, &a->account, e);
}

/* The account object (7.1.2), and its URL. */
static int take_account(struct acme *a, const struct acme_reply *reply, struct err *e)
{
	const char *status = doc_str(reply->doc, "status");

	TRY(acme_check_url(a, "URL of the account", reply->location, e));
	if (status != NULL &&
	    (strcmp(status, "deactivated") == 0 || strcmp(status, "revoked") == 0))
		return err_set(e, ERR_REFUSED, "%s is %s", reply->location, status);
	TRY(a->host->registered(a->host->arg, reply->location, e));
	return load(a, e);
}

/* = RFC 8555 7.3.1 "If a client wishes to find the URL for an existing account and does
 * not want an account to be created if one does not already exist" [account] */
static int look_for(struct acme *a, enum acme_ask_kind kind, struct acme_reply *reply,
		    bool *known, struct err *e)
{
	struct acme_ask ask = { .kind = kind, .url = a->directory.new_account };
	int rc = acme_send(a, &ask, reply, e);

	*known = rc == 0;
	if (rc < 0 && problem_is(reply->doc, "accountDoesNotExist"))
		return 0;
	return rc;
}

static int find(struct acme *a, bool *known, struct err *e)
{
	AUTO_ACME_REPLY struct acme_reply reply = { 0 };

	*known = false;
	if (a->account.thumbprint == NULL)
		return 0;
	TRY(look_for(a, ASK_FIND_ACCOUNT, &reply, known, e));
	return *known ? take_account(a, &reply, e) : 0;
}

/* Which of the two keys did the CA keep? One that it has as another account's (7.3.5, 409)
 * is not this one's. */
static int end_roll_over(struct acme *a, struct err *e)
{
	AUTO_ACME_REPLY struct acme_reply reply = { 0 };
	bool taken;

	TRY(look_for(a, ASK_FIND_ROLLED, &reply, &taken, e));
	if (taken)
		TRY(acme_check_url(a, "URL of the account", reply.location, e));
	if (taken && a->account.kid != NULL)
		taken = strcmp(reply.location, a->account.kid) == 0;
	TRY(a->host->rolled(a->host->arg, taken, e));
	return taken ? take_account(a, &reply, e) : load(a, e);
}

int registration_look(struct acme *a, struct err *e)
{
	if (a->directory.new_order == NULL)
		TRY(directory_fetch(a, e));
	return a->account.kid == NULL ? load(a, e) : 0;
}

static int begin(struct acme *a, struct err *e)
{
	TRY(registration_look(a, e));
	return a->account.rolling ? end_roll_over(a, e) : 0;
}

int registration_find(struct acme *a, bool *known, struct err *e)
{
	acme_account_done(&a->account); /* what is done with it may change it */
	TRY(begin(a, e));
	*known = a->account.kid != NULL;
	if (!*known && find(a, known, e) < 0)
		return err_wrap(e, "account %s", a->directory.new_account);
	return 0;
}

/* -- making it -- */

static bool lists(const struct doc *words, const char *word)
{
	for (size_t i = 0; i < doc_len(words); i++) {
		const char *w = doc_str_at(words, i);

		if (w != NULL && strcmp(w, word) == 0)
			return true;
	}
	return false;
}

/* = RFC 8555 6.2 "The problem document returned with the error MUST include an
 * "algorithms" field with an array of supported "alg" values." [algorithm] */
static enum key_type another_key(const struct doc *problem, bool tried[N_ALGORITHMS])
{
	const struct doc *words = doc_member(problem, "algorithms");

	for (size_t i = 0; i < N_ALGORITHMS; i++)
		if (!tried[i] &&
		    (doc_len(words) == 0 || lists(words, algorithms[i].name))) {
			tried[i] = true;
			return algorithms[i].key;
		}
	return KEY_NONE;
}

static int make(struct acme *a, struct err *e)
{
	struct acme_ask ask = { .kind = ASK_NEW_ACCOUNT,
				.url = a->directory.new_account };
	AUTO_ACME_REPLY struct acme_reply reply = { 0 };
	bool tried[N_ALGORITHMS] = { false };
	int rc;

	do {
		rc = acme_send(a, &ask, &reply, e);
		ask.key = KEY_NONE;
		if (rc < 0 && problem_is(reply.doc, "badSignatureAlgorithm"))
			ask.key = another_key(reply.doc, tried);
	} while (ask.key != KEY_NONE);
	return rc == 0 ? take_account(a, &reply, e) : rc;
}

/* What only a person can give. The account may be there in spite of it. */
static int lacking(const struct acme *a, struct err *e)
{
	const char *terms = a->directory.terms;

	if (terms != NULL && !a->s.agree_terms)
		return err_set(e, ERR_CONFIG,
			       "the CA has terms of service: read %s and set "
			       "agree_terms = true",
			       terms);
	if (a->directory.needs_eab && !a->s.has_eab)
		return err_set(e, ERR_CONFIG,
			       "the CA wants an external account: get a key from it "
			       "and set eab = { kid; key_file; }");
	return 0;
}

/* With an external account, that may be its key, which some CAs take once: whoever has the
 * account, and has lost its URL, is refused by it. */
static int make_or_find(struct acme *a, struct err *e)
{
	const int rc = make(a, e); /* one that exists is answered by its URL (7.3.1) */
	struct err ignored;
	bool known;

	if (rc == 0 || rc == ERR_LATER || rc == ERR_NET || !a->s.has_eab)
		return rc;
	return find(a, &known, &ignored) == 0 && known ? 0 : rc;
}

static int find_or_make(struct acme *a, struct err *e)
{
	bool known;

	if (lacking(a, e) == 0)
		return make_or_find(a, e);
	TRY(find(a, &known, e));
	return known ? 0 : lacking(a, e);
}

int acme_ready(struct acme *a, struct err *e)
{
	TRY(begin(a, e));
	if (a->account.kid == NULL && find_or_make(a, e) < 0)
		return err_wrap(e, "account %s", a->directory.new_account);
	return 0;
}

int registration_again(struct acme *a, struct err *e)
{
	TRY(a->host->registered(a->host->arg, NULL, e));
	if (find_or_make(a, e) < 0)
		return err_wrap(e, "account that the CA no longer knows");
	return 0;
}
