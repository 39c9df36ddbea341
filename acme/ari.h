/*
 * ari: what ACME renewal information is made of (RFC 9773): how a certificate is called,
 * and what a CA says of it. Pure; the exchange is in ari_fetch.h, for workers, and when
 * to ask and what to do about it is the agent's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <openssl/x509.h>

struct buf;

#define LIMIT_ARI_ID  512 /* a key identifier of 20 bytes and a serial of 20 make 55 */
#define LIMIT_ARI_URL 1024

/* Never sooner, never later than this is asked again, whatever the CA says, and after
 * which time where it says nothing that can be used (4.3). */
#define ARI_SOON_S  60
#define ARI_LATE_S  86400
#define ARI_ERROR_S 21600

/* What of a certificate its CA knows it by (4.1) is added to `id`. False: there is no such
 * thing, for the certificate does not say by which key it was signed. */
bool ari_id(X509 *cert, struct buf *id);

/* Of the times of a suggestedWindow (4.2), either may be NULL. False: it is none. */
struct ari_window {
	int64_t start; /* Unix seconds */
	int64_t end;   /* after `start` */
};
bool ari_window_read(const char *start, const char *end, struct ari_window *w);

/* Whether an explanationURL can be shown to a person: http or https, visible ASCII and
 * nothing that a URL has not, LIMIT_ARI_URL bytes. */
bool ari_url_is_plain(const char *url);

/* When to ask again, if it was `asked` for (0: no time was named). */
int64_t ari_ask_at(int64_t asked, int64_t now);

/* ... after the n-th failure in a row (n >= 1): a `temporary` one (no answer, or the CA's
 * own fault) is tried again after two minutes, then twice as long; the ARI_TRIES-th, and
 * any other, after six hours (4.3.3). */
#define ARI_TRIES 6
int64_t ari_retry_at(bool temporary, unsigned n, int64_t now);
