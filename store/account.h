/*
 * account: the key of an ACME account, and what the CA calls it, on disk.
 *
 *     <root>/accounts/letsencrypt/{directory account.key account.json [next.key]}    0700
 *
 * `directory` says at which CA it is: no two have the same key. An issuer that is
 * configured to be another CA gets another folder, letsencrypt@HASH, of the hash of the
 * URL of that CA's directory; nothing is moved, and the first folder is the issuer's again
 * when its CA is.
 *
 * account.key is PKCS#8 and durable before the CA hears of it; account.json ({"version":
 * 1,"url":...}) is written once the CA has answered. next.key exists while a roll-over
 * (RFC 8555 7.3.5) is under way: durable before the CA is asked, made the account's by
 * one rename when the CA has taken it. After a crash both are there, and the CA is asked
 * which of them it knows.
 */
#pragma once

#include <openssl/evp.h>

#include "base/key.h"

struct buf;
struct err;

struct account {
	EVP_PKEY *key;  /* owned; NULL: there is none */
	EVP_PKEY *next; /* owned; NULL: no roll-over is under way */
	char *url;      /* owned; NULL: not registered */
};

#define AUTO_ACCOUNT __attribute__((cleanup(account_done)))

/* The folder of `issuer` at the CA whose directory is at the URL `directory` is added to
 * `folder`: "issuer" in all that follows. What does not say of which CA it is belongs to
 * any, but for a URL at another server. */
int account_folder(int root, const char *issuer, const char *directory,
		   struct buf *folder, struct err *e);

/* From now on the folder is of the CA at `directory`. Before its key is made. */
int account_claim(int root, const char *issuer, const char *directory, struct err *e);

/*
 * What there is of `issuer`; nothing is fine, and an account.json that we have not
 * written is nothing: the CA is asked again. A key that cannot be read is ERR_CONFIG: a
 * person has to say that it is lost, by removing it.
 */
int account_load(int root, const char *issuer, struct account *a, struct err *e);
void account_done(struct account *a);

/* Make the key, durably, in place of one that is not registered (any more): what was
 * known of that goes first. */
int account_make_key(int root, const char *issuer, enum key_type type,
		     struct account *a, struct err *e);

/* Remember what the CA calls it. ERR_PROTO for what is no URL. */
int account_save_url(int root, const char *issuer, const char *url, struct err *e);

/* Roll-over: make next.key (of `type`); take it; give it up. To take or give up what is
 * not there changes nothing. */
int account_make_next(int root, const char *issuer, enum key_type type,
		      struct account *a, struct err *e);
int account_take_next(int root, const char *issuer, struct err *e);
int account_drop_next(int root, const char *issuer, struct err *e);

/* It was deactivated: its keys are of no use to anyone any more. Fine if there are none. */
int account_remove(int root, const char *issuer, struct err *e);

/* Remove what crashes left beside the files. Fine if there is nothing. */
int account_sweep(int root, const char *issuer, struct err *e);
