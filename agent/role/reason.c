#include "agent/role/reason.h"

#include <stddef.h>
#include <strings.h>

#include "base/text.h"

#define REASON_UNUSED 7 /* RFC 5280 5.3.1 leaves it out */
#define REASON_LAST   10

const char *const reason_words[] = {
	"unspecified",
	"keyCompromise",
	"cACompromise",
	"affiliationChanged",
	"superseded",
	"cessationOfOperation",
	"certificateHold",
	"removeFromCRL",
	"privilegeWithdrawn",
	"aACompromise",
	NULL,
};

const char *reason_word(uint64_t reason)
{
	if (reason == REASON_UNUSED || reason > REASON_LAST)
		return reason_words[0];
	return reason_words[reason - (reason > REASON_UNUSED)];
}

bool reason_read(const char *word, uint64_t *reason)
{
	for (uint64_t i = 0; reason_words[i] != NULL; i++)
		if (strcasecmp(word, reason_words[i]) == 0) {
			*reason = i + (i >= REASON_UNUSED);
			return true;
		}
	return text_u64(word, REASON_LAST, reason) && *reason != REASON_UNUSED;
}
