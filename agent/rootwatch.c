#include "agent/rootwatch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agenda.h"
#include "agent/agent.h"
#include "agent/alarm.h"
#include "agent/job.h"
#include "agent/notice.h"
#include "agent/pool.h"
#include "agent/role/lend.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/rootkept.h"
#include "agent/rule/rootrule.h"
#include "agent/rule/schedule.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/x509.h"
#include "store/place.h"

#define RETRY_FILE_S 60 /* until no worker is left that may read the file of before */
#define RETRY_DUE_S  30 /* where a certificate is due: it waits by rules of its own */
#define AGAIN_S      1  /* whether files have been written */

/* Of one issuer. */
struct roots_of {
	bool used; /* by a certificate of this run */
	bool asking;
	bool tried;       /* in this run of a command that ends */
	int64_t asked_at; /* when it was last answered; 0: never */
	int64_t grown_at; /* when other roots were kept, in this run; 0: never */
	uint32_t written; /* certificates, from the first on, whose files hold them */
	int64_t failed_at;
	struct err failed;       /* code 0: it has not */
	struct file_stamp stamp; /* of the file that trust is, when it was read last */
	char *words;             /* owned: what has changed; NULL: nothing */
};

struct rootwatch {
	struct roots_of *issuers; /* owned, one for each of the snapshot */
	bool *moved; /* owned, by certificate: its files are to hold other roots */
	unsigned n_asking;
	char *words; /* owned; what hooks are told; NULL: nothing */
};

static const struct spec_issuer *issuer_at(const struct agent *a, uint32_t n)
{
	return &a->spec->issuers[n];
}

static const char *name_of(const struct agent *a, uint32_t n)
{
	return spec_text(a->spec, issuer_at(a, n)->name);
}

static bool is_embedded(const struct agent *a, uint32_t n)
{
	return issuer_at(a, n)->type == ISSUER_LOCAL;
}

/* Of an embedded CA that has one key there is nothing to know but what comes with each
 * certificate. */
static bool is_kept(const struct agent *a, uint32_t n)
{
	AUTO_FREE char *second = NULL;

	if (n >= a->spec->n[SPEC_ISSUERS])
		return false;
	if (!is_embedded(a, n))
		return issuer_at(a, n)->trust_by != TRUST_FILE;
	second = place_of_ca(name_of(a, n), 2, "root.pem");
	return file_exists(a->root, second);
}

/* Whether it follows what a person puts into a file. */
static bool by_file(const struct agent *a, uint32_t n)
{
	return spec_anchors(a->spec, n) != NULL;
}

/* Whether trust is a file, and another one than when it was read last. */
static bool has_changed(const struct agent *a, uint32_t n)
{
	const char *path = spec_anchors(a->spec, n);
	struct file_stamp now;

	return path != NULL && rootkept_stamp(AT_FDCWD, path, &now) &&
	       memcmp(&now, &a->roots->issuers[n].stamp, sizeof(now)) != 0;
}

/* -- the end of a look -- */

static void end(struct agent *a, uint32_t n)
{
	struct roots_of *r = &a->roots->issuers[n];

	r->asking = false;
	a->roots->n_asking--;
	for (uint32_t i = 0; i < a->spec->n[SPEC_CERTS]; i++)
		if (rootkept_is_of(a, i, n))
			agenda_look(a, i);
	agent_pass(a);
}

static void fail(struct agent *a, uint32_t n, const struct err *why)
{
	struct roots_of *r = &a->roots->issuers[n];

	r->failed = *why;
	r->failed_at = clock_now();
	if (!agent_cut_off(a) && !agent_cut_off_by(a, why))
		log_warn("%s: its roots are not known anew: %s", name_of(a, n),
			 why->text);
	end(a, n);
}

static void say(struct roots_of *r, const char *name, const char *what, X509 *root)
{
	AUTO_FREE char *who = x509_subject(root);
	AUTO_FREE char *before = r->words;

	log_warn("%s: %s: %s", name, what, who);
	r->words = before == NULL ? xasprintf("%s: %s: %s", name, what, who)
				  : xasprintf("%s; %s: %s", before, what, who);
}

/* Both are said: what is new is trusted from now on, what goes no more. What a person has
 * named is nothing new to him when it is read first. */
static void tell_change(const struct agent *a, uint32_t n,
			const STACK_OF(X509) * before, const STACK_OF(X509) * after)
{
	struct roots_of *r = &a->roots->issuers[n];
	const char *name = name_of(a, n);

	free(TAKE(r->words));
	if (before == NULL && by_file(a, n))
		return;
	for (int i = 0; i < sk_X509_num(after); i++)
		if (!rootrule_has(before, sk_X509_value(after, i)))
			say(r, name, "trusted from now on", sk_X509_value(after, i));
	for (int i = 0; i < sk_X509_num(before); i++)
		if (!rootrule_has(after, sk_X509_value(before, i)))
			say(r, name, "no more trusted, nothing live leads to it",
			    sk_X509_value(before, i));
}

static void on_kept(void *arg, uint32_t n, struct msg *m, const struct err *failed)
{
	struct agent *a = arg;
	struct roots_of *r = &a->roots->issuers[n];
	bool others;

	if (failed != NULL) {
		fail(a, n, failed);
		return;
	}
	others = msg_get_u64(m) != 0;
	r->asked_at = clock_now();
	r->failed = (struct err){ .code = 0 };
	if (others) {
		r->grown_at = r->asked_at;
		r->written = 0;
	}
	for (uint32_t i = 0; others && i < a->spec->n[SPEC_CERTS]; i++)
		if (rootkept_is_of(a, i, n) && rootkept_holds(a, i)) {
			a->roots->moved[i] = true;
			notice_again(a, i);
			a->wanted[i] = true; /* whatever this run is about */
		}
	end(a, n);
}

static int put_pem(const STACK_OF(X509) * all, struct msg *m, struct err *e)
{
	AUTO_BUF struct buf pem = { 0 };

	TRY(x509_all_to_pem(all, &pem, e));
	msg_put_str(m, pem.data);
	return 0;
}

static void tell_refused(struct agent *a, uint32_t n, const struct buf *refused)
{
	AUTO_FREE char *key = xasprintf("@roots %s", name_of(a, n));
	char *words;

	if (refused->len == 0 ||
	    !alarm_admit_words(a, key, "root-refused", refused->data, NULL))
		return;
	words =
	    xasprintf("%s%s%s names a root that is refused: %s. If it is right, let "
		      "trust be its fingerprint or a file with it",
		      a->roots->words == NULL ? "" : a->roots->words,
		      a->roots->words == NULL ? "" : "; ", name_of(a, n),
		      refused->data);
	log_error("%s", words);
	free(a->roots->words);
	a->roots->words = words;
}

static int judge(struct agent *a, uint32_t n, const char *pem, struct msg *m,
		 struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *kept = NULL;
	AUTO_CHAIN STACK_OF(X509) *named = NULL;
	AUTO_CHAIN STACK_OF(X509) *roots = NULL;
	AUTO_CHAIN STACK_OF(X509) *stay = sk_X509_new_null();
	AUTO_BUF struct buf refused = { 0 };
	const struct rootrule rule = {
		.print = spec_text(a->spec, issuer_at(a, n)->print),
		.now = clock_now(),
	};
	struct rootrule full = rule;
	int rc;

	TRY(rootkept_read(a, n, &kept, e));
	TRY(rootrule_read(pem, &named, e));
	full.kept = kept;
	full.named = named;
	rc = by_file(a, n) ? rootrule_by_person(&full, &roots)
			   : rootrule_accept(&full, &roots, &refused, e);
	tell_refused(a, n, &refused);
	TRY(rc);
	TRY(rootkept_stay(a, n, roots, named, stay, e));
	tell_change(a, n, kept, stay);
	msg_begin(m, KEEPER_ROOTS, 0);
	msg_put_u64(m, n);
	TRY(put_pem(stay, m, e));
	return put_pem(named, m, e);
}

static void on_named(void *arg, uint32_t n, struct msg *m, const struct err *failed)
{
	struct agent *a = arg;
	AUTO_MSG struct msg keep = MSG_NONE;
	struct err e;

	if (failed != NULL) {
		fail(a, n, failed);
		return;
	}
	if (judge(a, n, msg_get_str(m), &keep, &e) < 0) {
		err_wrap(&e, "%s",
			 is_embedded(a, n) ? "its CA"
					   : spec_text(a->spec, issuer_at(a, n)->url));
		fail(a, n, &e);
		return;
	}
	link_call(&a->keeper, &keep, on_kept, n);
}

/* -- its begin -- */

/* The ticket is not given: the worker is told so when it asks, and says so. */
static void on_lent(void *arg, uint32_t number, struct msg *m, const struct err *failed)
{
	(void)arg;
	(void)number;
	(void)m;
	(void)failed;
}

static int make(struct agent *a, uint32_t n, struct msg *m, struct err *e)
{
	AUTO_MSG struct msg lent = MSG_NONE;
	const struct lend_ticket t = rootkept_ticket(a, n);

	msg_begin(m, WORKER_ROOTS, 0);
	msg_put_u64(m, n);
	msg_put_u64(m, rootkept_has(a, n));
	msg_put_u64(m, t.generation != 0);
	if (issuer_at(a, n)->type != ISSUER_CMP)
		return 0;
	TRY(lend_begin(&t, &lent, &m->fd, e));
	link_call(&a->keeper, &lent, on_lent, n);
	return 0;
}

static void ask(struct agent *a, uint32_t n)
{
	const struct pool_task task = {
		.issuer = n,
		.number = n,
		.make = make,
		.done = on_named,
	};
	struct roots_of *r = &a->roots->issuers[n];
	AUTO_MSG struct msg m = MSG_NONE;

	(void)(by_file(a, n) &&
	       rootkept_stamp(AT_FDCWD, spec_anchors(a->spec, n), &r->stamp));
	r->asking = true;
	r->tried = a->request->command != COMMAND_AGENT;
	a->roots->n_asking++;
	if (!is_embedded(a, n)) {
		pool_call(a->pool, &task);
		return;
	}
	msg_begin(&m, KEEPER_CA_ROOTS, 0);
	msg_put_u64(&m, n);
	link_call(&a->keeper, &m, on_named, n);
}

/* -- when -- */

static bool works(const struct agent *a)
{
	const uint32_t c = a->request->command;

	return a->roots != NULL && !a->stopping && !agent_cut_off(a) &&
	       (c == COMMAND_AGENT || c == COMMAND_RENEW);
}

static int64_t moment(const struct agent *a, uint32_t n, int64_t now)
{
	const struct roots_of *r = &a->roots->issuers[n];
	AUTO_FREE char *text = xasprintf("roots %s", name_of(a, n));

	if (r->failed.code != 0)
		return r->failed_at +
		       (by_file(a, n) ? RETRY_FILE_S : ROOTWATCH_RETRY_S);
	if (r->asked_at == 0 || r->asked_at > now)
		return now;
	return schedule_turn_at(ROOTWATCH_EVERY_S, agent_draw(a, text), r->asked_at);
}

int64_t rootwatch_turn(struct agent *a)
{
	const int64_t now = clock_now();
	int64_t next = INT64_MAX;

	for (uint32_t n = 0; works(a) && n < a->spec->n[SPEC_ISSUERS]; n++) {
		const struct roots_of *r = &a->roots->issuers[n];
		int64_t at;

		if (!r->used || r->asking || r->tried ||
		    !(is_kept(a, n) || by_file(a, n)))
			continue;
		at = moment(a, n, now);
		if (at > now)
			next = clock_sooner(next, at);
		else
			ask(a, n);
	}
	return a->request->command == COMMAND_AGENT ? next : INT64_MAX;
}

bool rootwatch_busy(const struct agent *a)
{
	return a->roots != NULL && !a->stopping &&
	       (a->roots->n_asking > 0 || a->notice.n_again > 0);
}

static bool is_to_write(struct agent *a, uint32_t n, uint32_t i, int64_t now)
{
	const struct job *j;

	if (!rootkept_is_of(a, i, n) || !rootkept_holds(a, i) || !a->wanted[i])
		return false;
	j = job_of_cert(a, i);
	if (j != NULL)
		return due_writes_again(j->why);
	return a->notice.certs[i].stamp != 0 ||
	       due_writes_again(agent_due(a, i, now).why);
}

/* Whether a file of its roots is still to be written. Each certificate that is due asks
 * this: all of them together look at each of the others once. */
static bool is_writing(struct agent *a, uint32_t n, int64_t now)
{
	struct roots_of *r = &a->roots->issuers[n];

	while (r->written < a->spec->n[SPEC_CERTS] &&
	       !is_to_write(a, n, r->written, now))
		r->written++;
	return r->written < a->spec->n[SPEC_CERTS];
}

/* What is known of it is too old to have a certificate issued by. */
static bool is_stale(const struct agent *a, uint32_t n, int64_t now)
{
	const struct roots_of *r = &a->roots->issuers[n];

	if (r->asked_at == 0 || by_file(a, n))
		return r->asked_at == 0 || has_changed(a, n);
	return now - r->asked_at >= ROOTWATCH_FRESH_S || r->asked_at > now;
}

int64_t rootwatch_hold(struct agent *a, uint32_t issuer)
{
	const int64_t now = clock_now();
	struct roots_of *r;

	if (!works(a) || issuer >= a->spec->n[SPEC_ISSUERS] ||
	    !(by_file(a, issuer) ? a->roots->issuers[issuer].used : is_kept(a, issuer)))
		return 0;
	r = &a->roots->issuers[issuer];
	if (!r->asking && !r->tried && is_stale(a, issuer, now) &&
	    (r->failed.code == 0 || now - r->failed_at >= RETRY_DUE_S))
		ask(a, issuer);
	if (r->asking)
		return INT64_MAX;
	return r->grown_at != 0 && now - r->grown_at < ROOTWATCH_HOLD_S &&
		       is_writing(a, issuer, now)
		   ? now + AGAIN_S
		   : 0;
}

int rootwatch_check(const struct agent *a, uint32_t issuer, struct err *e)
{
	if (!is_kept(a, issuer) || is_embedded(a, issuer) || rootkept_has(a, issuer))
		return 0;
	if (a->roots == NULL || a->roots->issuers[issuer].failed.code == 0)
		return err_set(e, ERR_NET, "%s: its roots are not known yet",
			       name_of(a, issuer));
	*e = a->roots->issuers[issuer].failed;
	return err_wrap(e, "%s: its roots are not known", name_of(a, issuer));
}

void rootwatch_begin(struct agent *a)
{
	a->roots = xcalloc(1, sizeof(*a->roots));
	a->roots->issuers =
	    xcalloc(a->spec->n[SPEC_ISSUERS], sizeof(*a->roots->issuers));
	a->roots->moved = xcalloc(a->spec->n[SPEC_CERTS], sizeof(bool));
	for (uint32_t n = 0; n < a->spec->n[SPEC_ISSUERS]; n++) {
		struct roots_of *r = &a->roots->issuers[n];
		const char *path = spec_anchors(a->spec, n);

		if (!is_kept(a, n) && !is_embedded(a, n) && path == NULL)
			continue; /* an embedded CA may come to have some */
		r->asked_at = rootkept_seen_at(a, n);
		if (path != NULL)
			rootkept_stamp(AT_FDCWD, path, &r->stamp);
		for (uint32_t i = 0; i < a->spec->n[SPEC_CERTS]; i++)
			if (a->wanted[i] && rootkept_is_of(a, i, n) &&
			    (path == NULL || rootkept_holds(a, i)))
				r->used = true;
	}
}

void rootwatch_free(struct agent *a)
{
	if (a->roots == NULL)
		return;
	for (uint32_t n = 0; n < a->spec->n[SPEC_ISSUERS]; n++)
		free(a->roots->issuers[n].words);
	free(a->roots->issuers);
	free(a->roots->moved);
	free(a->roots->words);
	free(TAKE(a->roots));
}

void rootwatch_changed(struct agent *a, uint32_t cert)
{
	for (uint32_t n = 0; works(a) && n < a->spec->n[SPEC_ISSUERS]; n++) {
		struct roots_of *r = &a->roots->issuers[n];

		if (r->used && !r->asking && rootkept_is_of(a, cert, n) &&
		    has_changed(a, n))
			ask(a, n);
	}
}

bool rootwatch_moved(const struct agent *a, uint32_t cert)
{
	return a->roots != NULL && a->roots->moved[cert];
}

const char *rootwatch_written(struct agent *a, uint32_t cert)
{
	if (a->roots == NULL)
		return NULL;
	a->roots->moved[cert] = false;
	for (uint32_t n = 0; n < a->spec->n[SPEC_ISSUERS]; n++)
		if (rootkept_is_of(a, cert, n) && a->roots->issuers[n].words != NULL)
			return a->roots->issuers[n].words;
	return NULL;
}

const char *rootwatch_words(const struct agent *a)
{
	return a->roots == NULL ? NULL : a->roots->words;
}

void rootwatch_told(struct agent *a)
{
	if (a->roots == NULL)
		return;
	free(a->roots->words);
	a->roots->words = NULL;
}
