/* pending: the key that waits, made as the keeper makes it. */
#pragma once

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "store/pending.h"

static inline int pending_key(int root, const char *name, enum key_type type,
			      enum pending_reuse reuse, EVP_PKEY **key, struct err *e)
{
	AUTO_KEY EVP_PKEY *made = NULL;
	AUTO_BUF struct buf pem = { 0 };

	TRY(pending_find(root, name, type, reuse, key, e));
	if (*key != NULL)
		return 0;
	TRY(key_make(type, &made, e));
	TRY(key_to_pem(made, &pem, e));
	TRY(pending_keep(root, name, &pem, e));
	*key = TAKE(made);
	return 0;
}
