/*
 * rootwatch: the roots of an issuer whose `trust` is a fingerprint or "from-issuer"; of an
 * embedded CA from its first roll-over on (ca/local_roll.h), which the keeper names; and, for
 * files with `content = "ca"` to follow it, of one where that is a file.
 *
 * They are kept in the store: roots/NAME.pem, which is what `trust` stands for from then on
 * (TLS of the issuer, what it issues, `content = "ca"`), and roots/NAME.seen, all CA
 * certificates that it named last; as old as that is, as long ago it was asked.
 *
 *     asked      when nothing is kept; each day, at a moment of its own; and before a
 *                certificate is asked for, unless that was within ROOTWATCH_FRESH_S
 *     WORKER_ROOTS ▶ rootrule.h ▶ KEEPER_ROOTS ▶ what holds roots is looked at (notice.h)
 *
 * A new root joins the others, and files with `content = "ca"` hold both; only when those
 * have been written is a certificate asked for, so what is trusted is there before the first
 * leaf that needs it (rootwatch_hold()). A root that the issuer names no more goes when no
 * live certificate leads to it. A root that is refused is told, once for each change and
 * again each day, by the event "root-refused"; nothing that is kept changes for it.
 *
 * A file is read by a worker, when the keeper has told of a change (keeper_watch.h), when it
 * is another one before a certificate is asked for, and each day. All that a person puts there
 * is trusted; what has gone stays in those files until nothing live leads to it.
 *
 * Files that are written for this are no drift: due() says roots-changed.
 *
 * Where it cannot be asked, what is kept stands. Where nothing is kept, nothing is asked of
 * it (rootwatch_check()).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct agent;
struct err;
struct spec;
struct spec_cert;

#define ROOTWATCH_EVERY_S 86400
#define ROOTWATCH_FRESH_S 3600
#define ROOTWATCH_RETRY_S 3600 /* after a failure, unless a certificate is due */
#define ROOTWATCH_HOLD_S \
	600 /* files that cannot be written are not waited for longer */

void rootwatch_begin(struct agent *a);
void rootwatch_free(struct agent *a);

/* Ask whom it is time to ask. Returns when there is something again, INT64_MAX: never in
 * this run. */
int64_t rootwatch_turn(struct agent *a);

/* Whether anything is under way that has to be waited for. */
bool rootwatch_busy(const struct agent *a);

/* Until when (Unix seconds) what is due at `issuer` waits for its roots; 0: it does not;
 * INT64_MAX: until it is looked at again. */
int64_t rootwatch_hold(struct agent *a, uint32_t issuer);

/* ERR_TRUST and other codes: nothing is kept of `issuer`, and why. */
int rootwatch_check(const struct agent *a, uint32_t issuer, struct err *e);

/* Somebody was at what certificate `cert` is made of: whether that is what an issuer of it
 * is trusted by. */
void rootwatch_changed(struct agent *a, uint32_t cert);

/* Whether files of certificate `cert` are to hold other roots than before; they do now, and
 * what has changed: borrowed, NULL: it is not known. */
bool rootwatch_moved(const struct agent *a, uint32_t cert);
const char *rootwatch_written(struct agent *a, uint32_t cert);

/* What hooks are told of roots that were refused: the words, or NULL. alarm.c takes them
 * with rootwatch_told(). */
const char *rootwatch_words(const struct agent *a);
void rootwatch_told(struct agent *a);
