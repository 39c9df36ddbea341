/*
 * ari: when its CA would have a certificate renewed (RFC 9773): asking, and keeping what
 * it says.
 *
 * The CA of each live certificate that came from an ACME issuer is asked right after it
 * was issued, then when it says; where it could not be asked, minutes and then six hours
 * later; but not about all of them at once (schedule_spread()). Its window is a row of the
 * state database (state_ari.h), with the point that was drawn in it: by host and serial,
 * once, and again only when the window changes. due() does the rest. No answer takes a
 * window away, and no failure fails anything: without a window the formula holds
 * (schedule.h). Not asked is about what has ended, is revoked, was rolled back to by hand
 * (its successor has replaced it), and where `ari = false`.
 *
 * Nothing is decided about a certificate while its CA is being asked about it, but for
 * ARI_WAIT_MS at most.
 *
 * No window has a certificate renewed within its first hour here (or a twentieth of its
 * life, if that is shorter): its successor might get such a window too, and so on.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct agent;
struct ari_row;
struct cert;
struct err;

#define ARI_WAIT_MS 10000

/* At once, before others are asked about: what bounds memory. */
#define ARI_AT_ONCE 1000

#define ARI_NEVER INT64_MAX /* cert.ari_ask_at: there is nothing to ask by */

/* Whether the CA of `issuer` has just said that it offers nothing of that kind: then it is
 * not asked about each certificate. */
bool ari_is_silent(const struct agent *a, uint32_t issuer);

/* A worker that was at the CA of `issuer` says whether it offers anything of that kind. */
void ari_hear(struct agent *a, uint32_t issuer, bool offers);

/* Into a->certs what is remembered. */
int ari_load(struct agent *a, struct err *e);

/* Whether `row` is about what is live of certificate `i`, and counts. */
bool ari_counts(const struct agent *a, uint32_t i, const struct ari_row *row);

/* `to` is `from` looked at again: what is known of it stays, if it is the same. */
void ari_keep(struct cert *to, const struct cert *from);

/* Ask about certificate `i` if it is time to (it is in cert.ari_asking then), and there is
 * a place. Returns when it will be time, INT64_MAX: this run does not wait for it. */
int64_t ari_look(struct agent *a, uint32_t i, int64_t now);

/* Have those looked at again that found no place, as many as there are places. */
void ari_admit(struct agent *a);

/* Whether an answer is being waited for. */
bool ari_busy(const struct agent *a);

/* Wait no more for what takes too long; called by the loop's tick. */
void ari_check(struct agent *a);

void ari_free(struct agent *a);
