#include "agent/worker/worker_crl.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/role/crlcall.h"
#include "agent/role/messages.h"
#include "agent/role/version.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/x509.h"
#include "ca/crl_fetch.h"

#define PIECE (128 * 1024)

/* A list on its way into the keeper's file. */
struct task {
	const struct crl_ask *ask; /* borrowed */
	int file;
	uint64_t n;            /* octets that are in it */
	struct crl_scan *scan; /* owned */
};

static int write_on(void *arg, const void *der, size_t len, struct err *e)
{
	struct task *t = arg;
	const char *at = der;

	t->n += len;
	TRY(file_room(t->file, t->n, 1, e));
	while (len > 0) {
		const ssize_t n = write(t->file, at, len);

		if (n < 0)
			return err_sys(e, "write CRL");
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static int scan_on(void *arg, const void *data, size_t len, struct err *e)
{
	const struct task *t = arg;

	return crl_scan_feed(t->scan, data, len, e);
}

/* What is in the file already is read, and written over by as much or less of DER: never
 * ahead of what is read. */
static int scan_file(struct task *t, struct err *e)
{
	AUTO_FREE char *piece = xcalloc(1, PIECE);
	uint64_t at = 0;
	ssize_t n;

	while ((n = pread(t->file, piece, PIECE, (off_t)at)) > 0) {
		at += (uint64_t)n;
		if (at > t->ask->max_size)
			return err_set(e, ERR_LIMIT,
				       "it is larger than max_size, %llu octets",
				       (unsigned long long)t->ask->max_size);
		TRY(scan_on(t, piece, (size_t)n, e));
	}
	return n < 0 ? err_sys(e, "read CRL") : 0;
}

static int fetch(struct task *t, struct http_reply *reply, struct err *e)
{
	const struct crl_fetch f = {
		.url = t->ask->url,
		.user_agent = "everleaf/" EVERLEAF_VERSION,
		.etag = t->ask->etag,
		.last_modified = t->ask->last_modified,
		.local = t->ask->local,
		.max_size = t->ask->max_size,
		.sink = scan_on,
		.sink_arg = t,
	};

	return crl_fetch(&f, reply, e);
}

static const char *version_of(const struct http_reply *reply, const char *name)
{
	const char *v = http_header(reply, name, NULL);

	return v == NULL || strlen(v) > LIMIT_CRL_VERSION ? "" : v;
}

static int look(struct task *t, struct http_reply *reply, struct crl_answer *answer,
		struct err *e)
{
	const struct crl_hit *hits;

	if (lseek(t->file, 0, SEEK_SET) < 0)
		return err_sys(e, "begin to write CRL");
	if (strncmp(t->ask->url, "file:", 5) == 0)
		TRY(scan_file(t, e));
	else
		TRY(fetch(t, reply, e));
	answer->etag = version_of(reply, "etag");
	answer->last_modified = version_of(reply, "last-modified");
	if (reply->status == 304) {
		answer->verdict = CRL_UNCHANGED;
		return 0;
	}
	TRY(crl_scan_end(t->scan, t->file, &answer->facts, e));
	answer->verdict =
	    answer->facts.unverified[0] == '\0' ? CRL_GOOD : CRL_UNVERIFIED;
	hits = crl_scan_hits(t->scan, &answer->n_hits);
	if (answer->n_hits == 0)
		return 0;
	answer->hits = xcalloc(answer->n_hits, sizeof(*answer->hits));
	memcpy(answer->hits, hits, answer->n_hits * sizeof(*answer->hits));
	return 0;
}

static int begin(struct task *t, X509 *ca, struct err *e)
{
	struct crl_want want = {
		.ca = ca,
		.now = clock_now(),
		.covers = t->ask->covers,
		.indirect = t->ask->indirect,
		.points = t->ask->points,
		.n_points = t->ask->n_points,
		.floor = t->ask->floor,
		.serials = t->ask->serials,
		.n_serials = t->ask->n_serials,
	};

	memcpy(want.scope, t->ask->scope, sizeof(want.scope));
	return crl_scan_new(&want, write_on, t, &t->scan, e);
}

static int run(const struct crl_ask *ask, int file, struct msg *m, struct err *e)
{
	const uint32_t id = m->id;
	const unsigned char *der = ask->ca;
	AUTO_X509 X509 *ca = d2i_X509(NULL, &der, (long)ask->ca_len);
	AUTO_HTTP_REPLY struct http_reply reply = { 0 };
	struct task t = { .ask = ask, .file = file };
	struct crl_answer answer = { .hits = NULL };
	int rc;

	if (file < 0)
		return err_set(e, ERR_PROTO, "there is no file for the CRL");
	if (ca == NULL)
		return key_openssl_err(e, ERR_CONFIG, "the CA's certificate");
	rc = begin(&t, ca, e);
	if (rc == 0)
		rc = look(&t, &reply, &answer, e);
	if (rc == 0) {
		msg_begin(m, WORKER_CRL, id);
		crlcall_answer(m, &answer);
	}
	crl_scan_free(t.scan);
	free(answer.hits);
	return rc;
}

int worker_crl(void *worker, struct msg *m, struct err *e)
{
	AUTO_FD int file = msg_take_fd(m);
	struct crl_ask ask;
	int rc;

	(void)worker;
	TRY(crlcall_asked(m, &ask, e));
	rc = run(&ask, file, m, e);
	free(ask.points);
	free(ask.serials);
	return rc < 0 ? rc : 0;
}
