#include "agent/role/event.h"

#include <stddef.h>

const char *const event_words[EVENTS + 1] = {
	[EVENT_INSTALLED] = "installed",
	[EVENT_ROLLED_BACK] = "rolled-back",
	[EVENT_FAILED] = "failed",
	[EVENT_EXPIRING] = "expiring",
	[EVENT_REVOKED] = "revoked",
	[EVENT_NOT_SERVED] = "not-served",
	[EVENT_DRIFT] = "drift",
	[EVENT_CLOCK] = "clock",
	[EVENT_CRL_UPDATED] = "crl-updated",
	[EVENT_CRL_STALE] = "crl-stale",
	[EVENT_ROOT_REFUSED] = "root-refused",
	[EVENTS] = NULL,
};
