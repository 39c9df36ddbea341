#include "acme/refusal.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "acme/problem.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/mem.h"

void refusals_add(struct refusals *r, unsigned way, const char *name,
		  const struct err *why)
{
	if (r->n == ORDER_AUTHZ_MAX)
		return;
	r->list[r->n++] = (struct acme_refusal){ way, name, xstrdup(why->text) };
}

/* With its "*.", or without (RFC 8555 7.1.4). */
static bool is_named(const char *name, const char *value, bool bare)
{
	if (bare && strncmp(name, "*.", 2) == 0)
		name += 2;
	return strcasecmp(name, value) == 0;
}

static bool has(const struct refusals *r, const char *name)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->list[i].name == name)
			return true;
	return false;
}

static size_t add_named(struct refusals *r, const struct order_want *want,
			const char *value, bool bare, const struct err *why)
{
	size_t n = 0;

	for (size_t i = 0; i < want->n_names; i++)
		if (is_named(want->names[i], value, bare) && !has(r, want->names[i])) {
			refusals_add(r, ACME_ANY_WAY, want->names[i], why);
			n++;
		}
	return n;
}

/* A byte that a longer name would go on with; a dot ends a sentence, too. */
static bool is_part(const char *at)
{
	static const char part[] = "abcdefghijklmnopqrstuvwxyz0123456789"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_*:";

	return *at != '\0' && (strchr(part, *at) != NULL ||
			       (*at == '.' && at[1] != '\0' && strchr(part, at[1])));
}

static bool is_about(const char *text, const char *name)
{
	const size_t len = strlen(name);

	for (const char *at = strcasestr(text, name); at != NULL;
	     at = strcasestr(at + 1, name))
		if (!is_part(at + len) &&
		    (at == text || (!is_part(at - 1) && at[-1] != '.')))
			return true;
	return false;
}

static void add_mentioned(struct refusals *r, const struct order_want *want,
			  const struct doc *problem)
{
	const char *detail = doc_str(problem, "detail");
	struct err why;

	if (detail == NULL)
		return;
	problem_err_of(&why, problem);
	for (size_t i = 0; i < want->n_names; i++)
		if (is_about(detail, want->names[i]))
			refusals_add(r, ACME_ANY_WAY, want->names[i], &why);
}

void refusals_of_problem(struct refusals *r, const struct order_want *want,
			 const struct doc *problem)
{
	const struct doc *subs = doc_member(problem, "subproblems");
	struct err why;

	for (size_t i = 0; i < doc_len(subs); i++) {
		const struct doc *sub = doc_at(subs, i);
		const char *value = doc_str(doc_member(sub, "identifier"), "value");

		if (value == NULL)
			continue;
		problem_err_of(&why, sub);
		if (add_named(r, want, value, false, &why) == 0)
			(void)add_named(r, want, value, true, &why);
	}
	if (r->n == 0)
		add_mentioned(r, want, problem);
}

void refusals_done(struct refusals *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->list[i].why);
	r->n = 0;
}
