/* reason: why a certificate is revoked (CRLReason, RFC 5280 5.3.1), as a word. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* All of them, NULL at the end. */
extern const char *const reason_words[];

/* What is no CRLReason is "unspecified". */
const char *reason_word(uint64_t reason);
/* A word in any case, or a number up to 10. */
bool reason_read(const char *word, uint64_t *reason);
