/* ORDERING at an issuer that is a program: see job_exec.h. */
#include "agent/job_exec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/hookcall.h"
#include "agent/job_steps.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/csr.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/x509.h"
#include "base/x509_order.h"
#include "hooks/enrol.h"
#include "hooks/env.h"
#include "store/generation.h"

/* All issuers together: half of what the supervisor runs at once, hooks come first. */
#define RUNS_MAX 8

#define AGAIN_MS 1000 /* a run for an agent before this one has to end first */

/* With the chain and the leaf it has to fit into one message to the keeper. */
#define LIMIT_TRUST (24 * 1024)

static const struct spec_issuer *issuer_of(const struct agent *a, const struct job *j)
{
	return &a->spec->issuers[j->issuer];
}

bool job_is_exec(const struct agent *a, const struct job *j)
{
	return issuer_of(a, j)->type == ISSUER_EXEC;
}

static const char *program_of(const struct agent *a, const struct job *j)
{
	return spec_text(a->spec, a->spec->words[issuer_of(a, j)->program.first]);
}

/* -- asking -- */

/* Also of others, which are asked when one of those has ended. */
static bool has_turn(const struct agent *a, const struct job *j)
{
	uint32_t n = 0, n_here = 0;

	for (const struct job *o = a->jobs; o != NULL; o = o->next) {
		if (o->state != JOB_ORDERING || !o->runs)
			continue;
		n++;
		n_here += o->issuer == j->issuer;
	}
	return n < RUNS_MAX && n_here < issuer_of(a, j)->parallel;
}

static void next_turn(struct agent *a)
{
	for (struct job *j = a->jobs; j != NULL; j = j->next)
		if (j->state == JOB_ORDERING && job_is_exec(a, j) && !j->runs &&
		    has_turn(a, j))
			exec_ask(a, j);
}

static void on_ended(void *arg, uint32_t number, struct msg *m,
		     const struct err *failed)
{
	struct agent *a = arg;
	struct job *j = job_called(a, number);
	struct err later;

	if (j != NULL)
		j->runs = false;
	if (j != NULL && failed != NULL && failed->code == ERR_BUSY) {
		j->uncounted = true;
		err_later(&later, clock_now_ms() + AGAIN_MS, "%s", failed->text);
		failed = &later;
	}
	job_answered(a, number, m, failed);
	next_turn(a);
}

/* What is live, as PEM; empty: nothing that can be read. */
static void read_live(const struct agent *a, const struct job *j, struct buf *pem)
{
	AUTO_FD int dir = -1;
	struct err e;

	if (j->previous == 0 ||
	    generation_open(a->root, j->name, j->previous, &dir, &e) < 0 ||
	    file_read(dir, "cert.pem", LIMIT_CSR_BYTES, pem, &e) < 0)
		buf_done(pem);
}

/* The same for the same request to the same CA, whoever asks: but for its signature, which
 * is another one each time. */
static int digest_of(const struct agent *a, const struct job *j, const void *der,
		     size_t len, uint8_t digest[HASH_LEN], struct err *e)
{
	const unsigned char *at = der;
	AUTO_CSR X509_REQ *csr = d2i_X509_REQ(NULL, &at, (long)len);
	AUTO_BUF struct buf all = { 0 };
	unsigned char *tbs = NULL;
	const int n = csr == NULL ? 0 : i2d_re_X509_REQ_tbs(csr, &tbs);

	if (n <= 0)
		return key_openssl_err(e, ERR_PROTO, "signing request");
	buf_printf(&all, "%s\n%s\n", spec_text(a->spec, issuer_of(a, j)->name),
		   j->order == NULL ? "" : j->order);
	buf_add(&all, tbs, (size_t)n);
	OPENSSL_free(tbs);
	hash_all(all.data, all.len, digest);
	return 0;
}

static int call(struct agent *a, const struct job *j, struct msg *request,
		struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;
	AUTO_BUF struct buf pem = { 0 };
	AUTO_BUF struct buf live = { 0 };
	uint8_t digest[HASH_LEN];
	size_t len;
	const void *der = msg_get_bytes(request, &len);

	TRY(msg_end(request, e));
	TRY(digest_of(a, j, der, len, digest, e));
	TRY(csr_der_to_pem(der, len, &pem, e));
	read_live(a, j, &live);
	msg_begin(&m, SUP_ENROL, 0);
	msg_put_u64(&m, j->issuer);
	msg_put_u64(&m, j->cert);
	msg_put_str(&m, why_word(j->why));
	msg_put_str(&m, pem.data);
	msg_put_str(&m, live.data);
	msg_put_u64(&m, j->order != NULL);
	msg_put_str(&m, j->order);
	msg_put_bytes(&m, digest, sizeof(digest));
	TRY(hookcall_seal(&pem, &m.fd, e));
	link_call(&a->super, &m, on_ended, j->id);
	return 0;
}

static void on_request(void *arg, uint32_t number, struct msg *m,
		       const struct err *failed)
{
	struct agent *a = arg;
	const struct job *j = job_called(a, number);
	struct err e;

	if (j == NULL)
		return;
	if (failed == NULL && call(a, j, m, &e) < 0)
		failed = &e;
	if (failed != NULL)
		on_ended(a, number, NULL, failed);
}

void exec_ask(struct agent *a, struct job *j)
{
	AUTO_MSG struct msg m = MSG_NONE;

	j->runs = true;
	msg_begin(&m, KEEPER_CSR, 0);
	msg_put_u64(&m, j->cert);
	msg_put_u64(&m, j->issuer);
	name_set_put(&j->out, &m);
	link_call(&a->keeper, &m, on_request, j->id);
}

int exec_begin(struct agent *a, struct job *j, struct err *e)
{
	(void)e;
	j->runs = false;
	if (j->order == NULL) {
		j->ordered_at = clock_now();
		j->out = setbacks_out(&j->setbacks, j->ordered_at);
	}
	if (has_turn(a, j))
		exec_ask(a, j);
	return 0;
}

/* -- what it has brought -- */

/* On disk before it is asked again: it is not given the same request twice. */
static int come_back(struct agent *a, struct job *j, const struct enrol_answer *w,
		     const char *text, struct err *e)
{
	const int64_t at_ms = clock_now_ms() + w->wait_s * 1000;

	if (strlen(w->handle) > LIMIT_ENROL_HANDLE)
		return err_set(e, ERR_LIMIT,
			       "%s: it says later, with a handle of more than %d bytes",
			       program_of(a, j), LIMIT_ENROL_HANDLE);
	if (!hook_env_may_say(w->handle))
		return err_set(e, ERR_PROTO,
			       "%s: it says later, with a handle that has control "
			       "characters",
			       program_of(a, j));
	if (j->order == NULL || strcmp(j->order, w->handle) != 0) {
		free(j->order);
		j->order = xstrdup(w->handle);
	}
	a->certs[j->cert].flags |= CERT_ORDERED;
	TRY(order_keep(a, j, at_ms / 1000, e));
	return err_later(e, at_ms, "%s: it says later: %s", program_of(a, j), text);
}

static int fail(const struct agent *a, const struct job *j, enum enrol_outcome outcome,
		const char *text, struct err *e)
{
	static const struct {
		enum err_code code;
		const char *words;
	} ways[ENROL_OUTCOMES] = {
		[ENROL_REFUSED] = { ERR_REFUSED, "it refuses the request" },
		[ENROL_UNREACHABLE] = { ERR_NET, "it does not reach its CA" },
		[ENROL_UNFIT] = { ERR_CONFIG, "it cannot work as it is configured" },
		[ENROL_UNABLE] = { ERR_CONFIG, "a request is not enough for it" },
		[ENROL_FAILED] = { ERR_NET, "it has failed" }, /* it is the peer */
	};

	return err_set(e, ways[outcome].code, "%s: %s: %s", program_of(a, j),
		       ways[outcome].words, text);
}

static int read_all(int fd, char *data, size_t *len, struct err *e)
{
	size_t at = 0;
	ssize_t n;

	while (at < *len && (n = read(fd, data + at, *len - at)) != 0) {
		if (n < 0 && errno != EINTR)
			return err_sys(e, "read");
		at += n < 0 ? 0 : (size_t)n;
	}
	*len = at;
	return 0;
}

/* The file may be another one than it was when the configuration was read. */
static int read_trust(int fd, struct buf *out, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *certs = NULL;
	AUTO_FREE char *data = xcalloc(LIMIT_TRUST + 1, 1);
	size_t len = LIMIT_TRUST + 1;
	struct stat st;
	struct err why;

	if (fd >= 0 && fstat(fd, &st) < 0)
		return err_sys(e, "look at it");
	if (fd < 0 || !S_ISREG(st.st_mode))
		return err_set(e, ERR_CONFIG, "it is no file that can be read");
	TRY(read_all(fd, data, &len, e));
	if (len > LIMIT_TRUST)
		return err_set(e, ERR_CONFIG,
			       "more than %d bytes: keep in it the CAs "
			       "of this issuer alone",
			       LIMIT_TRUST);
	if (x509_chain_from_pem(data, len, &certs, &why) < 0)
		return err_set(e, ERR_CONFIG, "%s", why.text);
	return x509_all_to_pem(certs, out, e);
}

/* What it is verified by: `trust`, else the last that came behind the leaf. A root is
 * for those who trust it, servers do not send it. */
static int take_anchors(const struct agent *a, struct job *j, STACK_OF(X509) * chain,
			int trust, struct err *e)
{
	const char *path = spec_text(a->spec, issuer_of(a, j)->trust);
	const int n = sk_X509_num(chain);
	X509 *last = sk_X509_value(chain, n - 1);

	if (path != NULL && read_trust(trust, &j->anchors, e) < 0)
		return err_wrap(e, "trust %s", path);
	if (path == NULL && n == 1)
		return err_set(e, ERR_CONFIG,
			       "the certificate came alone: let trust name the file of "
			       "its CA, or the program print that behind it");
	if (path == NULL)
		TRY(x509_to_pem(last, &j->anchors, e));
	if (n > 1 && X509_self_signed(last, 0) == 1)
		X509_free(sk_X509_pop(chain));
	return 0;
}

/* Whether there was one that is spoilt, or never one. */
static int no_chain(const char *said, const struct err *why, struct err *e)
{
	AUTO_BUF struct buf line = { 0 };

	if (strstr(said, "-----BEGIN CERTIFICATE-----") != NULL)
		return err_set(e, why->code, "what it prints: %s", why->text);
	if (said[0] == '\0')
		return err_set(e, why->code, "it exits with 0, but prints nothing");
	return err_set(e, why->code,
		       "it exits with 0, but prints no certificate: \"%s\"",
		       enrol_line(said, &line));
}

static int take_chain(const struct agent *a, struct job *j, const char *said, int trust,
		      struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *chain = NULL;
	struct err why;
	int n;

	if (x509_chain_from_pem(said, strlen(said), &chain, &why) < 0)
		return no_chain(said, &why, e);
	n = x509_order(chain, j->spki.data, j->spki.len);
	if (n == 0)
		return err_set(e, ERR_PROTO,
			       "what it prints (%d) has no certificate for the key of "
			       "the request",
			       sk_X509_num(chain));
	while (sk_X509_num(chain) > n)
		X509_free(sk_X509_pop(chain));
	TRY(take_anchors(a, j, chain, trust, e));
	return x509_all_to_pem(chain, &j->chain, e);
}

int exec_end(struct agent *a, struct job *j, struct msg *m, struct err *e)
{
	const int status = (int)msg_get_i64(m);
	const bool has_more = msg_get_u64(m) != 0;
	const int64_t ms = msg_get_i64(m);
	const char *text = msg_get_str(m), *said = msg_get_str(m);
	AUTO_FD int trust = msg_take_fd(m);
	struct enrol_answer w;

	TRY(msg_end(m, e));
	log_debug("%s: %s took %lld ms", j->name, program_of(a, j), (long long)ms);
	if (has_more)
		return err_set(e, ERR_LIMIT, "%s: more than %d bytes on its stdout",
			       program_of(a, j), LIMIT_ENROL_SAID);
	if (enrol_judge((enum enrol_dialect)issuer_of(a, j)->dialect, status, said, &w,
			e) < 0)
		return err_wrap(e, "%s", program_of(a, j));
	if (w.outcome == ENROL_LATER)
		return come_back(a, j, &w, text, e);
	if (w.outcome != ENROL_DONE)
		return fail(a, j, w.outcome, text, e);
	if (take_chain(a, j, said, trust, e) < 0)
		return err_wrap(e, "%s", program_of(a, j));
	return 0;
}
