#include "agent/role/verdict.h"

const char *probe_word(enum probe_verdict verdict)
{
	static const char *const words[PROBE_VERDICTS] = { "new", "old", "other",
							   "down" };

	return (unsigned)verdict < PROBE_VERDICTS ? words[verdict] : "?";
}
