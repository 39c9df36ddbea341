#include "agent/probe/probe.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "agent/net/probe_address.h"
#include "agent/probe/probe_starttls.h"
#include "agent/probe/probe_tls.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"

#define ATTEMPT_MS 5000 /* connect, dialog and handshake with one address */
#define ROUND_MS   200  /* between two handshakes with the same address */

/* What one address has shown so far. */
struct face {
	struct probe_address address;
	unsigned rows; /* the wanted leaf, so many times in a row */
	bool no_route; /* from this host: it cannot be judged */
	bool other;    /* once something else than the wanted leaf, namely: */
	enum probe_verdict verdict;
	enum probe_chain chain; /* with the wanted leaf */
	uint8_t seen[32];
	char why[160];
};

struct probe {
	const struct probe_request *request;
	SSL_CTX *ctx;
	int64_t until_ms;
	int64_t stale_ms; /* until then another leaf may be shown */
	struct face faces[PROBE_ADDRESS_MAX];
	size_t n;
};

static int look(const struct probe *p, const struct probe_address *a, int but,
		struct probe_leaf *leaf, struct err *e)
{
	int64_t until_ms = clock_boot_ms() + ATTEMPT_MS;
	AUTO_FD int fd = -1;

	if (p->request->deadline_ms != 0 && until_ms > p->until_ms)
		until_ms = p->until_ms;
	TRY(probe_connect(a, until_ms, &fd, e));
	TRY(probe_starttls(fd, p->request->proto, p->request->name, until_ms, e));
	return probe_tls_leaf(p->ctx, fd, p->request->name, until_ms, but, leaf, e);
}

static bool same(const uint8_t a[32], const uint8_t b[32])
{
	return memcmp(a, b, 32) == 0;
}

static bool is_old(const struct probe *p, const uint8_t sha256[32])
{
	static const uint8_t none[32];

	return !same(p->request->old, none) && same(p->request->old, sha256);
}

static bool is_ours(const struct probe *p, const uint8_t sha256[32])
{
	return same(p->request->wanted, sha256) || is_old(p, sha256);
}

/* A server may have a certificate for each kind of key, of which it shows one. */
static int look_for_ours(const struct probe *p, const struct probe_address *a,
			 struct probe_leaf *leaf, struct err *e)
{
	struct probe_leaf other;
	struct err none;

	TRY(look(p, a, 0, leaf, e));
	if (!is_ours(p, leaf->sha256) && leaf->kind != 0 &&
	    look(p, a, leaf->kind, &other, &none) == 0 && is_ours(p, other.sha256))
		*leaf = other;
	return 0;
}

static void saw(struct face *f, enum probe_verdict verdict, const uint8_t seen[32],
		const char *why)
{
	f->rows = 0;
	f->other = true;
	f->verdict = verdict;
	memcpy(f->seen, seen, sizeof(f->seen));
	snprintf(f->why, sizeof(f->why), "%.*s", (int)sizeof(f->why) - 1, why);
}

/* The deadline ended an attempt that might have come to something: what was seen before
 * says more. */
static bool cut_short(const struct probe *p, const struct face *f)
{
	return p->request->deadline_ms != 0 && clock_boot_ms() >= p->until_ms &&
	       (f->other || f->rows > 0);
}

static void look_once(const struct probe *p, struct face *f)
{
	static const uint8_t none[32];
	struct probe_leaf leaf;
	struct err e;

	if (look_for_ours(p, &f->address, &leaf, &e) != 0) {
		if (cut_short(p, f))
			return;
		f->no_route = e.sysno == ENETUNREACH || e.sysno == EAFNOSUPPORT;
		saw(f, PROBE_DOWN, none, e.text);
		return;
	}
	f->no_route = false;
	f->chain = p->request->chained ? leaf.chain : CHAIN_WHOLE;
	if (same(leaf.sha256, p->request->wanted))
		f->rows++;
	else if (is_old(p, leaf.sha256))
		saw(f, PROBE_OLD, leaf.sha256, "the certificate from before");
	else
		saw(f, PROBE_OTHER, leaf.sha256, "some other certificate");
}

/* Every address that can be reached from here has shown it `rows` times in a row. */
static bool all_new(const struct probe *p, unsigned rows)
{
	size_t judged = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (p->faces[i].no_route)
			continue;
		if (p->faces[i].rows < rows)
			return false;
		judged++;
	}
	return judged > 0;
}

static bool better_reason(const struct face *f, const struct face *than)
{
	if (than == NULL || f->no_route != than->no_route)
		return than == NULL || than->no_route;
	return f->verdict > than->verdict;
}

/* Each address that does not show it answers, and has had its time. */
static bool stays_stale(const struct probe *p)
{
	bool any = false;

	for (size_t i = 0; i < p->n; i++) {
		const struct face *f = &p->faces[i];

		if (f->rows > 0 || f->no_route)
			continue;
		if (f->verdict == PROBE_DOWN)
			return false;
		any = true;
	}
	return any && clock_boot_ms() >= p->stale_ms;
}

/* The address that decides: of those that have shown something else, the worst; an
 * address without a route only if there is no other. */
static const struct face *worst(const struct probe *p, unsigned rows)
{
	const struct face *w = NULL;

	for (size_t i = 0; i < p->n; i++) {
		const struct face *f = &p->faces[i];

		if (f->other && (f->rows < rows || f->no_route) && better_reason(f, w))
			w = f;
	}
	return w;
}

/* An address of those that have shown the wanted leaf. */
static void conclude_new(const struct probe *p, struct probe_result *out)
{
	static const char *const words[PROBE_CHAINS] = {
		[CHAIN_WHOLE] = "",
		[CHAIN_NONE] = ", without its chain",
		[CHAIN_OTHER] = ", with another chain",
	};
	const struct face *w = &p->faces[0];

	for (size_t i = 1; i < p->n; i++)
		if (!p->faces[i].no_route && p->faces[i].chain > w->chain)
			w = &p->faces[i];
	out->chain = w->chain;
	memcpy(out->seen, p->request->wanted, sizeof(out->seen));
	snprintf(out->detail, sizeof(out->detail), "%s: the wanted certificate%s",
		 w->address.text, words[w->chain]);
}

static void conclude(const struct probe *p, unsigned rows, struct probe_result *out)
{
	const struct face *w = all_new(p, rows) ? NULL : worst(p, rows);

	*out = (struct probe_result){ .verdict = PROBE_NEW };
	if (w == NULL) { /* never anything but the wanted leaf */
		conclude_new(p, out);
		return;
	}
	out->verdict = w->verdict;
	memcpy(out->seen, w->seen, sizeof(out->seen));
	snprintf(out->detail, sizeof(out->detail), "%.120s: %.130s", w->address.text,
		 w->why);
}

static void rounds(struct probe *p, struct probe_result *out)
{
	unsigned rows = p->request->deadline_ms == 0 ? 1 : PROBE_ROWS;
	int64_t left;

	for (;;) {
		for (size_t i = 0; i < p->n; i++)
			look_once(p, &p->faces[i]);
		left = p->until_ms - clock_boot_ms();
		if (all_new(p, rows) || stays_stale(p) || left <= 0)
			break;
		(void)poll(NULL, 0, left < ROUND_MS ? (int)left : ROUND_MS);
	}
	conclude(p, rows, out);
}

static int begin(struct probe *p, struct err *e)
{
	struct probe_address found[PROBE_ADDRESS_MAX];

	TRY(probe_tls_new(&p->ctx, e));
	TRY(probe_resolve(p->request->host, p->request->port, found, &p->n, e));
	for (size_t i = 0; i < p->n; i++)
		p->faces[i].address = found[i];
	return 0;
}

void probe_endpoint(const struct probe_request *r, struct probe_result *out)
{
	const int64_t now = clock_boot_ms();
	struct probe p = { .request = r,
			   .until_ms = now + r->deadline_ms,
			   .stale_ms = now + r->stale_ms };
	struct err e;

	if (begin(&p, &e) == 0) {
		rounds(&p, out);
	} else {
		*out = (struct probe_result){ .verdict = PROBE_DOWN };
		snprintf(out->detail, sizeof(out->detail), "%.200s", e.text);
	}
	SSL_CTX_free(p.ctx);
}
