/* due: what is to be done about one certificate, and when. Times are counted from the
 * notBefore of what is live. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/role/spec.h"
#include "agent/rule/due.h"
#include "agent/rule/schedule.h"

#define M    60LL
#define H    3600LL
#define D    86400LL
#define Y    (365 * D)
#define BORN 1795235000 /* 2026-11-21T04:23:20Z */

#define HELD  (1u << 30) /* of the rows only: a held generation, good for a year */
#define NAMES 0x5ca1ab1eu

struct world {
	struct spec_cert spec;
	uint32_t issuers[2];
	struct cert cert;
};

static void other_names(struct world *w)
{
	w->cert.names_hash++;
}

/* The live one has not got an optional name, which is tried again then. */
static void retaken_in_a_day(struct world *w)
{
	w->cert.retake_at = BORN + D;
}

static void retaken_at_last(struct world *w)
{
	w->cert.retake_at = BORN + 80 * D;
}

static void other_key(struct world *w)
{
	w->cert.key = KEY_RSA_2048;
}

static void other_issuer(struct world *w)
{
	w->cert.issuer = 9;
}

static void fallback_issuer(struct world *w)
{
	w->cert.issuer = 4;
}

static void unknown_issuer(struct world *w)
{
	w->cert.issuer = SPEC_NOBODY;
}

static void no_client_usage(struct world *w)
{
	w->spec.usage = USAGE_SERVER | USAGE_CLIENT;
}

static void more_usage(struct world *w)
{
	w->cert.usage = USAGE_SERVER | USAGE_CLIENT;
}

static void all_differs(struct world *w)
{
	other_names(w);
	other_key(w);
	other_issuer(w);
	no_client_usage(w);
}

static void key_issuer_usage(struct world *w)
{
	other_key(w);
	other_issuer(w);
	no_client_usage(w);
}

static void issuer_usage(struct world *w)
{
	other_issuer(w);
	no_client_usage(w);
}

static void own_csr(struct world *w)
{
	w->spec.csr.at = 77;
}

static void own_csr_other_names(struct world *w)
{
	own_csr(w);
	other_names(w);
}

static void drift_is_reported(struct world *w)
{
	w->spec.on_drift = DRIFT_REPORT;
}

static void not_drawn(struct world *w)
{
	w->cert.renew_at = 0;
}

static void not_drawn_before_30d(struct world *w)
{
	w->cert.renew_at = 0;
	w->spec.before_s = 30 * D + 5;
}

static void drawn_too_late(struct world *w)
{
	w->cert.renew_at = INT64_MAX;
}

static void came_late(struct world *w)
{
	w->cert.renew_at = BORN + 87 * D;
}

static void rolled_back_late(struct world *w)
{
	w->cert.renew_at = BORN + 85 * D + 12 * H;
}

static void held_expired(struct world *w)
{
	w->cert.held_not_after = BORN + 10 * D;
}

static void held_other(struct world *w)
{
	w->cert.flags &= ~CERT_HELD_GOOD;
}

static void no_facts(struct world *w)
{
	w->cert.not_before = w->cert.not_after = w->cert.renew_at = 0;
	w->cert.names_hash = w->cert.key = w->cert.usage = 0;
	w->cert.issuer = SPEC_NOBODY;
}

static void ends_before_it_begins(struct world *w)
{
	w->cert.not_after = BORN - D;
	w->cert.renew_at = 0;
}

static void all_of_time(struct world *w)
{
	w->cert.not_before = INT64_MIN;
	w->cert.not_after = INT64_MAX;
	w->cert.renew_at = INT64_MAX;
}

static void waits_for_ever(struct world *w)
{
	w->cert.retry_at = INT64_MAX;
}

static void waited_since_ever(struct world *w)
{
	w->cert.retry_at = INT64_MIN;
}

static void ari(struct world *w, int64_t at, int64_t end)
{
	w->cert.ari_at = BORN + at;
	w->cert.ari_end = BORN + end;
}

static void window_sooner(struct world *w)
{
	ari(w, 40 * D, 41 * D);
}

static void window_later(struct world *w)
{
	ari(w, 70 * D, 71 * D);
}

static void window_too_late(struct world *w)
{
	ari(w, 89 * D, 90 * D);
}

static void window_over(struct world *w)
{
	ari(w, -H, -H / 2);
}

static void window_and_other_names(struct world *w)
{
	window_over(w);
	other_names(w);
}

#define P CERT_PRESENT

static const struct row {
	const char *name;
	int64_t life;   /* its moment is drawn as two thirds, half below 10 d */
	int64_t now;    /* since notBefore */
	int64_t retry;  /* since notBefore; 0: not set */
	uint32_t flags; /* with HELD */
	void (*tweak)(struct world *w);
	enum why why;
	int64_t at; /* since notBefore */
} rows[] = {
	/* its age */
	{ "new", 90 * D, 0, 0, P, NULL, WHY_EXPIRING, 60 * D },
	{ "in its prime", 90 * D, 30 * D, 0, P, NULL, WHY_EXPIRING, 60 * D },
	{ "a second early", 90 * D, 60 * D - 1, 0, P, NULL, WHY_EXPIRING, 60 * D },
	{ "its moment", 90 * D, 60 * D, 0, P, NULL, WHY_EXPIRING, 60 * D },
	{ "past its moment", 90 * D, 70 * D, 0, P, NULL, WHY_EXPIRING, 70 * D },
	{ "last second", 90 * D, 90 * D, 0, P, NULL, WHY_EXPIRING, 90 * D },
	{ "expired", 90 * D, 91 * D, 0, P, NULL, WHY_EXPIRING, 91 * D },
	{ "expired for years", 90 * D, 9 * Y, 0, P, NULL, WHY_EXPIRING, 9 * Y },
	{ "not yet valid", 90 * D, -2 * D, 0, P, NULL, WHY_EXPIRING, 60 * D },
	{ "the clock is at 1970", 90 * D, -BORN, 0, P, NULL, WHY_EXPIRING, 60 * D },
	{ "a day ahead", 90 * D, -D, 0, P | CERT_BEGUN, NULL, WHY_EXPIRING, 60 * D },
	{ "got by a clock that was ahead", 90 * D, -D - 1, 0, P | CERT_BEGUN, NULL,
	  WHY_EXPIRING, -D - 1 },
	{ "... by years, and there is a window", 90 * D, -9 * Y, 0, P | CERT_BEGUN,
	  window_sooner, WHY_EXPIRING, -9 * Y },
	{ "... and it failed", 90 * D, -9 * Y, H - 9 * Y, P | CERT_BEGUN, NULL,
	  WHY_EXPIRING, H - 9 * Y },
	{ "... and hooks are owed", 90 * D, -9 * Y, 0,
	  P | CERT_BEGUN | CERT_HOOKS_PENDING, NULL, WHY_EXPIRING, -9 * Y },
	{ "5 minutes, new", 5 * M, 0, 0, P, NULL, WHY_EXPIRING, 150 },
	{ "5 minutes, half", 5 * M, 150, 0, P, NULL, WHY_EXPIRING, 150 },
	{ "5 minutes, over", 5 * M, 301, 0, P, NULL, WHY_EXPIRING, 301 },
	{ "1 hour", H, M, 0, P, NULL, WHY_EXPIRING, 30 * M },
	{ "1 day", D, H, 0, P, NULL, WHY_EXPIRING, 12 * H },
	{ "6 days", 6 * D, D, 0, P, NULL, WHY_EXPIRING, 3 * D },
	{ "10 days", 10 * D, D, 0, P, NULL, WHY_EXPIRING, 576000 },
	{ "47 days", 47 * D, D, 0, P, NULL, WHY_EXPIRING, 2707200 },
	{ "1 year", Y, 30 * D, 0, P, NULL, WHY_EXPIRING, 21024000 },
	{ "10 years", 10 * Y, Y, 0, P, NULL, WHY_EXPIRING, 210240000 },
	{ "10 years, due", 10 * Y, 7 * Y, 0, P, NULL, WHY_EXPIRING, 7 * Y },
	/* its moment */
	{ "not drawn yet", 90 * D, D, 0, P, not_drawn, WHY_EXPIRING, 60 * D },
	{ "not drawn, of 5 min", 5 * M, 1, 0, P, not_drawn, WHY_EXPIRING, 150 },
	{ "not drawn, `before`", 90 * D, D, 0, P, not_drawn_before_30d, WHY_EXPIRING,
	  60 * D - 5 },
	{ "was due when it came", 90 * D, 86 * D, 0, P, came_late, WHY_EXPIRING,
	  87 * D },
	{ "drawn too late", 90 * D, D, 0, P, drawn_too_late, WHY_EXPIRING,
	  85 * D + 12 * H },
	{ "ends before it begins", 90 * D, 0, 0, P, ends_before_it_begins, WHY_EXPIRING,
	  0 },
	{ "ends before it begins, later", 90 * D, -2 * D, 0, P, ends_before_it_begins,
	  WHY_EXPIRING, -D },
	{ "ended before it began", 90 * D, D, 0, P, ends_before_it_begins, WHY_EXPIRING,
	  D },
	/* the window of its CA, RFC 9773 */
	{ "a window sooner", 90 * D, 30 * D, 0, P, window_sooner, WHY_ARI, 40 * D },
	{ "a second early for it", 90 * D, 40 * D - 1, 0, P, window_sooner, WHY_ARI,
	  40 * D },
	{ "in the window", 90 * D, 40 * D + H, 0, P, window_sooner, WHY_ARI,
	  40 * D + H },
	{ "past the window", 90 * D, 50 * D, 0, P, window_sooner, WHY_ARI, 50 * D },
	{ "a window later", 90 * D, 60 * D + H, 0, P, window_later, WHY_ARI, 70 * D },
	{ "a window too late", 90 * D, D, 0, P, window_too_late, WHY_EXPIRING,
	  85 * D + 12 * H },
	{ "a window before its birth", 90 * D, D, 0, P, window_over, WHY_ARI, D },
	{ "a window and a retry", 90 * D, D, D + H, P, window_over, WHY_ARI, D + H },
	{ "a window and hooks owed", 90 * D, D, 0, P | CERT_HOOKS_PENDING, window_over,
	  WHY_ARI, D },
	{ "a window and names", 90 * D, D, 0, P, window_and_other_names,
	  WHY_NAMES_DIFFER, D },
	{ "a window, and revoked", 90 * D, D, 0, P | CERT_REVOKED, window_sooner,
	  WHY_REVOKED, D },
	/* unusable */
	{ "missing", 90 * D, D, 0, 0, no_facts, WHY_MISSING, D },
	{ "missing, all flags up", 90 * D, D, 0, ~P & ~HELD, no_facts, WHY_MISSING, D },
	{ "missing, retry", 90 * D, D, 2 * D, 0, no_facts, WHY_MISSING, 2 * D },
	{ "revoked", 90 * D, D, 0, P | CERT_REVOKED, NULL, WHY_REVOKED, D },
	{ "revoked and mismatched", 90 * D, D, 0, P | CERT_REVOKED | CERT_DAMAGED, NULL,
	  WHY_REVOKED, D },
	{ "revoked and unreadable", 90 * D, D, 0, P | CERT_REVOKED | CERT_UNREADABLE,
	  no_facts, WHY_REVOKED, D },
	{ "revoked and expired", 90 * D, 91 * D, 0, P | CERT_REVOKED, NULL, WHY_REVOKED,
	  91 * D },
	{ "revoked and rolled back to", 90 * D, D, 0,
	  P | CERT_REVOKED | CERT_ROLLED_BACK, NULL, WHY_REVOKED, D },
	{ "revoked, and its CA", 90 * D, D, 0, P | CERT_REVOKED | CERT_CA_REVOKED, NULL,
	  WHY_REVOKED, D },
	{ "its CA is revoked", 90 * D, D, 0, P | CERT_CA_REVOKED, NULL, WHY_UNTRUSTED,
	  D },
	{ "its CA is revoked, rolled back to", 90 * D, D, 0,
	  P | CERT_CA_REVOKED | CERT_ROLLED_BACK, NULL, WHY_UNTRUSTED, D },
	{ "unreadable", 90 * D, D, 0, P | CERT_UNREADABLE, no_facts, WHY_UNTRUSTED, D },
	{ "mismatched", 90 * D, D, 0, P | CERT_DAMAGED, NULL, WHY_UNTRUSTED, D },
	{ "mismatched, other names", 90 * D, D, 0, P | CERT_DAMAGED, other_names,
	  WHY_UNTRUSTED, D },
	{ "mismatched, rolled back to", 90 * D, D, 0,
	  P | CERT_DAMAGED | CERT_ROLLED_BACK, NULL, WHY_UNTRUSTED, D },
	/* another than the configuration asks for */
	{ "other names", 90 * D, D, 0, P, other_names, WHY_NAMES_DIFFER, D },
	{ "a name is left out", 90 * D, H, 0, P, retaken_in_a_day, WHY_NAMES_DIFFER,
	  D },
	{ "its time has come", 90 * D, 2 * D, 0, P, retaken_in_a_day, WHY_NAMES_DIFFER,
	  2 * D },
	{ "left out till after its moment", 90 * D, D, 0, P, retaken_at_last,
	  WHY_EXPIRING, 60 * D },
	{ "left out, and its moment", 90 * D, 60 * D, 0, P, retaken_in_a_day,
	  WHY_EXPIRING, 60 * D },
	{ "left out, and it failed", 90 * D, 2 * D, 3 * D, P, retaken_in_a_day,
	  WHY_NAMES_DIFFER, 3 * D },
	{ "left out, and files", 90 * D, H, 0, P | CERT_FILES_DIFFER, retaken_in_a_day,
	  WHY_FILES_DIFFER, H },
	{ "other names, expired", 90 * D, 91 * D, 0, P, other_names, WHY_NAMES_DIFFER,
	  91 * D },
	{ "other key", 90 * D, D, 0, P, other_key, WHY_KEY_DIFFERS, D },
	{ "other issuer", 90 * D, D, 0, P, other_issuer, WHY_ISSUER_DIFFERS, D },
	{ "fallback issuer", 90 * D, D, 0, P, fallback_issuer, WHY_EXPIRING, 60 * D },
	{ "unknown issuer", 90 * D, D, 0, P, unknown_issuer, WHY_EXPIRING, 60 * D },
	{ "a usage lacks", 90 * D, D, 0, P, no_client_usage, WHY_PROFILE_DIFFERS, D },
	{ "a usage more", 90 * D, D, 0, P, more_usage, WHY_EXPIRING, 60 * D },
	{ "names before key", 90 * D, D, 0, P, all_differs, WHY_NAMES_DIFFER, D },
	{ "key before issuer", 90 * D, D, 0, P, key_issuer_usage, WHY_KEY_DIFFERS, D },
	{ "issuer before usage", 90 * D, D, 0, P, issuer_usage, WHY_ISSUER_DIFFERS, D },
	{ "names before asked", 90 * D, D, 0, P | CERT_ASKED, other_names,
	  WHY_NAMES_DIFFER, D },
	{ "a csr of one's own", 90 * D, D, 0, P, own_csr, WHY_EXPIRING, 60 * D },
	{ "a csr, other names", 90 * D, D, 0, P, own_csr_other_names, WHY_NAMES_DIFFER,
	  D },
	{ "a csr, other key", 90 * D, D, 0, P | CERT_KEY_OTHER, own_csr,
	  WHY_KEY_DIFFERS, D },
	/* rolled back by hand */
	{ "rolled back", 90 * D, D, 0, P | CERT_ROLLED_BACK, NULL, WHY_EXPIRING,
	  60 * D },
	{ "rolled back, all differs", 90 * D, D, 0, P | CERT_ROLLED_BACK, all_differs,
	  WHY_EXPIRING, 60 * D },
	{ "rolled back, held", 90 * D, D, 0, P | CERT_ROLLED_BACK | HELD, NULL,
	  WHY_EXPIRING, 60 * D },
	{ "rolled back, its moment", 90 * D, 60 * D, 0, P | CERT_ROLLED_BACK | HELD,
	  NULL, WHY_EXPIRING, 60 * D },
	{ "rolled back late", 90 * D, 61 * D, 0, P | CERT_ROLLED_BACK, rolled_back_late,
	  WHY_EXPIRING, 85 * D + 12 * H },
	{ "rolled back, asked", 90 * D, D, 0, P | CERT_ROLLED_BACK | CERT_ASKED, NULL,
	  WHY_ASKED, D },
	{ "rolled back, files differ", 90 * D, D, 0,
	  P | CERT_ROLLED_BACK | CERT_FILES_DIFFER, NULL, WHY_FILES_DIFFER, D },
	{ "rolled back, hooks owed", 90 * D, D, 0,
	  P | CERT_ROLLED_BACK | CERT_HOOKS_PENDING, NULL, WHY_NOT_SERVED, D },
	/* held */
	{ "held", 90 * D, D, 0, P | HELD, NULL, WHY_ASKED, D },
	{ "held, retry", 90 * D, D, D + H, P | HELD, NULL, WHY_ASKED, D + H },
	{ "held for its age", 90 * D, 61 * D, 61 * D + H, P | HELD, NULL, WHY_EXPIRING,
	  61 * D + H },
	{ "held for other names", 90 * D, D, D + H, P | HELD, other_names,
	  WHY_NAMES_DIFFER, D + H },
	{ "held, nothing live", 90 * D, D, D + H, HELD, no_facts, WHY_MISSING, D + H },
	{ "held, expired since", 90 * D, 11 * D, 0, P | HELD, held_expired,
	  WHY_EXPIRING, 60 * D },
	{ "held, expires before retry", 90 * D, 9 * D, 11 * D, P | HELD, held_expired,
	  WHY_EXPIRING, 60 * D },
	{ "held, no longer wanted", 90 * D, D, 0, P | HELD, held_other, WHY_EXPIRING,
	  60 * D },
	/* asked */
	{ "asked", 90 * D, D, 0, P | CERT_ASKED, NULL, WHY_ASKED, D },
	{ "asked at its moment", 90 * D, 60 * D, 0, P | CERT_ASKED, NULL, WHY_EXPIRING,
	  60 * D },
	{ "asked while hooks are owed", 90 * D, D, 0,
	  P | CERT_ASKED | CERT_FILES_DIFFER | CERT_HOOKS_PENDING, NULL, WHY_ASKED, D },
	{ "asked, retry", 90 * D, D, D + M, P | CERT_ASKED, NULL, WHY_ASKED, D + M },
	{ "an order is under way", 90 * D, D, 0, P | CERT_ORDERED, NULL, WHY_ASKED, D },
	{ "a CA has an order, and wants time", 90 * D, D, D + H, P | CERT_ORDERED, NULL,
	  WHY_ASKED, D + H },
	{ "a CA wants time, and there is none yet", 90 * D, D, D + H, 0, NULL,
	  WHY_MISSING, D + H },
	{ "a CA wants time, and it is not due", 90 * D, D, D + H, P, NULL, WHY_EXPIRING,
	  60 * D },
	/* files, hooks, proof */
	{ "files differ", 90 * D, D, 0, P | CERT_FILES_DIFFER, NULL, WHY_FILES_DIFFER,
	  D },
	{ "files differ by what is trusted now", 90 * D, D, 0,
	  P | CERT_FILES_DIFFER | CERT_ROOTS, NULL, WHY_ROOTS_CHANGED, D },
	{ "files hold a newer pair", 90 * D, D, 0, P | CERT_FILES_DIFFER | CERT_FOREIGN,
	  NULL, WHY_EXPIRING, 60 * D },
	{ "... at its moment", 90 * D, 60 * D, 0, P | CERT_FILES_DIFFER | CERT_FOREIGN,
	  NULL, WHY_EXPIRING, 60 * D },
	{ "put there by hand, and all differs", 90 * D, D, 0, P | CERT_BY_HAND,
	  all_differs, WHY_EXPIRING, 60 * D },
	{ "put there by hand, revoked", 90 * D, D, 0, P | CERT_BY_HAND | CERT_REVOKED,
	  NULL, WHY_REVOKED, D },
	{ "files differ, reported", 90 * D, D, 0, P | CERT_FILES_DIFFER,
	  drift_is_reported, WHY_EXPIRING, 60 * D },
	{ "reported, and hooks owed", 90 * D, D, 0,
	  P | CERT_FILES_DIFFER | CERT_HOOKS_PENDING, drift_is_reported, WHY_NOT_SERVED,
	  D },
	{ "files before hooks", 90 * D, D, 0, P | CERT_FILES_DIFFER | CERT_NOT_SERVED,
	  NULL, WHY_FILES_DIFFER, D },
	{ "files differ at its moment", 90 * D, 60 * D, 0, P | CERT_FILES_DIFFER, NULL,
	  WHY_EXPIRING, 60 * D },
	{ "hooks owed", 90 * D, D, 0, P | CERT_HOOKS_PENDING, NULL, WHY_NOT_SERVED, D },
	{ "hooks owed, retry", 90 * D, D, D + 2 * M, P | CERT_HOOKS_PENDING, NULL,
	  WHY_NOT_SERVED, D + 2 * M },
	{ "hooks owed at its moment", 90 * D, 60 * D, 0, P | CERT_HOOKS_PENDING, NULL,
	  WHY_EXPIRING, 60 * D },
	{ "not served", 90 * D, D, 0, P | CERT_NOT_SERVED, NULL, WHY_NOT_SERVED, D },
	/* held back */
	{ "retry has passed", 90 * D, 70 * D, 69 * D, P, NULL, WHY_EXPIRING, 70 * D },
	{ "retry is now", 90 * D, 70 * D, 70 * D, P, NULL, WHY_EXPIRING, 70 * D },
	{ "retry holds back", 90 * D, 70 * D, 70 * D + H, P, NULL, WHY_EXPIRING,
	  70 * D + H },
	{ "retry holds a revoked one back", 90 * D, D, D + H, P | CERT_REVOKED, NULL,
	  WHY_REVOKED, D + H },
	{ "retry changes no later moment", 90 * D, D, 2 * D, P, NULL, WHY_EXPIRING,
	  60 * D },
	{ "the moment comes before retry", 90 * D, 60 * D - M, 60 * D + M, P, NULL,
	  WHY_EXPIRING, 60 * D + M },
	{ "... and is then the reason", 90 * D, 60 * D - M, 60 * D + M,
	  P | CERT_NOT_SERVED, NULL, WHY_EXPIRING, 60 * D + M },
	{ "a week is held back", 90 * D, 70 * D, 78 * D, P, NULL, WHY_EXPIRING,
	  78 * D },
	{ "more makes no sense", 90 * D, 70 * D, 78 * D + 1, P, NULL, WHY_EXPIRING,
	  70 * D },
	{ "for ever makes none", 90 * D, D, 0, P | CERT_ASKED, waits_for_ever,
	  WHY_ASKED, D },
	{ "since ever", 90 * D, D, 0, P | CERT_ASKED, waited_since_ever, WHY_ASKED, D },
};

static struct world world_of(const struct row *r)
{
	int64_t moment = r->life < 10 * D ? r->life / 2 : r->life - r->life / 3;
	struct world w = {
		.spec = { .names_hash = NAMES,
			  .issuers = { .first = 0, .n = 2 },
			  .key = KEY_ECDSA_P256,
			  .usage = USAGE_SERVER,
			  .on_drift = DRIFT_REPAIR },
		.issuers = { 3, 4 },
		.cert = { .not_before = BORN,
			  .not_after = BORN + r->life,
			  .renew_at = BORN + moment,
			  .retry_at = r->retry == 0 ? 0 : BORN + r->retry,
			  .names_hash = NAMES,
			  .generation = 17,
			  .flags = r->flags & ~HELD,
			  .issuer = 3,
			  .key = KEY_ECDSA_P256,
			  .usage = USAGE_SERVER },
	};

	if (r->flags & HELD) {
		w.cert.held = 18;
		w.cert.held_not_after = BORN + Y;
		w.cert.flags |= CERT_HELD_GOOD;
	}
	if (r->tweak != NULL)
		r->tweak(&w);
	return w;
}

static void a_certificate_has_one_reason_and_one_moment(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world w = world_of(&rows[i]);
		struct due d = due(&w.spec, w.issuers, &w.cert, BORN + rows[i].now);

		if (d.why != rows[i].why || d.at != BORN + rows[i].at)
			fail_msg("%s: %s at %lld, expected %s at %lld", rows[i].name,
				 why_word(d.why), (long long)(d.at - BORN),
				 why_word(rows[i].why), (long long)rows[i].at);
	}
}

static void what_is_due_later_is_due_then(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world w = world_of(&rows[i]);
		int64_t now = BORN + rows[i].now;
		struct due d = due(&w.spec, w.issuers, &w.cert, now);
		struct due then = due(&w.spec, w.issuers, &w.cert, d.at);

		if (d.at < now)
			fail_msg("%s: in the past", rows[i].name);
		if (then.at != d.at || then.why != d.why)
			fail_msg("%s: then %s at %lld", rows[i].name,
				 why_word(then.why), (long long)(then.at - BORN));
	}
}

static void no_date_is_too_large(void **state)
{
	static const int64_t nows[] = { INT64_MIN, -1, 0, BORN, INT64_MAX };
	static const struct row r = { "", 90 * D, 0, 0, P, NULL, WHY_NONE, 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(nows) / sizeof(nows[0]); i++) {
		struct world w = world_of(&r);
		struct due d;

		waits_for_ever(&w);
		d = due(&w.spec, w.issuers, &w.cert, nows[i]);
		assert_int_equal(d.why, WHY_EXPIRING);
		assert_true(d.at >= nows[i]);
		all_of_time(&w);
		d = due(&w.spec, w.issuers, &w.cert, nows[i]);
		assert_int_equal(d.why, WHY_EXPIRING);
		assert_true(d.at >= nows[i]);
	}
}

static void a_held_generation_is_installed_if_it_is_good_and_wanted(void **state)
{
	struct cert c = { .held = 18, .held_not_after = BORN, .flags = CERT_HELD_GOOD };

	(void)state;
	assert_true(due_installs_held(&c, BORN - 1));
	assert_false(due_installs_held(&c, BORN));
	c.flags |= CERT_ROLLED_BACK;
	assert_false(due_installs_held(&c, BORN - 1));
	c.flags = 0;
	assert_false(due_installs_held(&c, BORN - 1));
	c.flags = CERT_HELD_GOOD;
	c.held = 0;
	assert_false(due_installs_held(&c, BORN - 1));
}

static void a_key_that_may_be_known_or_is_lost_is_not_used_again(void **state)
{
	const struct cert c = { .ari_at = BORN, .ari_end = BORN + D };

	(void)state;
	for (int why = WHY_NONE; why < WHYS; why++)
		assert_int_equal(due_needs_new_key((enum why)why, &c, BORN),
				 why == WHY_MISSING || why == WHY_REVOKED ||
				     why == WHY_UNTRUSTED || why == WHY_KEY_DIFFERS);
}

/* A CA that will revoke a certificate says so by a window in the past. */
static void after_its_window_a_certificate_gets_a_new_key(void **state)
{
	const struct cert c = { .ari_at = BORN, .ari_end = BORN + D };

	(void)state;
	assert_false(due_needs_new_key(WHY_ARI, &c, BORN + D - 1));
	assert_true(due_needs_new_key(WHY_ARI, &c, BORN + D));
	assert_false(due_needs_new_key(WHY_NAMES_DIFFER, &c, BORN + D - 1));
	assert_true(due_needs_new_key(WHY_NAMES_DIFFER, &c, BORN + D));
	assert_true(due_needs_new_key(WHY_ASKED, &c, BORN + D));
	assert_false(due_needs_new_key(WHY_EXPIRING, &c, BORN + D));
}

/* The window of a certificate of six days is one of 3.2 hours; each of a thousand hosts
 * finds its point in it, and they are spread over all of it. */
static void every_renewal_of_a_short_life_is_within_its_window(void **state)
{
	static const struct row r = { "", 160 * H, 0, 0, P, NULL, WHY_NONE, 0 };
	const int64_t start = BORN + 80 * H - 96 * M, end = start + 192 * M;
	unsigned bins[16] = { 0 };

	(void)state;
	for (unsigned seed = 0; seed < 1000; seed++) {
		struct world w = world_of(&r);
		char host[16];
		struct due d;

		snprintf(host, sizeof(host), "host-%u", seed);
		w.cert.ari_at =
		    schedule_point(start, end, schedule_draw(host, "04AB", 4));
		w.cert.ari_end = end;
		d = due(&w.spec, w.issuers, &w.cert, BORN + H);
		assert_int_equal(d.why, WHY_ARI);
		assert_true(d.at >= start && d.at < end);
		bins[(d.at - start) * 16 / (end - start)]++;
	}
	for (size_t i = 0; i < 16; i++) /* 62 +- 4 sigma */
		assert_in_range(bins[i], 31, 93);
}

static void each_reason_has_its_word(void **state)
{
	(void)state;
	for (int why = WHY_NONE; why < WHYS; why++) {
		assert_non_null(why_word((enum why)why));
		for (int other = WHY_NONE; other < why; other++)
			assert_string_not_equal(why_word((enum why)why),
						why_word((enum why)other));
	}
	assert_string_equal(why_word(WHY_EXPIRING), "expiring");
	assert_string_equal(why_word(WHY_NAMES_DIFFER), "names-differ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_certificate_has_one_reason_and_one_moment),
		cmocka_unit_test(what_is_due_later_is_due_then),
		cmocka_unit_test(no_date_is_too_large),
		cmocka_unit_test(
		    a_held_generation_is_installed_if_it_is_good_and_wanted),
		cmocka_unit_test(a_key_that_may_be_known_or_is_lost_is_not_used_again),
		cmocka_unit_test(after_its_window_a_certificate_gets_a_new_key),
		cmocka_unit_test(every_renewal_of_a_short_life_is_within_its_window),
		cmocka_unit_test(each_reason_has_its_word),
	};

	return cmocka_run_group_tests_name("due", tests, NULL, NULL);
}
