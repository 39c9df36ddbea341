/*
 * sets: what is found on the disk, read with the plain calls of the C library and
 * OpenSSL.
 */
#pragma once

#include <stdbool.h>

#include <openssl/types.h>

#include "base/buf.h"

struct world;

/* Number `i` of the words in `text`; false: there are fewer. */
bool sets_word(const char *text, unsigned i, char out[64]);

/* The certificate whose FILE ("more/www.der") is. */
void sets_cert_of(const char *file, char out[64]);

/* The generation of `cert` that live/CERT leads to, and the highest; 0: none. */
unsigned sets_live(const struct world *w, const char *cert);
unsigned sets_highest(const struct world *w, const char *cert);

/* The generation that a hook has noted last for `cert` in the file `log`; 0: none. */
unsigned sets_seen(const struct world *w, const char *log, const char *cert);

/* The files of one generation. */
struct sets_files {
	struct buf key, cert, chain, full;
};

/* Read those below `dir`, which is below w/. False: one is missing. */
bool sets_read(const struct world *w, const char *dir, struct sets_files *s);
void sets_done(struct sets_files *s);

bool sets_is_pair(const struct buf *key_pem, const struct buf *cert_pem);
/* What the TLSA record says of the key in `pem`, or of the certificate: "3 1 1 HEX\n". */
void sets_record(const struct buf *pem, struct buf *record);
/* The SHA-256 of it, in hex; "": there is none. */
void sets_key_hash(const struct buf *pem, char hex[65]);
/* The first certificate; the CRL in a file, below w/, PEM or .der; NULL: there is none. The
 * caller's. */
X509 *sets_cert_in(const struct buf *pem);
X509_CRL *sets_crl_at(const struct world *w, const char *file);
bool sets_same(const struct buf *a, const struct buf *b);

/* Whether `got`, read from out/FILE, is what generation `number` says. */
bool sets_is_of(const struct world *w, const char *file, const struct buf *got,
		unsigned number);

/* Whether generation `number` of `cert` is in the list of the CA "lab". */
bool sets_is_revoked(const struct world *w, const char *cert, unsigned number);
