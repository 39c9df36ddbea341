/*
 * env: what a hook is told. The variable names are a fixed table, the values are data:
 * no NUL, no control bytes, or the hook is not run. INTERFACE "Hooks" is the contract.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct err;

#define LIMIT_HOOK_NAMES (64 * 1024)  /* EVERLEAF_NAMES is left out above this */
#define LIMIT_HOOK_VALUE (120 * 1024) /* the kernel takes 128 KiB, name and all */
#define HOOK_PATH        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

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
	const char
	    *values[HOOK_VALUES]; /* NULL: not set; used unless there are several */
};

/*
 * The environment for `call`: PATH, LANG, HOME, EVERLEAF_*, and for scripts written for
 * certbot RENEWED_LINEAGE and RENEWED_DOMAINS. `run` becomes EVERLEAF_RUN, by which the
 * processes of one run are known. An owned, NULL-terminated array; free with
 * hook_env_free(). ERR_PROTO: a value has a byte that it must not have; ERR_LIMIT: one
 * is too long. Both name the variable, not the value.
 */
int hook_env(const struct hook_call *call, const char *home, const char *run,
	     char ***env, struct err *e);
void hook_env_free(char **env);

/*
 * For others who tell programs something: an empty environment, what all are told (PATH,
 * LANG, HOME, EVERLEAF_RUN), and one more variable; a NULL value is not set. Errors as
 * above. hook_env_put_said() is for what a program has said: it may have lines.
 */
#define HOOK_ENV_MAX 31 /* variables */

char **hook_env_new(void);
int hook_env_begin(char **env, const char *home, const char *run, struct err *e);
int hook_env_put(char **env, const char *name, const char *value, struct err *e);
int hook_env_put_said(char **env, const char *name, const char *value, struct err *e);
bool hook_env_may_say(const char *value); /* it has nothing that one refuses */
