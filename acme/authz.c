#include "acme/authz.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "acme/client.h"
#include "acme/order.h"
#include "acme/problem.h"
#include "acme/refusal.h"
#include "acme/token.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"

#define SHOWN_MAX 100 /* bytes of a word of the CA that are shown */

static bool is(const char *word, const char *other)
{
	return word != NULL && strcmp(word, other) == 0;
}

static void show(struct buf *out, const char *word)
{
	buf_puts(out, ""); /* what is empty is shown as empty */
	text_escape(out, word == NULL ? "?" : word, word == NULL ? 1 : strlen(word),
		    SHOWN_MAX);
}

/* Which of our names it is about: without its "*." (RFC 8555 7.1.4), or with it, as some CAs
 * have it, whether they say `wildcard` or not. */
static const char *name_of(const struct order_want *want, const struct doc *authz)
{
	const char *value = doc_str(doc_member(authz, "identifier"), "value");
	bool wildcard = doc_true(authz, "wildcard");

	if (value != NULL && strncmp(value, "*.", 2) == 0) {
		wildcard = true;
		value += 2;
	}
	for (size_t i = 0; value != NULL && i < want->n_names; i++) {
		const char *name = want->names[i];
		bool star = strncmp(name, "*.", 2) == 0;

		if (star == wildcard && strcasecmp(name + (star ? 2 : 0), value) == 0)
			return name;
	}
	return NULL;
}

static bool is_listed(const char *const *list, const char *name)
{
	while (*list != NULL && strcmp(*list, name) != 0)
		list++;
	return *list != NULL;
}

bool authz_is_for(const struct order_way *way, const char *name)
{
	return (way->only == NULL || is_listed(way->only, name)) &&
	       (way->except == NULL || !is_listed(way->except, name));
}

static const struct doc *challenge_of(const struct doc *challenges, const char *type)
{
	for (size_t i = 0; i < doc_len(challenges); i++)
		if (is(doc_str(doc_at(challenges, i), "type"), type))
			return doc_at(challenges, i);
	return NULL;
}

static const struct doc *choose(const struct order_want *want, const struct doc *authz,
				struct authz *z)
{
	const struct doc *challenges = doc_member(authz, "challenges");

	for (size_t i = 0; i < want->n_ways; i++) {
		const struct doc *c = challenge_of(challenges, want->ways[i].type);

		if (c != NULL && authz_is_for(&want->ways[i], z->name)) {
			z->way = want->ways[i].number;
			return c;
		}
	}
	return NULL;
}

static void nothing_fits(const struct order_want *want, const struct doc *authz,
			 struct authz *z, struct err *why)
{
	const struct doc *challenges = doc_member(authz, "challenges");
	AUTO_BUF struct buf offered = { 0 };
	AUTO_BUF struct buf ours = { 0 };

	for (size_t i = 0; i < doc_len(challenges); i++) {
		buf_puts(&offered, " ");
		show(&offered, doc_str(doc_at(challenges, i), "type"));
	}
	for (size_t i = 0; i < want->n_ways; i++)
		if (authz_is_for(&want->ways[i], z->name))
			buf_printf(&ours, " %s", want->ways[i].type);
	z->failed = true;
	err_set(why, ERR_REFUSED, "%s: the CA offers%s, configured is%s", z->name,
		offered.len == 0 ? " nothing" : offered.data,
		ours.len == 0 ? " no challenge for it" : ours.data);
}

static int take_challenge(const struct acme *a, const struct doc *c, struct authz *z,
			  struct err *e)
{
	const char *token = doc_str(c, "token");
	const char *url = doc_str(c, "url");
	AUTO_BUF struct buf shown = { 0 };

	if (token == NULL)
		return err_set(e, ERR_PROTO, "the challenge has no token");
	show(&shown, token);
	if (!token_is_valid(token, strlen(token)))
		return err_set(e, ERR_PROTO, "\"%s\" is not a token", shown.data);
	TRY(acme_check_url(a, "URL of the challenge", url, e));
	z->challenge = xstrdup(url);
	z->token = xstrdup(token);
	z->authorization = xasprintf("%s.%s", token, a->account.thumbprint);
	z->answered = !is(doc_str(c, "status"), "pending");
	return 0;
}

/* The first that it could have been. */
static void note_way(const struct order_want *want, const char *type, struct authz *z)
{
	for (size_t i = 0; i < want->n_ways; i++)
		if (is(type, want->ways[i].type) &&
		    authz_is_for(&want->ways[i], z->name)) {
			z->way = want->ways[i].number;
			return;
		}
}

/* It will not become valid any more: which of its challenges says why? */
static void tell_failure(const struct order_want *want, const struct doc *authz,
			 struct authz *z, struct err *why)
{
	const char *status = doc_str(authz, "status");
	const struct doc *challenges = doc_member(authz, "challenges");
	AUTO_BUF struct buf shown = { 0 };

	z->failed = true;
	for (size_t i = 0; i < doc_len(challenges); i++) {
		const struct doc *c = doc_at(challenges, i);
		const struct doc *error = doc_member(c, "error");

		if (error != NULL) {
			note_way(want, doc_str(c, "type"), z);
			problem_err_of(why, error);
			err_wrap(why, "%s", z->name);
			return;
		}
	}
	show(&shown, status);
	err_set(why, ERR_NET, "%s: its authorization is %s", z->name, shown.data);
}

/* Before it is answered, an error is one of the last time. */
static bool has_failed(const struct doc *challenge, bool again)
{
	const char *status = doc_str(challenge, "status");

	return is(status, "invalid") || (again && is(status, "pending") &&
					 doc_member(challenge, "error") != NULL);
}

static int read_authz(struct acme *a, const struct order_want *want,
		      const struct doc *authz, bool again, struct authz *z,
		      struct err *why, struct err *e)
{
	const char *status = doc_str(authz, "status");
	const bool processing =
	    is(status, "processing"); /* no RFC has that, some CAs do */
	const struct doc *c;

	z->name = name_of(want, authz);
	if (z->name == NULL)
		return err_set(e, ERR_PROTO, "it is for a name that was not asked for");
	if (is(status, "valid"))
		return 0;
	c = choose(want, authz, z);
	if ((!is(status, "pending") && !processing) || has_failed(c, again)) {
		tell_failure(want, authz, z, why);
		return 0;
	}
	if (c == NULL) {
		nothing_fits(want, authz, z, why);
		return 0;
	}
	if (is(doc_str(c, "status"), "valid"))
		return 0;
	if (take_challenge(a, c, z, e) < 0)
		return err_wrap(e, "%s", z->name);
	z->answered = z->answered || processing;
	return 0;
}

int authz_read(struct acme *a, const struct order_want *want, const char *url,
	       bool again, struct authz *z, struct err *why, struct err *e)
{
	struct acme_ask ask = { .kind = ASK_FETCH, .url = url };
	AUTO_ACME_REPLY struct acme_reply reply = { 0 };
	int rc;

	*z = (struct authz){ .way = ACME_ANY_WAY };
	TRY(acme_check_url(a, "URL of an authorization", url, e));
	rc = acme_post(a, &ask, &reply, e);
	if (rc == 0)
		rc = read_authz(a, want, reply.doc, again, z, why, e);
	if (z->challenge != NULL && (again || z->answered))
		z->retry_at_ms = reply.retry_at_ms;
	return rc == 0 ? 0 : err_wrap(e, "authorization");
}

/* RFC 8555 7.1.6 */
static bool is_open(const char *status)
{
	return is(status, "pending") || is(status, "processing");
}

/* It was answered by somebody who died before he said so, or was asked to end, and has
 * an outcome since it was read. */
static bool is_decided(struct acme *a, const struct authz *z)
{
	struct acme_ask ask = { .kind = ASK_FETCH, .url = z->challenge };
	AUTO_ACME_REPLY struct acme_reply reply = { 0 };
	struct err unheard;

	return acme_post(a, &ask, &reply, &unheard) == 0 &&
	       doc_str(reply.doc, "status") != NULL &&
	       !is(doc_str(reply.doc, "status"), "pending");
}

int authz_answer(struct acme *a, struct authz *z, bool *open, struct err *e)
{
	struct acme_ask ask = { .kind = ASK_ANSWER, .url = z->challenge };
	AUTO_ACME_REPLY struct acme_reply reply = { 0 };
	int rc = acme_post(a, &ask, &reply, e);
	const long status = reply.http.status;

	*open = rc == 0 && is_open(doc_str(reply.doc, "status"));
	z->retry_at_ms = *open ? reply.retry_at_ms : 0;
	if (rc == 0 || status == 409)
		return 0;
	/* CAs have no common way to say that there is nothing to answer any more. */
	if (e->code != ERR_LATER && status >= 400 && status < 500 && is_decided(a, z))
		return 0;
	return err_wrap(e, "%s: challenge", z->name);
}

void authz_done(struct authz *z)
{
	free(z->challenge);
	free(z->token);
	free(z->authorization);
	*z = (struct authz){ 0 };
}
