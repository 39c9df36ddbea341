#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/account.h"
#include "agent/agent.h"
#include "agent/borrow.h"
#include "agent/role/lend.h"
#include "agent/role/messages.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

/* It comes from a worker: what is in it besides lines is not for a terminal. */
static void print(const char *text)
{
	AUTO_BUF struct buf safe = { 0 };

	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		text_escape(&safe, text, len, SIZE_MAX);
		buf_puts(&safe, "\n");
		text += len + (text[len] == '\n');
	}
	fputs(safe.data == NULL ? "" : safe.data, stdout);
}

int agent_account(struct agent *a, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct lend_ticket t = { .cert = SPEC_NOBODY };
	const char *text;

	TRY(agent_asked_issuer(a, ISSUER_ACME, "not an ACME issuer: it has no account",
			       &t.issuer, e));
	t.what = lend_of_account((enum account_step)a->request->step);
	msg_begin(&m, WORKER_ACCOUNT, 0);
	msg_put_u64(&m, t.issuer);
	msg_put_u64(&m, a->request->step);
	if (borrow(&t, &m, e) < 0)
		return err_wrap(e, "account at %s", a->request->names[0]);
	text = msg_get_str(&m);
	TRY(msg_end(&m, e));
	if ((a->request->flags & REQUEST_QUIET) == 0)
		print(text);
	return EXIT_SUCCESS;
}
