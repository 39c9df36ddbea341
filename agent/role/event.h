/* event: what hooks are told of, and the word for it in INTERFACE "Hooks". */
#pragma once

enum hook_event {
	EVENT_INSTALLED,
	EVENT_ROLLED_BACK,
	EVENT_FAILED,
	EVENT_EXPIRING,
	EVENT_REVOKED,
	EVENT_NOT_SERVED,
	EVENT_DRIFT,
	EVENT_CLOCK,
	EVENT_CRL_UPDATED,
	EVENT_CRL_STALE,
	EVENT_ROOT_REFUSED,
	EVENTS,
};

/* By number, NULL after the last. */
extern const char *const event_words[EVENTS + 1];
