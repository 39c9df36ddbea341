#include "ca/cmp_roots.h"

#include "base/auto.h"
#include "base/err.h"
#include "base/x509.h"
#include "ca/cmp_genm.h"
#include "ca/cmp_task.h"

static bool has_root(const STACK_OF(X509) * cas)
{
	for (int i = 0; i < sk_X509_num(cas); i++)
		if (cmp_task_is_root(sk_X509_value(cas, i)))
			return true;
	return false;
}

/* One that refuses this alone has nothing to say about it. */
static int put_successor(struct cmp_task *t, X509 *root, struct buf *pem, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *all = sk_X509_new_null();
	int rc;

	TRY(cmp_task_begin(t, e));
	rc = cmp_genm_update(t, root, all, e);
	if (rc < 0 && (e->code != ERR_REFUSED || t->shut_out))
		return rc;
	if (sk_X509_num(all) == 0 && !has_root(t->cas))
		return x509_to_pem(root, pem, e);
	return x509_all_to_pem(all, pem, e);
}

static int ask_cas(struct cmp_task *t, struct err *e)
{
	TRY(cmp_task_begin(t, e));
	return cmp_genm_cas(t, e);
}

/* By the live certificate, or as who asks at first. */
static int ask(struct cmp_task *t, bool by_live, struct err *e)
{
	struct err none;
	int rc;

	if (t->cas != NULL) /* that is how its roots became known */
		return 0;
	t->cas = sk_X509_new_null();
	if (by_live)
		TRY(t->host->live(t->host->arg, &t->chain, &t->key, e));
	if (t->key.len > 0) {
		rc = ask_cas(t, e);
		/* What signs over there may have another root by now: a secret has none. */
		if (rc == 0 || (!t->shut_out && e->code != ERR_TRUST) ||
		    cmp_task_first(t, &none) < 0 || !cmp_task_has_first(t))
			return rc;
		buf_done(&t->chain);
		buf_done(&t->key);
	}
	TRY(cmp_task_first(t, e));
	return ask_cas(t, e);
}

int cmp_roots(const struct cmp_settings *settings, const struct cmp_host *host,
	      bool by_live, struct buf *pem, struct err *e)
{
	AUTO_CMP_TASK struct cmp_task t = { .s = settings, .host = host };

	TRY(cmp_task_open(&t, e));
	TRY(ask(&t, by_live, e));
	TRY(x509_all_to_pem(t.cas, pem, e));
	for (int i = 0; i < sk_X509_num(t.anchors); i++)
		if (cmp_task_is_root(sk_X509_value(t.anchors, i)))
			TRY(put_successor(&t, sk_X509_value(t.anchors, i), pem, e));
	return 0;
}
