/* verdict: what an endpoint serves, from best to worst. */
#pragma once

enum probe_verdict {
	PROBE_NEW,   /* the wanted leaf */
	PROBE_OLD,   /* the leaf that was live before */
	PROBE_OTHER, /* some other leaf */
	PROBE_DOWN,  /* no connection, or no handshake */
	PROBE_VERDICTS,
};

/* What stands behind the leaf that is shown. */
enum probe_chain {
	CHAIN_WHOLE, /* who issued it, or there is nobody to be shown */
	CHAIN_NONE,  /* nothing: clients have to know that CA */
	CHAIN_OTHER, /* others, of whom none has issued it */
	PROBE_CHAINS,
};

const char *probe_word(enum probe_verdict verdict); /* "new", "old", "other", "down" */
