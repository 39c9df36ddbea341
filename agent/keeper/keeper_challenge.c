/*
 * The keeper looks at all that is to be presented, and puts it into the webroots of the
 * snapshot and takes it out again. What anyone can fetch is a token and the thumbprint of
 * one of our accounts, no message can make it anything else: with another's thumbprint,
 * a worker that was taken over would have names of this host certified for keys of its own.
 */
#include <string.h>

#include "acme/token.h"
#include "agent/keeper/keeper.h"
#include "agent/role/messages.h"
#include "base/err.h"
#include "store/webroot.h"

/* *webroot is NULL for what the responder or a program shows. */
static int find_webroot(const struct keeper *k, uint64_t n, const char **webroot,
			struct err *e)
{
	const struct spec *s = &k->start.spec;

	if (n >= s->n[SPEC_CHALLENGES] ||
	    (s->challenges[n].type == CHALLENGE_DNS_01 && s->challenges[n].hook.n == 0))
		return err_set(e, ERR_PROTO,
			       "there is no challenge %llu of http-01 or "
			       "tls-alpn-01, or by a program",
			       (unsigned long long)n);
	*webroot = spec_text(s, s->challenges[n].webroot);
	return 0;
}

int keeper_present(void *role, struct msg *m, struct err *e)
{
	uint64_t challenge = msg_get_u64(m);
	const char *token = msg_get_str(m);
	const char *authorization = msg_get_str(m);
	const char *webroot = NULL;
	uint32_t id = m->id;

	TRY(msg_end(m, e));
	TRY(find_webroot(role, challenge, &webroot, e));
	if (!token_is_authorization(token, authorization))
		return err_set(e, ERR_PROTO, "not a token and its key authorization");
	if (!keeper_has_thumbprint(role, authorization + strlen(token) + 1))
		return err_set(e, ERR_PROTO, "a key authorization of somebody else");
	if (webroot != NULL && webroot_put(webroot, token, authorization, e) < 0)
		return keeper_failed(role, m, e);
	msg_begin(m, KEEPER_PRESENT, id);
	return 0;
}

int keeper_withdraw(void *role, struct msg *m, struct err *e)
{
	uint64_t challenge = msg_get_u64(m);
	const char *token = msg_get_str(m);
	const char *webroot = NULL;
	uint32_t id = m->id;

	TRY(msg_end(m, e));
	TRY(find_webroot(role, challenge, &webroot, e));
	if (!token_is_valid(token, strlen(token)))
		return err_set(e, ERR_PROTO, "not a token");
	if (webroot != NULL && webroot_remove(webroot, token, e) < 0)
		return keeper_failed(role, m, e);
	msg_begin(m, KEEPER_WITHDRAW, id);
	return 0;
}
