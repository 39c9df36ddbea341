/*
 * due: what is to be done about one certificate, and when. The heart.
 *
 * due() is a pure function of what should be, what is, and what time it is: it asks
 * no clock, no disk and no one. `everleaf plan` prints it, the agent acts on it.
 *
 * One certificate has one reason, the first of these that holds at the moment at which
 * something can be done again:
 *
 *     missing         nothing is live
 *     revoked         whatever else is wrong, and with a new key
 *     untrusted       what is live cannot be read or is not whole, or a CA of its chain
 *                     is revoked
 *     names-differ    ) the configuration asks for something else than is live (not
 *     key-differs     ) looked at after a roll-back by hand, nor of a pair that
 *     issuer-differs  ) somebody has put there)
 *     profile-differs )
 *     ari             its moment has come, and it is the one that its CA suggests
 *     expiring        its moment has come, or it has expired
 *     asked           by a person; or an earlier attempt is held: it is installed; or
 *                     a CA has an order of it: that is gone on with
 *     files-differ    repaired, unless on_drift is "report" or they hold a newer pair
 *     not-served      hooks are owed, or proof failed
 *     ari, expiring   its moment, in the future
 *
 * What brings a new certificate stands before what mends the old one, for it writes the
 * files and runs the hooks too, and a hook that never succeeds must not keep a person's
 * --force or a renewal from being done.
 *
 * The moment (schedule.h) is drawn once for each serial and lies in cert.renew_at, the
 * one of schedule_rolled_back_at() after a roll-back by hand; not drawn yet, it is that
 * of draw 0. What the CA suggests (RFC 9773) takes its place: a point of a window, drawn
 * once too, in cert.ari_at. Neither is later than schedule_last_at().
 *
 * After a failure cert.retry_at holds everything back until then, even what was asked
 * for: whoever asks to try again now sets it to 0. One that is further away than
 * SCHEDULE_WAIT_MAX can only come from a clock that was wrong, and is not waited for.
 *
 * An optional name that was left out is no difference before its moment has come
 * (cert.retake_at): then it is names-differ, behind all that brings a new certificate.
 *
 * A reason that needs no waiting is due at `now`, so `at` is never in the past. A leaf
 * whose notBefore is still to come is taken as valid: either this host's clock is behind
 * or the CA's ahead, and a new one would be no older. But one that had begun when it was
 * stored, and now begins in more than a day, came by a clock of this host that was ahead:
 * it is `expiring` at once. What replaces it has begun, or is no such one.
 *
 * With a certificate signing request of the user's own (`csr`) the names are those of the
 * request, and the key is that very one (CERT_KEY_OTHER), not one of that type. An issuer
 * that is not known, and any issuer of the list, is the right one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct spec_cert;

enum why {
	WHY_NONE,
	WHY_MISSING,
	WHY_EXPIRING,
	WHY_ARI, /* RFC 9773 */
	WHY_REVOKED,
	WHY_UNTRUSTED,
	WHY_NAMES_DIFFER,
	WHY_KEY_DIFFERS,
	WHY_ISSUER_DIFFERS,
	WHY_PROFILE_DIFFERS, /* a usage that is asked for is not in it */
	WHY_FILES_DIFFER,
	WHY_NOT_SERVED,
	WHY_ASKED,
	WHY_ROOTS_CHANGED, /* as files-differ, by what an issuer is trusted by now */
	WHYS,
};

#define CERT_PRESENT    (1u << 0) /* a live generation with a certificate in it */
#define CERT_UNREADABLE (1u << 1) /* ... that does not parse or cannot be read */
#define CERT_DAMAGED    (1u << 2) /* ... that is not whole: its key, its chain */
#define CERT_REVOKED    (1u << 3)
#define CERT_FILES_DIFFER \
	(1u << 4) /* a configured file is not what the live set says */
#define CERT_HOOKS_PENDING \
	(1u << 5)                  /* installed, but the hooks have not succeeded yet */
#define CERT_NOT_SERVED  (1u << 6) /* proof was asked for and not given */
#define CERT_ROLLED_BACK (1u << 7) /* by hand: stands until the renewal moment */
#define CERT_ASKED       (1u << 8) /* renew --force, or revoke --replace */
#define CERT_HELD_GOOD   (1u << 9) /* the held generation is what the config asks for */
#define CERT_ORDERED     (1u << 10) /* a CA has an order of it */
#define CERT_WAS_BACK    (1u << 11) /* what was left by hand was CERT_ROLLED_BACK */
#define CERT_FOREIGN     (1u << 12) /* its files hold somebody else's newer pair */
#define CERT_BY_HAND     (1u << 13) /* its live leaf is not the one that was stored */
#define CERT_DOWN        (1u << 14) /* an endpoint does not answer: nothing is done */
#define CERT_CA_REVOKED  (1u << 15) /* a CA of its chain is */
#define CERT_KEY_OTHER   (1u << 16) /* its key is not that of the request, `csr` */
#define CERT_BEGUN       (1u << 17) /* by the clock when its live leaf was stored */
#define CERT_ROOTS \
	(1u << 18) /* its files differ for roots of its issuers have changed */
#define CERT_CHAIN (1u << 19) /* served without its chain: nothing is done */

/* What is. At most 128 bytes: a hosting box has 100,000. No file is kept open. */
struct cert {
	int64_t not_before; /* of the live leaf, Unix seconds; 0: there is none */
	int64_t not_after;
	int64_t renew_at; /* drawn once per serial; 0: not drawn yet */
	int64_t retry_at; /* nothing before this; 0: nothing to wait for */
	uint64_t
	    names_hash; /* of the live leaf, as spec_cert.names_hash: which it is too
				if it only has not got what was left out */
	uint64_t generation; /* live; 0: none */
	uint64_t held;       /* proved bad in use, installed next; 0: none */
	int64_t held_not_after;
	int64_t ari_at;     /* the point that was drawn in the CA's window; 0: none */
	int64_t ari_end;    /* ... of which this is the end */
	int64_t ari_ask_at; /* when the CA is asked for it again, see ari.h */
	int64_t last_success_at; /* 0: never */
	int64_t prove_at; /* when it is looked at what is served, see proof.h; 0: not
			     drawn */
	uint32_t flags;
	uint32_t issuer; /* number of the issuer it came from; SPEC_NOBODY: not known */
	uint16_t failures; /* in a row */
	uint8_t key;       /* enum key_type of the live leaf */
	uint8_t usage;     /* USAGE_* of the live leaf */
	uint8_t state;     /* enum job_state, for status */
	uint8_t asked;     /* place in its list of the issuer to ask, see fallback.h */
	bool ari_asking;   /* the CA is being asked: nothing is decided meanwhile */
	uint8_t next_key;  /* enum nextkey, see nextkey.h */
	int64_t
	    retake_at; /* optional names that it has not got are tried again; 0: none
			      is missing (setback.h) */
};

_Static_assert(sizeof(struct cert) <= 128, "one of 100,000");

struct due {
	enum why why; /* never WHY_NONE: every certificate ends */
	int64_t at;   /* Unix seconds, not before `now` */
};

/* `issuers` are the certificate's, by number, spec->issuers.n of them (they come from the
 * snapshot's table of numbers). */
struct due due(const struct spec_cert *spec, const uint32_t *issuers,
	       const struct cert *cert, int64_t now);

/* The moment at which it is renewed, if nothing else is wrong with it. */
int64_t due_moment(const struct spec_cert *spec, const struct cert *cert);

/* Whether what begins at `not_before`, and had begun when it was stored, came by a clock that
 * was more than a day ahead. */
bool due_is_ahead(int64_t not_before, int64_t now);

/* Is there a generation on disk that the next attempt installs, without an order? Not
 * after a roll-back by hand, which it would undo. */
bool due_installs_held(const struct cert *cert, int64_t now);

/* Whether files are written again, and nothing is asked of any CA. */
bool due_writes_again(enum why why);

/* Must the next certificate have a new key, whatever reuse_key says? A window that is over
 * is how a CA says that it will revoke, whatever else is the reason; but one that was
 * later than is safe has been waited for by nobody (WHY_EXPIRING). */
bool due_needs_new_key(enum why why, const struct cert *cert, int64_t now);

/* "expiring", "names-differ", ...: as plan and status print them. Static. */
const char *why_word(enum why why);
