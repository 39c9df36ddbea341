#include <stdlib.h>
#include <string.h>

#include "agent/challenge_token.h"
#include "agent/role/log.h"
#include "agent/state/state_token.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"

#define ALPN "tls-alpn-01 " /* ... ADDRESS NAME: what rows of those begin with */

const char *token_place(const struct spec *s, uint32_t challenge)
{
	const struct spec_challenge *c = &s->challenges[challenge];

	if (c->hook.n > 0)
		return spec_text(s, s->words[c->hook.first]);
	if (c->type == CHALLENGE_DNS_01)
		return spec_text(s, c->server);
	return spec_text(s, c->webroot.at != 0 ? c->webroot : c->listen);
}

/* What is in DNS is about a name, of which a wildcard is part (RFC 8555 7.1.3). */
void token_mark(const struct agent *a, struct token *t, const char *name)
{
	const struct spec_challenge *c = &a->spec->challenges[t->challenge];

	t->where = token_place(a->spec, t->challenge);
	t->by_program = c->hook.n > 0;
	t->by_dns = !t->by_program && c->type == CHALLENGE_DNS_01;
	t->by_tls = !t->by_program && c->type == CHALLENGE_TLS_ALPN_01;
	if (t->by_dns || t->by_tls || t->by_program)
		t->domain = xstrdup(strncmp(name, "*.", 2) == 0 ? name + 2 : name);
	if (t->by_program)
		program_mark(a, t);
}

static char *place_in_row(const struct agent *a, const struct token *t)
{
	if (t->by_program)
		return program_place(a, t);
	if (t->by_dns)
		return dns_place(a, t);
	if (t->by_tls)
		return xasprintf(ALPN "%s %s", t->where, t->domain);
	return xstrdup(t->where);
}

int token_remember(struct agent *a, const struct token *t, struct err *e)
{
	AUTO_FREE char *place = place_in_row(a, t);
	const struct token_row row = { t->name, place, t->token, t->authorization };

	TRY(agent_write(a, e));
	return state_token_put(a->state, &row, e);
}

void token_forget(struct agent *a, const struct token *t)
{
	struct err e;

	if (agent_write(a, &e) < 0 ||
	    state_token_done(a->state, t->name, t->token, &e) < 0)
		log_error("%s: forget a token: %s", t->name, e.text);
}

/* Whether `t` is one of challenge `i`, by the place that its row names. */
static bool is_at(const struct agent *a, struct token *t, uint32_t i, const char *place)
{
	const char *where = token_place(a->spec, i);
	const struct spec_challenge *c = &a->spec->challenges[i];
	const size_t n = where == NULL ? 0 : strlen(where);

	if (where == NULL || c->hook.n > 0)
		return false;
	if (c->type == CHALLENGE_HTTP_01)
		return strcmp(where, place) == 0;
	if (c->type != CHALLENGE_TLS_ALPN_01 ||
	    strncmp(place, ALPN, strlen(ALPN)) != 0 ||
	    strncmp(place + strlen(ALPN), where, n) != 0 ||
	    place[strlen(ALPN) + n] != ' ')
		return false;
	t->by_tls = true;
	t->domain = xstrdup(place + strlen(ALPN) + n + 1);
	return true;
}

void token_load(const struct agent *a, struct token *t, const char *place)
{
	t->challenge = SPEC_NOBODY;
	t->where = "";
	if (dns_load(a, t, place) || program_load(a, t, place))
		return;
	for (uint32_t i = 0; i < a->spec->n[SPEC_CHALLENGES]; i++)
		if (is_at(a, t, i, place)) {
			t->challenge = i;
			t->where = token_place(a->spec, i);
			return;
		}
	if (place[0] == '/') /* what listened went with its process */
		log_warn("%s: %s is not in the configuration any more; the token %s "
			 "may still be there",
			 t->name, place, t->token);
}
