/* verdict: what an endpoint serves, from best to worst. */
#pragma once

enum probe_verdict {
	PROBE_NEW,   /* the wanted leaf */
	PROBE_OLD,   /* the leaf that was live before */
	PROBE_OTHER, /* some other leaf */
	PROBE_DOWN,  /* no connection, or no handshake */
	PROBE_VERDICTS,
};

const char *probe_word(enum probe_verdict verdict); /* "new", "old", "other", "down" */
