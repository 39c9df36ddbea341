/*
 * env: what a hook is told. The variable names are a fixed table, the values are data:
 * no NUL, no control bytes, or the hook is not run. INTERFACE "Hooks" is the contract.
 */
#pragma once

#include <stdint.h>

struct err;

#define LIMIT_HOOK_NAMES (64 * 1024) /* EVERLEAF_NAMES is left out above this */

/* Told only when the batch is one certificate. */
enum hook_value {
	HOOK_NAME,
	HOOK_DOMAINS, /* space separated */
	HOOK_DIR,     /* the live folder */
	HOOK_CERT,
	HOOK_KEY,
	HOOK_CHAIN,
	HOOK_FULLCHAIN,
	HOOK_SERIAL,
	HOOK_FINGERPRINT,
	HOOK_NOT_AFTER,
	HOOK_WHY,
	HOOK_ERROR,
	HOOK_VALUES,
};

struct hook_call {
	const char *hook;  /* its name */
	const char *event; /* "installed", "rolled-back", ... */
	uint64_t count;    /* certificates (or CRLs) of the batch */
	const char *names; /* config names, space separated; NULL: left out */
	const char *values[HOOK_VALUES]; /* NULL: not set */
};

/*
 * The environment for `call`: PATH, LANG, HOME, EVERLEAF_*, and for scripts written for
 * certbot RENEWED_LINEAGE and RENEWED_DOMAINS. An owned, NULL-terminated array; free
 * with hook_env_free(). ERR_PROTO: a value has a byte that it must not have.
 */
int hook_env(const struct hook_call *call, const char *home, char ***env,
	     struct err *e);
void hook_env_free(char **env);
