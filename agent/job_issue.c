#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/inventory.h"
#include "agent/job.h"
#include "agent/job_exec.h"
#include "agent/job_steps.h"
#include "agent/meta.h"
#include "agent/nextkey.h"
#include "agent/owncrl.h"
#include "agent/pool.h"
#include "agent/reachcall.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/rootkept.h"
#include "agent/rootwatch.h"
#include "agent/rule/rootrule.h"
#include "agent/verify.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/x509_order.h"

static void ask_keeper(struct agent *a, const struct job *j, struct msg *m)
{
	link_call(&a->keeper, m, job_answered, j->id);
}

/* The one that waits is a new one, whatever order it was made for, unless it is the live
 * one that is used again (reuse_key): that is not certified once more after a
 * revocation, though the order was begun before. */
int keying_begin(struct agent *a, struct job *j, struct err *e)
{
	const bool is_slow =
	    j->spec->csr.at == 0 && key_takes_long((enum key_type)j->spec->key);
	AUTO_MSG struct msg m = MSG_NONE;

	if (j->spec->csr.at != 0 && j->why == WHY_REVOKED &&
	    (a->certs[j->cert].flags & CERT_KEY_OTHER) == 0)
		return err_set(e, ERR_CONFIG,
			       "it is revoked, and with it its key: a request with a "
			       "new one has to be put into %s",
			       spec_text(a->spec, j->spec->csr));
	nextkey_announced(a, j->cert, j->announced);
	msg_begin(&m, KEEPER_KEY, 0);
	msg_put_u64(&m, j->cert);
	msg_put_u64(&m, due_needs_new_key(j->why, &a->certs[j->cert], clock_now()));
	link_call_in_turn(&a->keeper, is_slow ? LINK_SLOWLY : LINK_LAST, &m,
			  job_answered, j->id);
	if (job_by_worker(a, j))
		pool_expect(a->pool, j->issuer);
	return 0;
}

int keying_end(struct agent *a, struct job *j, struct msg *m, struct err *e)
{
	size_t len;
	const void *spki = msg_get_bytes(m, &len);

	TRY(msg_end(m, e));
	buf_add(&j->spki, spki, len);
	nextkey_taken(a, j->cert, j->announced, &j->spki);
	return 0;
}

int ordering_begin(struct agent *a, struct job *j, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;

	issuer_choose(a, j);
	TRY(rootwatch_check(a, j->issuer, e));
	setbacks_at(&j->setbacks, j->issuer);
	if (job_by_worker(a, j))
		return order_begin(a, j, e);
	if (job_is_exec(a, j))
		return exec_begin(a, j, e);
	j->out = (struct name_set){ { 0 } };
	msg_begin(&m, KEEPER_ISSUE, 0);
	msg_put_u64(&m, j->cert);
	msg_put_u64(&m, j->issuer);
	ask_keeper(a, j, &m);
	return 0;
}

int ordering_end(struct agent *a, struct job *j, struct msg *m, struct err *e)
{
	const char *chain, *anchors;

	if (job_by_worker(a, j))
		return order_end(a, j, m, e);
	if (job_is_exec(a, j))
		return exec_end(a, j, m, e);
	chain = msg_get_str(m);
	anchors = msg_get_str(m);
	TRY(msg_end(m, e));
	clockwatch_renewed(&a->clock, clock_boot_ms());
	buf_puts(&j->chain, chain);
	buf_puts(&j->anchors, anchors);
	return 0;
}

/* From another issuer, or for another reason than its age, it may end before what is
 * live; in place of what came by a clock that was ahead, it does. */
static bool may_be_shorter(const struct agent *a, const struct job *j)
{
	const char *issuer = spec_text(a->spec, a->spec->issuers[j->issuer].name);

	return j->why != WHY_EXPIRING || strcmp(issuer, j->memory.issuer) != 0 ||
	       due_is_ahead(j->memory.facts.not_before, clock_now());
}

/* The leaf is a new one each time, what is behind it hardly ever. */
static int read_chain(struct agent *a, const struct job *j, STACK_OF(X509) * *chain,
		      struct err *e)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----";
	AUTO_CHAIN STACK_OF(X509) *read = NULL;
	AUTO_CHAIN STACK_OF(X509) *behind = NULL;
	const char *leaf = strstr(j->chain.data, begin);
	const char *rest = leaf == NULL ? NULL : strstr(leaf + 1, begin);
	const size_t n = rest == NULL ? 0 : strlen(rest);

	TRY(x509_chain_from_pem(j->chain.data, j->chain.len - n, &read, e));
	if (n > 0 && x509_chain_again(&a->behind, rest, n, &behind, e) < 0)
		return err_wrap(e, "behind the first");
	for (int i = 0; i < sk_X509_num(behind); i++)
		if (sk_X509_push(read, sk_X509_value(behind, i)) <= 0)
			abort(); /* out of memory, as in mem.h */
		else
			X509_up_ref(sk_X509_value(behind, i));
	*chain = TAKE(read);
	return 0;
}

static int verify(struct agent *a, struct job *j, STACK_OF(X509) * chain, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *anchors = NULL;
	const struct verify_want want = {
		.spec = a->spec,
		.cert = j->spec,
		.out = &j->out,
		.spki = j->spki.data,
		.spki_len = j->spki.len,
		.live_not_after = j->memory.facts.not_after,
		.shorter_ok = may_be_shorter(a, j),
		.now = clock_now(),
	};
	struct verify_want full = want;

	if (a->spec->issuers[j->issuer].type != ISSUER_ACME)
		TRY(x509_chain_again(&a->anchors, j->anchors.data, j->anchors.len,
				     &anchors, e));
	full.anchors = anchors;
	return verify_chain(&full, chain, e);
}

/* Whose it is, and, where that is a file, what it had to lead to. */
static int tell_issuer(const struct agent *a, const struct job *j, struct err *e)
{
	const struct spec_issuer *i = &a->spec->issuers[j->issuer];
	const char *name = spec_text(a->spec, i->name);

	if (i->type == ISSUER_ACME || i->trust.at == 0)
		return err_wrap(e, "%s", name);
	return err_wrap(e, "%s, with trust %s", name, spec_text(a->spec, i->trust));
}

/* Of kept roots that which it needs: what else is trusted, the store knows. */
static int put_needed(struct agent *a, const struct job *j, STACK_OF(X509) * chain,
		      struct buf *pem, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *all = NULL;
	AUTO_CHAIN STACK_OF(X509) *needed = sk_X509_new_null();

	TRY(x509_chain_again(&a->anchors, j->anchors.data, j->anchors.len, &all, e));
	rootrule_leads_to(chain, all, needed);
	return x509_all_to_pem(needed, pem, e);
}

/* An ACME CA is trusted for its TLS and names no anchor: the last CA certificate that came
 * with the leaf, if any did, is what clients may trust. */
static int put_anchors(struct agent *a, const struct job *j, STACK_OF(X509) * chain,
		       struct buf *anchors, struct err *e)
{
	int n = sk_X509_num(chain);

	if (a->spec->issuers[j->issuer].trust_by != TRUST_FILE ||
	    a->spec->issuers[j->issuer].type == ISSUER_LOCAL ||
	    (rootkept_holds(a, j->cert) && spec_anchors(a->spec, j->issuer) != NULL &&
	     rootkept_has(a, j->issuer)))
		return put_needed(a, j, chain, anchors, e);
	buf_puts(anchors, j->anchors.len > 0 ? j->anchors.data : "");
	if (anchors->len > 0 || n < 2)
		return 0;
	return x509_to_pem(sk_X509_value(chain, n - 1), anchors, e);
}

/* The gate, and only then a message that leads to a file. */
int verifying_begin(struct agent *a, struct job *j, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *chain = NULL;
	AUTO_MSG struct msg m = MSG_NONE;
	AUTO_BUF struct buf leaf = { 0 };
	AUTO_BUF struct buf anchors = { 0 };
	AUTO_BUF struct buf rest = { 0 };
	AUTO_BUF struct buf meta = { 0 };

	if (read_chain(a, j, &chain, e) < 0) {
		err_wrap(e, "the certificate that it has sent");
		return tell_issuer(a, j, e);
	}
	x509_order(chain, j->spki.data, j->spki.len);
	if (verify(a, j, chain, e) < 0)
		return tell_issuer(a, j, e);
	TRY(owncrl_admit(a, chain, e));
	TRY(x509_facts(sk_X509_value(chain, 0), &j->facts, e));
	TRY(x509_to_pem(sk_X509_value(chain, 0), &leaf, e));
	for (int i = 1; i < sk_X509_num(chain); i++)
		TRY(x509_to_pem(sk_X509_value(chain, i), &rest, e));
	TRY(put_anchors(a, j, chain, &anchors, e));
	meta_put(&meta, j->name, spec_text(a->spec, a->spec->issuers[j->issuer].name),
		 why_word(j->why), &j->facts);
	reachcall(a, j->cert);
	msg_begin(&m, KEEPER_STORE, 0);
	msg_put_u64(&m, j->cert);
	msg_put_str(&m, leaf.data);
	msg_put_str(&m, rest.data);
	msg_put_str(&m, anchors.data);
	msg_put_str(&m, meta.data);
	ask_keeper(a, j, &m);
	return 0;
}

/* Stored and not live yet: it is what the next attempt installs, whatever happens to
 * this one. Committed with what the switch owes. */
int job_stored(struct agent *a, struct job *j, struct err *e)
{
	char until[TEXT_TIME_MAX];
	AUTO_FREE char *text = NULL;

	order_over(a, j);
	job_worked(a, j);
	j->memory.fallback = (struct fallback){ 0 };
	j->memory.held = j->generation;
	j->memory.held_not_after = j->facts.not_after;
	j->memory.held_names_hash = j->facts.names_hash;
	j->memory.held_key = j->facts.key;
	/* What a person went back to has been replaced: this is what is installed next. */
	j->memory.flags &= ~(CERT_ROLLED_BACK | CERT_WAS_BACK);
	a->certs[j->cert].flags &= ~(unsigned)CERT_ROLLED_BACK;
	snprintf(j->memory.issuer, sizeof(j->memory.issuer), "%s",
		 spec_text(a->spec, a->spec->issuers[j->issuer].name));
	TRY(agent_write(a, e));
	TRY(state_put(a->state, j->name, &j->memory, e));
	text = xasprintf("%s by %s, until %s", why_word(j->why), j->memory.issuer,
			 text_time(until, j->facts.not_after));
	agent_tell(a, j->name, "issued", j->generation, text);
	a->orders[j->issuer].ok++;
	return 0;
}

int verifying_end(struct agent *a, struct job *j, struct msg *m, struct err *e)
{
	j->generation = msg_get_u64(m);
	TRY(msg_end(m, e));
	inventory_stored(a, j->cert, j->generation, &j->stored);
	buf_done(&j->chain); /* it may have to wait for many others */
	buf_done(&j->anchors);
	return job_stored(a, j, e);
}
