/*
 * The keeper puts http-01 tokens into the webroots of the snapshot and takes them out
 * again. What anyone can fetch there is a token and an account's thumbprint; no message
 * can make it anything else.
 */
#include <string.h>

#include "acme/token.h"
#include "agent/keeper.h"
#include "agent/messages.h"
#include "base/err.h"
#include "store/webroot.h"

static int find_webroot(const struct keeper *k, uint64_t n, const char **webroot,
			struct err *e)
{
	const struct spec *s = &k->start.spec;

	*webroot =
	    n < s->n[SPEC_CHALLENGES] ? spec_text(s, s->challenges[n].webroot) : NULL;
	if (*webroot == NULL)
		return err_set(e, ERR_PROTO, "there is no challenge %llu by webroot",
			       (unsigned long long)n);
	return 0;
}

int keeper_present(void *role, struct msg *m, struct err *e)
{
	uint64_t challenge = msg_get_u64(m);
	const char *token = msg_get_str(m);
	const char *authorization = msg_get_str(m);
	const char *webroot;
	uint32_t id = m->id;

	TRY(msg_end(m, e));
	TRY(find_webroot(role, challenge, &webroot, e));
	if (!token_is_authorization(token, authorization))
		return err_set(e, ERR_PROTO, "not a token and its key authorization");
	TRY(webroot_put(webroot, token, authorization, e));
	msg_begin(m, KEEPER_PRESENT, id);
	return 0;
}

int keeper_withdraw(void *role, struct msg *m, struct err *e)
{
	uint64_t challenge = msg_get_u64(m);
	const char *token = msg_get_str(m);
	const char *webroot;
	uint32_t id = m->id;

	TRY(msg_end(m, e));
	TRY(find_webroot(role, challenge, &webroot, e));
	if (!token_is_valid(token, strlen(token)))
		return err_set(e, ERR_PROTO, "not a token");
	TRY(webroot_remove(webroot, token, e));
	msg_begin(m, KEEPER_WITHDRAW, id);
	return 0;
}
