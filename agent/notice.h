/*
 * notice: what the keeper has seen somebody change (keeper_watch.h) is looked at while the
 * agent runs, as a start would look at it.
 *
 *     KEEPER_CHANGED  note which certificates, ask to be told again
 *     NOTICE_QUIET_S  until nothing has changed for so long, NOTICE_MOST_S at the most:
 *                     who puts a key beside a certificate does it in two steps, and must
 *                     not find the first one repaired
 *     KEEPER_AUDIT    what is different (drift.h), and due() says what is done about it
 *
 * A CRL that somebody was at is written again (crlwatch.h), whatever `on_drift` says of
 * certificates: an older one lets in who was revoked.
 *
 * A certificate that a job is under way for is looked at when that has ended. One that is
 * changed again and again, however often it is repaired, is looked at ever less often: see
 * notice_patience().
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <ev.h>

struct agent;
struct link;
struct memory;
struct msg;

#define NOTICE_QUIET_S  10
#define NOTICE_MOST_S   60
#define NOTICE_PEACE_MS 3600000 /* after which repairs are forgotten */

/* Of one certificate, or one CRL. */
struct notice_cert {
	uint64_t stamp;    /* of what it was changed to; 0: it was not */
	int64_t looked_ms; /* clock_boot_ms() when it was looked at last; 0: never */
	uint8_t repairs;   /* in a row, without peace in between */
};

struct notice {
	struct notice_cert *certs; /* owned; CRLs behind them */
	ev_timer quiet;            /* ends when it has been quiet for long enough */
	bool asked;                /* to be told, and that was heard */
	uint64_t way;              /* enum keeper_way */
	unsigned n_again;          /* see notice_again() */
	int64_t first_ms; /* clock_boot_ms() of the first change that waits; 0: none */
};

/* With the loop: ask to be told. */
void notice_begin(struct agent *a);
void notice_end(struct agent *a);

/* What the keeper says without being asked. */
void notice_other(void *arg, struct link *l, struct msg *m);

/* How the agent that runs beside this one is told of changes: "inotify", "sweep" (in turns,
 * for not everything can be watched), NULL: none does, or it has not said. */
const char *notice_way(const struct agent *a);

/* What certificate `i` is to be has changed, by our own doing: look at its files now.
 * a->notice.n_again of these are under way. */
void notice_again(struct agent *a, uint32_t i);

/* Whether nothing has come of certificate `i` since it was last looked at, and would, and
 * `m`, which is remembered of it, is of what is live. */
bool notice_stands(const struct agent *a, uint32_t i, const struct memory *m);

/* For how long a certificate that was repaired `repairs` times in a row is left alone
 * after that, ms. Twice as long each time, at most NOTICE_PEACE_MS. */
int64_t notice_patience(unsigned repairs);
