/* ari_fetch: asking a CA when it would have a certificate renewed (RFC 9773 4). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "acme/ari.h"

struct acme;
struct err;

struct ari_answer {
	bool offered; /* the CA has such information; without it the rest is not set */
	struct ari_window window;
	int64_t ask_at;    /* Unix seconds: when to ask again */
	char *explanation; /* owned; NULL: none that can be shown */
};

/* Ask about the certificate called `id` (ari.h); neither account nor signature is needed.
 * Any err means that there was no answer: one that is none is ERR_PROTO. */
int ari_fetch(struct acme *a, const char *id, struct ari_answer *answer, struct err *e);
