#include "agent/rule/due.h"

#include <stddef.h>

#include "agent/role/spec.h"
#include "agent/rule/schedule.h"

#define AHEAD_S 86400 /* as a clock is doubted, see clockwatch.h */

static bool has(const struct cert *cert, uint32_t flag)
{
	return (cert->flags & flag) != 0;
}

/* When something can be done again. */
static int64_t ready_at(const struct cert *cert, int64_t now)
{
	if (cert->retry_at <= now)
		return now;
	if ((uint64_t)cert->retry_at - (uint64_t)now > SCHEDULE_WAIT_MAX)
		return now;
	return cert->retry_at;
}

/* Of the moment too there is a reason. */
static int64_t moment_of(const struct spec_cert *spec, const struct cert *cert,
			 enum why *why)
{
	int64_t last = schedule_last_at(cert->not_before, cert->not_after);
	int64_t at = cert->renew_at;

	*why = WHY_EXPIRING;
	if (at == 0)
		at =
		    schedule_renew_at(spec, cert->not_before, cert->not_after, 0, NULL);
	if (at > last && at < cert->not_after) /* it was due when it came */
		last = at;
	if (cert->ari_at != 0)
		at = cert->ari_at;
	if (cert->ari_at != 0 && at <= last)
		*why = WHY_ARI;
	return at < last ? at : last;
}

static enum why unusable(const struct cert *cert)
{
	if (!has(cert, CERT_PRESENT))
		return WHY_MISSING;
	if (has(cert, CERT_REVOKED))
		return WHY_REVOKED;
	if (has(cert, CERT_UNREADABLE | CERT_DAMAGED | CERT_CA_REVOKED))
		return WHY_UNTRUSTED;
	return WHY_NONE;
}

static bool is_listed(const uint32_t *issuers, uint32_t n, uint32_t issuer)
{
	for (uint32_t i = 0; i < n; i++)
		if (issuers[i] == issuer)
			return true;
	return false;
}

static enum why differs(const struct spec_cert *spec, const uint32_t *issuers,
			const struct cert *cert)
{
	if (has(cert, CERT_ROLLED_BACK | CERT_BY_HAND))
		return WHY_NONE;
	if (cert->names_hash != spec->names_hash)
		return WHY_NAMES_DIFFER;
	if (cert->key != spec->key || has(cert, CERT_KEY_OTHER))
		return WHY_KEY_DIFFERS;
	if (cert->issuer != SPEC_NOBODY &&
	    !is_listed(issuers, spec->issuers.n, cert->issuer))
		return WHY_ISSUER_DIFFERS;
	if ((spec->usage & ~(uint32_t)cert->usage) != 0)
		return WHY_PROFILE_DIFFERS;
	return WHY_NONE;
}

/* What is to be done about one that may go on living. */
static enum why wanting(const struct spec_cert *spec, const struct cert *cert,
			int64_t at)
{
	if (has(cert, CERT_ASKED | CERT_ORDERED) || due_installs_held(cert, at))
		return WHY_ASKED;
	if (cert->retake_at != 0 && cert->retake_at <= at)
		return WHY_NAMES_DIFFER;
	if (has(cert, CERT_FILES_DIFFER) && !has(cert, CERT_FOREIGN) &&
	    spec->on_drift == DRIFT_REPAIR)
		return has(cert, CERT_ROOTS) ? WHY_ROOTS_CHANGED : WHY_FILES_DIFFER;
	if (has(cert, CERT_HOOKS_PENDING | CERT_NOT_SERVED))
		return WHY_NOT_SERVED;
	return WHY_NONE;
}

bool due_is_ahead(int64_t not_before, int64_t now)
{
	return not_before > now && (uint64_t)not_before - (uint64_t)now > AHEAD_S;
}

/* Of what nobody can use before it begins the moment has come, too. */
static int64_t moment_now(const struct spec_cert *spec, const struct cert *cert,
			  int64_t now, enum why *why)
{
	const int64_t moment = moment_of(spec, cert, why);

	if (!has(cert, CERT_BEGUN) || !due_is_ahead(cert->not_before, now))
		return moment;
	*why = WHY_EXPIRING;
	return now;
}

struct due due(const struct spec_cert *spec, const uint32_t *issuers,
	       const struct cert *cert, int64_t now)
{
	int64_t at = ready_at(cert, now);
	enum why why = unusable(cert), age;
	int64_t moment = moment_now(spec, cert, now, &age);

	if (why == WHY_NONE)
		why = differs(spec, issuers, cert);
	if (why == WHY_NONE)
		why = moment <= at ? age : wanting(spec, cert, at);
	if (why == WHY_NONE && cert->retake_at != 0 && cert->retake_at < moment)
		return (struct due){ WHY_NAMES_DIFFER, cert->retake_at };
	if (why == WHY_NONE)
		return (struct due){ age, moment };
	return (struct due){ why, at };
}

int64_t due_moment(const struct spec_cert *spec, const struct cert *cert)
{
	enum why ignored;

	return moment_of(spec, cert, &ignored);
}

bool due_installs_held(const struct cert *cert, int64_t now)
{
	return cert->held != 0 && has(cert, CERT_HELD_GOOD) &&
	       !has(cert, CERT_ROLLED_BACK) && cert->held_not_after > now;
}

bool due_writes_again(enum why why)
{
	return why == WHY_FILES_DIFFER || why == WHY_ROOTS_CHANGED;
}

bool due_needs_new_key(enum why why, const struct cert *cert, int64_t now)
{
	const bool is_over = cert->ari_end != 0 && cert->ari_end <= now;

	return why == WHY_MISSING || why == WHY_REVOKED || why == WHY_UNTRUSTED ||
	       why == WHY_KEY_DIFFERS || (is_over && why != WHY_EXPIRING);
}

const char *why_word(enum why why)
{
	static const char *const words[WHYS] = {
		[WHY_NONE] = "none",
		[WHY_MISSING] = "missing",
		[WHY_EXPIRING] = "expiring",
		[WHY_ARI] = "ari",
		[WHY_REVOKED] = "revoked",
		[WHY_UNTRUSTED] = "untrusted",
		[WHY_NAMES_DIFFER] = "names-differ",
		[WHY_KEY_DIFFERS] = "key-differs",
		[WHY_ISSUER_DIFFERS] = "issuer-differs",
		[WHY_PROFILE_DIFFERS] = "profile-differs",
		[WHY_FILES_DIFFER] = "files-differ",
		[WHY_ROOTS_CHANGED] = "roots-changed",
		[WHY_NOT_SERVED] = "not-served",
		[WHY_ASKED] = "asked",
	};

	return (unsigned)why < WHYS ? words[why] : words[WHY_NONE];
}
