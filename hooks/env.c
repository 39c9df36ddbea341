#include "hooks/env.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

static const struct {
	const char *name;
	enum hook_value value;
} table[] = {
	{ "EVERLEAF_NAME", HOOK_NAME },
	{ "EVERLEAF_DOMAINS", HOOK_DOMAINS },
	{ "EVERLEAF_DIR", HOOK_DIR },
	{ "EVERLEAF_CERT", HOOK_CERT },
	{ "EVERLEAF_KEY", HOOK_KEY },
	{ "EVERLEAF_CHAIN", HOOK_CHAIN },
	{ "EVERLEAF_FULLCHAIN", HOOK_FULLCHAIN },
	{ "EVERLEAF_SERIAL", HOOK_SERIAL },
	{ "EVERLEAF_FINGERPRINT", HOOK_FINGERPRINT },
	{ "EVERLEAF_NOT_AFTER", HOOK_NOT_AFTER },
	{ "EVERLEAF_WHY", HOOK_WHY },
	{ "EVERLEAF_ERROR", HOOK_ERROR },
	{ "RENEWED_LINEAGE", HOOK_DIR },
	{ "RENEWED_DOMAINS", HOOK_DOMAINS },
};

#define N_TABLE (sizeof(table) / sizeof(*table))

_Static_assert(N_TABLE + 8 <= HOOK_ENV_MAX, "the array must hold every variable");

#define LINES "\n\t" /* what a program has said may have these */

static bool has_control(const char *s, const char *allowed)
{
	for (; *s != '\0'; s++)
		if (((unsigned char)*s < 0x20 || *s == 0x7f) &&
		    strchr(allowed, *s) == NULL)
			return true;
	return false;
}

static int put(char **env, const char *name, const char *value, const char *allowed,
	       struct err *e)
{
	size_t n = 0;

	if (value == NULL)
		return 0;
	if (strlen(value) > LIMIT_HOOK_VALUE)
		return err_set(e, ERR_LIMIT, "%s: longer than %d bytes", name,
			       LIMIT_HOOK_VALUE);
	if (has_control(value, allowed))
		return err_set(e, ERR_PROTO, "%s: has a control byte", name);
	while (env[n] != NULL)
		n++;
	assert(n < HOOK_ENV_MAX);
	env[n] = xasprintf("%s=%s", name, value);
	return 0;
}

int hook_env_put(char **env, const char *name, const char *value, struct err *e)
{
	return put(env, name, value, "", e);
}

bool hook_env_may_say(const char *value)
{
	return !has_control(value, LINES);
}

int hook_env_put_said(char **env, const char *name, const char *value, struct err *e)
{
	return put(env, name, value, LINES, e);
}

char **hook_env_new(void)
{
	return xcalloc(HOOK_ENV_MAX + 1, sizeof(char *));
}

int hook_env_begin(char **env, const char *home, const char *run, struct err *e)
{
	TRY(hook_env_put(env, "PATH", HOOK_PATH, e));
	TRY(hook_env_put(env, "LANG", "C.UTF-8", e));
	TRY(hook_env_put(env, "HOME", home, e));
	return hook_env_put(env, "EVERLEAF_RUN", run, e);
}

static int put_batch(char **env, const struct hook_call *call, struct err *e)
{
	char count[24];

	snprintf(count, sizeof(count), "%" PRIu64, call->count);
	TRY(hook_env_put(env, "EVERLEAF_EVENT", call->event, e));
	TRY(hook_env_put(env, "EVERLEAF_HOOK", call->hook, e));
	TRY(hook_env_put(env, "EVERLEAF_COUNT", count, e));
	if (call->names != NULL && strlen(call->names) <= LIMIT_HOOK_NAMES)
		TRY(hook_env_put(env, "EVERLEAF_NAMES", call->names, e));
	return 0;
}

static int put_all(char **env, const struct hook_call *call, const char *home,
		   const char *run, struct err *e)
{
	TRY(hook_env_begin(env, home, run, e));
	TRY(put_batch(env, call, e));
	for (size_t i = 0; call->count <= 1 && i < N_TABLE; i++)
		TRY(hook_env_put(env, table[i].name, call->values[table[i].value], e));
	return 0;
}

int hook_env(const struct hook_call *call, const char *home, const char *run,
	     char ***env, struct err *e)
{
	char **made = hook_env_new();
	int rc = put_all(made, call, home, run, e);

	if (rc < 0) {
		hook_env_free(made);
		return rc;
	}
	*env = made;
	return 0;
}

void hook_env_free(char **env)
{
	for (size_t i = 0; env != NULL && env[i] != NULL; i++)
		free(env[i]);
	free(env);
}
