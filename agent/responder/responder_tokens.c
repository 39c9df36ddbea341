#include "agent/responder/responder_tokens.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "acme/token.h"
#include "base/err.h"
#include "base/mem.h"

struct responder_token {
	size_t len;          /* of the token, the beginning of ... */
	char *authorization; /* owned */
};

static int compare(const struct responder_token *a, const char *token)
{
	size_t len = strlen(token);
	int order = memcmp(a->authorization, token, a->len < len ? a->len : len);

	return order != 0 ? order : (a->len > len) - (a->len < len);
}

/* Where `token` is, or where it would be put. */
static size_t place_of(const struct responder_tokens *t, const char *token, bool *there)
{
	size_t low = 0, high = t->n;

	*there = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare(&t->list[middle], token);

		if (order == 0) {
			*there = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void insert(struct responder_tokens *t, size_t at)
{
	if (t->n == t->cap) {
		t->cap = t->cap == 0 ? 16 : 2 * t->cap;
		t->list = xrealloc(t->list, t->cap, sizeof(*t->list));
	}
	memmove(t->list + at + 1, t->list + at, (t->n - at) * sizeof(*t->list));
	t->n++;
}

int responder_tokens_add(struct responder_tokens *t, const char *token,
			 const char *authorization, struct err *e)
{
	bool there;
	size_t at;

	if (!token_is_authorization(token, authorization))
		return err_set(e, ERR_PROTO, "not a token and its key authorization");
	at = place_of(t, token, &there);
	if (!there && t->n == LIMIT_TOKENS)
		return err_set(e, ERR_LIMIT, "more than %d tokens", LIMIT_TOKENS);
	if (there)
		free(t->list[at].authorization);
	else
		insert(t, at);
	t->list[at] = (struct responder_token){ strlen(token), xstrdup(authorization) };
	return 0;
}

void responder_tokens_remove(struct responder_tokens *t, const char *token)
{
	bool there;
	size_t at = place_of(t, token, &there);

	if (!there)
		return;
	free(t->list[at].authorization);
	t->n--;
	memmove(t->list + at, t->list + at + 1, (t->n - at) * sizeof(*t->list));
}

void responder_tokens_done(struct responder_tokens *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->list[i].authorization);
	free(t->list);
	*t = (struct responder_tokens){ 0 };
}

const char *responder_tokens_find(const struct responder_tokens *t, const char *token)
{
	bool there;
	size_t at = place_of(t, token, &there);

	return there ? t->list[at].authorization : NULL;
}
