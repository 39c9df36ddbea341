/*
 * idn: names in other scripts become A-labels (IDNA 2008, UTS 46 non-transitional).
 *
 * Only what people write needs this: the rest of the program knows canonical names
 * (names.h). So the library is no part of the program. The config role loads it before it
 * enters its sandbox, and no other role carries its two MiB of tables:
 *
 *     idn_open(&idn); sandbox_enter(...); idn_to_ascii(&idn, "bücher.example", &a, e);
 */
#pragma once

#include <stdint.h>

struct err;

#define AUTO_IDN __attribute__((cleanup(idn_close)))

struct idn {
	void *library; /* owned; NULL: this host has none */
	int (*lookup)(const uint8_t *name, uint8_t **ascii, int flags);
	const char *(*reason)(int rc);
	void (*release)(void *ascii);
};

/* Where the library is missing, only a name that needs it is refused. */
void idn_open(struct idn *idn);
void idn_close(struct idn *idn);

/*
 * `word` as the configuration writes a name or a name constraint ("*.bücher.example",
 * "email:a@bücher.example", "email:.bücher.example"), its host in A-labels; A-labels that
 * are there already are checked. A URI has none: it is ASCII. The caller owns *ascii.
 * ERR_CONFIG says what is wrong.
 */
int idn_to_ascii(const struct idn *idn, const char *word, char **ascii, struct err *e);
