#include "acme/order.h"

#include <stdlib.h>
#include <string.h>

#include "acme/authz.h"
#include "acme/chain.h"
#include "acme/client.h"
#include "acme/directory.h"
#include "acme/problem.h"
#include "acme/refusal.h"
#include "acme/registration.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/x509.h"

#define URL_SHOWN_MAX 200 /* bytes of an order's URL in a message */
#define SAID_MAX      60  /* ... of what comes instead of an order */

/* RFC 8555 7.1.6 */
enum order_status {
	ORDER_PENDING,
	ORDER_READY,
	ORDER_PROCESSING,
	ORDER_VALID,
	ORDER_INVALID,
	ORDER_STATUSES,
};

struct order {
	struct acme *acme;             /* borrowed */
	const struct order_want *want; /* borrowed */
	char *url;                     /* owned; NULL until it is known */
	const char *profile;           /* that is asked for; NULL: none (any more) */
	unsigned polls;                /* how long to wait goes by them */
	int64_t retry_at_ms;           /* of what it says of its authorizations */
	bool waits;                    /* the CA works on it, and has not refused to */
	bool is_over;                  /* there is nothing to come back to */
	enum order_status status;
	struct acme_reply last; /* the order object as it was last sent */
	char *note;             /* owned; NULL: nothing */
};

#define AUTO_ORDER __attribute__((cleanup(order_done)))

static void order_done(struct order *o)
{
	acme_reply_done(&o->last);
	free(o->url);
	free(o->note);
}

/* The order object (7.1.3) as the CA has just sent it. */
static int order_load(struct order *o, struct err *e)
{
	static const char *const words[ORDER_STATUSES] = {
		[ORDER_PENDING] = "pending",       [ORDER_READY] = "ready",
		[ORDER_PROCESSING] = "processing", [ORDER_VALID] = "valid",
		[ORDER_INVALID] = "invalid",
	};
	const char *status = doc_str(o->last.doc, "status");
	AUTO_BUF struct buf text = { 0 };

	for (enum order_status i = 0; status != NULL && i < ORDER_STATUSES; i++)
		if (strcmp(status, words[i]) == 0) {
			o->status = i;
			return 0;
		}
	if (o->last.doc != NULL)
		return err_set(e, ERR_PROTO, "the order has no status that is known");
	text_escape(&text, o->last.http.body.data, o->last.http.body.len, SAID_MAX);
	return err_set(e, ERR_PROTO, "the CA sends no order, but \"%s\"",
		       text.len == 0 ? "" : text.data);
}

static const struct doc *authorizations(const struct order *o)
{
	return doc_member(o->last.doc, "authorizations");
}

/* -- create -- */

/* What a CA says to `replaces` (RFC 9773 5, 7.4): it has been replaced, or it is not known,
 * or another account's, or of other names, or the CA fails as it looks for it (Pebble, of an
 * order that it has just ended or has forgotten). The order is what matters. */
static bool refuses_replaces(const struct acme_reply *reply)
{
	return reply->http.status == 404 || reply->http.status == 409 ||
	       problem_is(reply->doc, "alreadyReplaced") ||
	       problem_is(reply->doc, "malformed") ||
	       problem_is(reply->doc, "unauthorized") ||
	       problem_is(reply->doc, "serverInternal");
}

/* Whether less may be asked for, now that the CA has refused `ask`; each is left out once. */
static bool give_way(struct order *o, struct acme_ask *ask)
{
	if (ask->replaces && refuses_replaces(&o->last)) {
		ask->replaces = false;
		return true;
	}
	if (ask->profile != NULL && !o->want->need_profile &&
	    problem_is(o->last.doc, "invalidProfile")) {
		ask->profile = o->profile = NULL;
		return true;
	}
	return false;
}

/* A profile that is not offered is left out, unless it is needed
 * (draft-ietf-acme-profiles 4: "SHOULD NOT" ask for one that is not listed); and a CA
 * without renewal information need not know of `replaces`. */
static int send_new_order(struct order *o, struct err *e)
{
	const struct acme_directory *d = &o->acme->directory;
	struct acme_ask ask = { .kind = ASK_NEW_ORDER, .url = d->new_order };
	bool listed = o->profile == NULL || directory_has_profile(d, o->profile);
	int rc;

	if (!listed && o->want->need_profile)
		return err_set(e, ERR_REFUSED, "the CA does not offer the profile %s",
			       o->profile);
	if (!listed)
		o->profile = NULL;
	ask.profile = o->profile;
	ask.replaces = o->want->replaces && d->renewal_info != NULL;
	do
		rc = acme_post(o->acme, &ask, &o->last, e);
	while (rc < 0 && give_way(o, &ask));
	return rc;
}

/* Told before the reason is, from which it could not be seen. */
static int order_over(struct order *o, const struct refusals *refused,
		      const struct err *why, struct err *e)
{
	const struct acme_host *host = o->acme->host;

	TRY(host->over(host->arg, refused, e));
	o->is_over = true;
	*e = *why;
	return e->code;
}

/* The CA has answered with a problem. One that is about names of ours ends the order. */
static int order_refused(struct order *o, struct err *e)
{
	AUTO_REFUSALS struct refusals refused = { .n = 0 };
	const struct err why = *e;

	if (why.code != ERR_LATER)
		refusals_of_problem(&refused, o->want, o->last.doc);
	return refused.n == 0 ? why.code : order_over(o, &refused, &why, e);
}

static int order_create(struct order *o, struct err *e)
{
	const struct acme_host *host = o->acme->host;

	const int rc = send_new_order(o, e);

	if (rc < 0 ||
	    acme_check_url(o->acme, "URL of the order", o->last.location, e) < 0) {
		err_wrap(e, "new order %.*s", URL_SHOWN_MAX,
			 o->acme->directory.new_order);
		return rc < 0 ? order_refused(o, e) : e->code;
	}
	o->url = xstrdup(o->last.location);
	o->polls = 0;
	o->is_over = false;
	TRY(host->checkpoint(host->arg, o->url, NULL, 0, e));
	return order_load(o, e);
}

static int order_read(struct order *o, struct err *e)
{
	struct acme_ask ask = { .kind = ASK_FETCH, .url = o->url };

	TRY(acme_post(o->acme, &ask, &o->last, e));
	return order_load(o, e);
}

/* The one that was begun, or a new one where that is of no use any more. */
static int order_begin(struct order *o, struct err *e)
{
	int rc;

	/* Or one of the CA that this issuer was before. */
	if (o->want->url == NULL ||
	    acme_check_url(o->acme, "order", o->want->url, e) < 0)
		return order_create(o, e);
	o->url = xstrdup(o->want->url);
	rc = order_read(o, e);
	if (rc == 0 && (o->status != ORDER_INVALID || o->polls > 0))
		return 0;
	if (rc != 0 &&
	    (rc == ERR_LATER || rc == ERR_NET || o->last.http.status / 100 != 4))
		return rc;
	free(TAKE(o->url));
	return order_create(o, e);
}

/* -- authorize -- */

struct authzs {
	struct authz *list; /* owned */
	size_t n;
	size_t n_open;  /* those that there is something to do for */
	struct err why; /* of those that failed */
	size_t n_failed;
	struct refusals refused;
};

#define AUTO_AUTHZS __attribute__((cleanup(authzs_done)))

static void authzs_done(struct authzs *s)
{
	for (size_t i = 0; i < s->n; i++)
		authz_done(&s->list[i]);
	free(s->list);
	refusals_done(&s->refused);
}

static void note_failure(struct authzs *s, const struct authz *z, const struct err *why)
{
	char before[ERR_TEXT_MAX];

	refusals_add(&s->refused, z->way, z->name, why);
	if (s->n_failed++ == 0) {
		s->why = *why;
		return;
	}
	memcpy(before, s->why.text, sizeof(before));
	err_set(&s->why, s->why.code, "%.*s; %s", ERR_TEXT_MAX / 2, before, why->text);
}

static int authzs_read(struct order *o, bool again, struct authzs *s, struct err *e)
{
	const struct doc *urls = authorizations(o);
	size_t n = doc_len(urls);

	if (n > ORDER_AUTHZ_MAX)
		return err_set(e, ERR_LIMIT, "the order has %zu authorizations", n);
	s->list = xcalloc(n + 1, sizeof(*s->list));
	for (; s->n < n; s->n++) {
		struct authz *z = &s->list[s->n];
		struct err why;

		TRY(authz_read(o->acme, o->want, doc_str_at(urls, s->n), again, z, &why,
			       e));
		s->n_open += z->challenge != NULL;
		if (z->failed)
			note_failure(s, z, &why);
	}
	return 0;
}

/* All of them at once: they are all presented before the first is answered. */
static int present(struct order *o, const struct authzs *s, struct err *e)
{
	AUTO_FREE struct acme_token *tokens = xcalloc(s->n_open + 1, sizeof(*tokens));
	const struct acme_host *host = o->acme->host;
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct authz *z = &s->list[i];

		if (z->challenge != NULL)
			tokens[n++] = (struct acme_token){ z->way, z->name, z->token,
							   z->authorization };
	}
	return n == 0 ? 0 : host->checkpoint(host->arg, o->url, tokens, n, e);
}

/* *open: the CA has said of one of them that there is no outcome yet. */
static int answer(struct order *o, struct authzs *s, bool *open, struct err *e)
{
	*open = false;
	for (size_t i = 0; i < s->n; i++) {
		bool one_open;

		if (s->list[i].challenge == NULL || s->list[i].answered)
			continue;
		TRY(authz_answer(o->acme, &s->list[i], &one_open, e));
		*open = *open || one_open;
	}
	return 0;
}

/* = RFC 8555 7.5.1 "... and the Retry-After HTTP header field in response to requests to the
 * challenge resource." [retry] The last of them is when all are known. */
static void note_times(struct order *o, const struct authzs *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->list[i].retry_at_ms > o->retry_at_ms)
			o->retry_at_ms = s->list[i].retry_at_ms;
}

/* Show control of all names, as far as that has not been done. */
static int order_authorize(struct order *o, bool again, struct err *e)
{
	AUTO_AUTHZS struct authzs s = { 0 };
	bool open;

	TRY(authzs_read(o, again, &s, e));
	if (s.n_failed > 0)
		return order_over(o, &s.refused, &s.why, e);
	note_times(o, &s);
	if (again && o->polls % ORDER_ANSWER_POLLS != 0)
		return 0;
	TRY(present(o, &s, e));
	TRY(answer(o, &s, &open, e));
	note_times(o, &s);
	/* Nothing but "pending" could be read of the order now. */
	return open ? 0 : order_read(o, e);
}

/* -- finalize, download -- */

/* An order that is not ready says by its status what is missing (RFC 8555 7.4). */
static int order_finalize(struct order *o, struct err *e)
{
	struct acme_ask ask = { .kind = ASK_FINALIZE };
	AUTO_FREE char *url = NULL;
	const char *sent = doc_str(o->last.doc, "finalize");

	TRY(acme_check_url(o->acme, "URL to finalize", sent, e));
	url = xstrdup(sent);
	ask.url = url;
	if (acme_post(o->acme, &ask, &o->last, e) == 0)
		return o->last.doc == NULL ? order_read(o, e) : order_load(o, e);
	if (problem_is(o->last.doc, "orderNotReady"))
		return order_read(o, e);
	err_wrap(e, "finalize");
	return order_refused(o, e);
}

/* Told with the certificate: the order may have been made by another call. */
static void note_profile(struct order *o)
{
	const char *wanted = o->want->profile;
	const char *got = doc_str(o->last.doc, "profile");

	if (wanted == NULL ||
	    (o->profile != NULL && directory_has_profile(&o->acme->directory, wanted) &&
	     (got == NULL || strcmp(got, wanted) == 0)))
		return;
	o->note =
	    xasprintf("the CA does not offer the profile %s; it was left out", wanted);
}

static int order_download(struct order *o, struct buf *chain, struct err *e)
{
	AUTO_FREE char *url = NULL;
	const char *sent = doc_str(o->last.doc, "certificate");

	TRY(acme_check_url(o->acme, "URL of the certificate", sent, e));
	url = xstrdup(sent);
	note_profile(o);
	if (chain_fetch(o->acme, url, o->want->chain, chain, &o->note, e) < 0)
		return err_wrap(e, "certificate");
	return 0;
}

/* -- what else there is -- */

/* Its authorizations know more than the order itself. */
static int order_failed(struct order *o, struct err *e)
{
	const struct doc *error = doc_member(o->last.doc, "error");
	AUTO_AUTHZS struct authzs s = { 0 };
	struct err ignored; /* the order is dead, whatever can be learned of it */

	(void)authzs_read(o, false, &s, &ignored);
	if (s.n_failed == 0 && error != NULL) {
		problem_err_of(&s.why, error);
		refusals_of_problem(&s.refused, o->want, error);
	} else if (s.n_failed == 0) {
		err_set(&s.why, ERR_REFUSED,
			"the CA calls it invalid and does not say why");
	}
	return order_over(o, &s.refused, &s.why, e);
}

static int order_wait(struct order *o, struct err *e)
{
	/* It was validated by some of them: what follows should take less long. */
	unsigned polls = o->status == ORDER_PENDING ? o->polls : o->polls / 2;
	int64_t now_ms = clock_now_ms();
	int64_t at = o->last.retry_at_ms;
	int64_t wait_ms = ORDER_POLL_MS;

	for (unsigned i = 0; i < polls && wait_ms < ORDER_POLL_MAX_MS; i++)
		wait_ms *= 2;
	if (wait_ms > ORDER_POLL_MAX_MS)
		wait_ms = ORDER_POLL_MAX_MS;
	if (o->status == ORDER_PENDING && at < o->retry_at_ms)
		at = o->retry_at_ms;
	if (at <= now_ms) /* none was named, or one that has passed by our clock */
		at = now_ms + wait_ms;
	o->waits = true;
	return err_later(e, at, "%s",
			 o->status == ORDER_PENDING ? "the CA validates its names"
			 : o->status == ORDER_VALID
			     ? "the CA does not say yet where the certificate is"
			     : "the CA makes the certificate");
}

static int go_on(struct order *o, struct buf *chain, struct err *e)
{
	if (o->status == ORDER_PENDING && o->polls % ORDER_LOOK_POLLS == 0)
		TRY(order_authorize(o, o->polls > 0, e));
	if (o->status == ORDER_READY)
		TRY(order_finalize(o, e));
	switch (o->status) {
	case ORDER_VALID:
		if (doc_str(o->last.doc, "certificate") == NULL)
			break;
		return order_download(o, chain, e);
	case ORDER_INVALID:
		return order_failed(o, e);
	case ORDER_PENDING:
	case ORDER_READY:
	case ORDER_PROCESSING:
	case ORDER_STATUSES:
		break;
	}
	return order_wait(o, e);
}

/* Found out when the certificate was to be made: as a refusal, or as why it is invalid. */
static bool is_refused_for_profile(const struct order *o)
{
	return o->profile != NULL && !o->want->need_profile &&
	       (problem_is(o->last.doc, "invalidProfile") ||
		problem_is(doc_member(o->last.doc, "error"), "invalidProfile"));
}

static int advance(struct order *o, struct buf *chain, struct err *e)
{
	int rc;

	TRY(order_begin(o, e));
	rc = go_on(o, chain, e);
	if (rc != ERR_REFUSED || !is_refused_for_profile(o))
		return rc;
	o->profile = NULL;
	free(TAKE(o->url));
	TRY(order_create(o, e));
	return go_on(o, chain, e);
}

/* What a CA was too busy for is not done: a challenge that it was not told of would wait
 * until authorizations are looked at again. */
static void not_counted(const struct order *o, struct err *e)
{
	const struct acme_host *host = o->acme->host;
	const struct err why = *e;

	if (host->checkpoint(host->arg, o->url, NULL, 0, e) == 0)
		*e = why;
}

int order_advance(struct acme *a, const struct order_want *want, struct buf *chain,
		  char **note, struct err *e)
{
	AUTO_ORDER struct order o = {
		.acme = a, .want = want, .profile = want->profile, .polls = want->polls
	};
	int rc;

	*note = NULL;
	TRY(acme_ready(a, e));
	rc = advance(&o, chain, e);
	if (rc == 0)
		*note = TAKE(o.note);
	/* Another worker may have found or made it anew. */
	if (rc < 0 && rc != ERR_LATER)
		acme_account_done(&a->account);
	if (rc == 0 || o.url == NULL)
		return rc;
	if (rc == ERR_LATER && !o.waits && !o.is_over)
		not_counted(&o, e);
	return err_wrap(e, "order %.*s", URL_SHOWN_MAX, o.url);
}
