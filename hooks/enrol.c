#include "hooks/enrol.h"

#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "hooks/env.h"

/* Where a helper names no time: people approve, and that takes them a while. */
#define WAIT_S 600

#define SHOWN 40 /* bytes of a line that is none of a number */

#define WAIT_MAX_S (366LL * 86400) /* enough digits to say never */

const char *const enrol_words[ENROL_DIALECTS + 1] = {
	[ENROL_EVERLEAF] = "everleaf",
	[ENROL_CERTMONGER] = "certmonger",
};

/* -- how it is called -- */

static const char *step(const struct enrol_call *c, const char *submit,
			const char *poll)
{
	return c->handle == NULL ? submit : poll;
}

static int put_everleaf(char **env, const struct enrol_call *c, struct err *e)
{
	TRY(hook_env_put(env, "EVERLEAF_ISSUER", c->issuer, e));
	TRY(hook_env_put(env, "EVERLEAF_STEP", step(c, "submit", "poll"), e));
	TRY(hook_env_put(env, "EVERLEAF_NAME", c->name, e));
	TRY(hook_env_put(env, "EVERLEAF_DOMAINS", c->domains, e));
	TRY(hook_env_put(env, "EVERLEAF_WHY", c->why, e));
	TRY(hook_env_put(env, "EVERLEAF_CERT", c->cert, e));
	return hook_env_put_said(env, "EVERLEAF_HANDLE", c->handle, e);
}

static int put_certmonger(char **env, const struct enrol_call *c, struct err *e)
{
	AUTO_FREE char *subject =
	    c->common_name == NULL ? NULL : xasprintf("CN=%s", c->common_name);

	TRY(hook_env_put(env, "CERTMONGER_OPERATION", step(c, "SUBMIT", "POLL"), e));
	TRY(hook_env_put(env, "CERTMONGER_CA_NICKNAME", c->issuer, e));
	TRY(hook_env_put_said(env, "CERTMONGER_CSR", c->csr, e));
	TRY(hook_env_put(env, "CERTMONGER_REQ_SUBJECT", subject, e));
	TRY(hook_env_put_said(env, "CERTMONGER_REQ_HOSTNAME", c->hosts, e));
	TRY(hook_env_put_said(env, "CERTMONGER_REQ_EMAIL", c->mailboxes, e));
	TRY(hook_env_put_said(env, "CERTMONGER_REQ_IP_ADDRESS", c->addresses, e));
	TRY(hook_env_put_said(env, "CERTMONGER_CERTIFICATE", c->live, e));
	return hook_env_put_said(env, "CERTMONGER_CA_COOKIE", c->handle, e);
}

/* What an exit status means; what is not listed has failed. */
struct meaning {
	int status;
	enum enrol_outcome outcome;
	bool has_seconds; /* ENROL_LATER: on the first line */
};

#define MEANINGS 10

static const struct {
	int (*put)(char **env, const struct enrol_call *c, struct err *e);
	struct meaning meanings[MEANINGS];
} dialects[ENROL_DIALECTS] = {
	[ENROL_EVERLEAF] = { put_everleaf,
			     { { 0, ENROL_DONE, false },
			       { 75, ENROL_LATER, true },
			       { 77, ENROL_REFUSED, false },
			       { -1, ENROL_FAILED, false } } },
	[ENROL_CERTMONGER] = { put_certmonger,
			       { { 0, ENROL_DONE, false },
				 { 1, ENROL_LATER, false },
				 { 2, ENROL_REFUSED, false },
				 { 3, ENROL_UNREACHABLE, false },
				 { 4, ENROL_UNFIT, false },
				 { 5, ENROL_LATER, true },
				 { 6, ENROL_UNABLE, false },
				 { 16, ENROL_UNABLE, false },
				 { 17, ENROL_UNFIT, false },
				 { -1, ENROL_FAILED, false } } },
};

int enrol_env(const struct enrol_call *c, const char *home, const char *run,
	      char ***env, struct err *e)
{
	char **made = hook_env_new();

	if (hook_env_begin(made, home, run, e) < 0 ||
	    dialects[c->dialect].put(made, c, e) < 0) {
		hook_env_free(made);
		return e->code;
	}
	*env = made;
	return 0;
}

/* -- what it answers -- */

const char *enrol_line(const char *said, struct buf *out)
{
	buf_puts(out, "");
	text_escape(out, said, strcspn(said, "\n"), SHOWN);
	return out->data;
}

static int no_seconds(const char *said, struct err *e)
{
	AUTO_BUF struct buf line = { 0 };

	return err_set(e, ERR_PROTO,
		       "it says later, and on the first line of its stdout \"%s\": "
		       "expected how many seconds",
		       enrol_line(said, &line));
}

/* *said is behind the line then. */
static int take_seconds(const char **said, int64_t *wait_s, struct err *e)
{
	char *end;
	const long long n = strtoll(*said, &end, 10);

	if (end == *said || (*end != '\0' && *end != '\n') || n < 0 || n > WAIT_MAX_S)
		return no_seconds(*said, e);
	*wait_s = n < 1 ? 1 : n;
	*said = end + (*end == '\n');
	return 0;
}

static const struct meaning *meaning_of(enum enrol_dialect d, int status)
{
	const struct meaning *m = dialects[d].meanings;

	while (m->status >= 0 && m->status != status)
		m++;
	return m;
}

bool enrol_says_words(enum enrol_dialect d, int status, const char *said)
{
	const enum enrol_outcome o = meaning_of(d, status)->outcome;

	return o != ENROL_DONE && o != ENROL_LATER &&
	       strstr(said, "-----BEGIN ") == NULL;
}

int enrol_judge(enum enrol_dialect d, int status, const char *said,
		struct enrol_answer *answer, struct err *e)
{
	const struct meaning *m = meaning_of(d, status);
	struct enrol_answer a = { .outcome = m->outcome, .wait_s = WAIT_S };

	if (m->has_seconds)
		TRY(take_seconds(&said, &a.wait_s, e));
	a.handle = said;
	*answer = a;
	return 0;
}
