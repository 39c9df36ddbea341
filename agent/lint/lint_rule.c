#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/lint/lint.h"
#include "agent/role/spec.h"
#include "base/auto.h"
#include "base/mem.h"

/* -- saying it -- */

static const char *name_of(const struct lint *l, const struct lint_use *u)
{
	return spec_text(l->spec, u->crl->name);
}

/* What is inherited is wrong in many places, and said once of its line. */
static bool is_new(struct lint *l, const struct lint_value *v, const char *text)
{
	AUTO_FREE char *line = xasprintf("%s\n", text);
	struct buf *said = &l->values[v->first].said;
	const bool is = said->len == 0 || strstr(said->data, line) == NULL;

	if (is)
		buf_puts(said, line);
	return is;
}

/* About the setting `v`; the list of `u` is what it is about. */
void lint_say(struct lint *l, const struct lint_value *v, const struct lint_use *u,
	      const char *fmt, ...)
{
	char what[512];
	AUTO_BUF struct buf text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	buf_printf(&text, "%s is of crls.%s: %s", u->list->name, name_of(l, u), what);
	if (is_new(l, v, text.data))
		l->host->warn(l->host->arg, v->file, v->line, text.data);
}

/* -- judging -- */

/* Where what `v` names is, as far as that is known; owned. */
static char *path_of(const struct lint *l, const struct lint_value *v)
{
	const struct lint_value *base = lint_set(l, 0, "crl-base");
	const struct lint_value *root = lint_set(l, 0, "ServerRoot");
	const char *folder = base != NULL   ? base->text
			     : root != NULL ? root->text
					    : l->base;
	char *path =
	    v->text[0] == '/' ? xstrdup(v->text) : xasprintf("%s/%s", folder, v->text);
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	return path;
}

/* The file of ours that is at `path`. */
static bool find_file(const struct spec *s, const char *path, struct lint_use *u)
{
	for (uint32_t i = 0; i < s->n[SPEC_CRLS]; i++)
		for (uint32_t k = 0; k < s->crls[i].files.n; k++) {
			const struct spec_file *f =
			    &s->files[s->crls[i].files.first + k];

			if (strcmp(spec_text(s, f->path), path) != 0)
				continue;
			u->crl = &s->crls[i];
			u->file = f;
			return true;
		}
	return false;
}

/* Where openvpn looks for it. */
static bool find_in_jail(const struct lint *l, const char *path, struct lint_use *u)
{
	const struct lint_value *jail = lint_set(l, u->list->scope, "chroot");
	AUTO_FREE char *all = NULL;

	if (jail == NULL || strcmp(u->list->name, "crl-verify") != 0)
		return false;
	all = xasprintf("%s%s", jail->text, path);
	return find_file(l->spec, all, u);
}

/* Any setting of it says so: a part of the block may ask where the rest does not. */
static bool asks_in(const struct lint *l, uint32_t at)
{
	const struct lint_kind *k = l->kind;
	bool is_set = false;

	for (; at != LINT_NOBODY && !is_set; at = l->scopes[at].parent) {
		const struct lint_value *v = NULL;

		while ((v = lint_in(l, at, k->asks, v)) != NULL) {
			is_set = true;
			if (!lint_among(k->asks_not, v->text))
				return true;
		}
	}
	return !is_set && k->asks_else;
}

static bool is_within(const struct lint *l, uint32_t at, uint32_t scope)
{
	while (at != LINT_NOBODY && at != scope)
		at = l->scopes[at].parent;
	return at == scope;
}

/* Wherever it is the list that counts, once for each place that asks by it. Blocks are
 * numbered as they begin: those within one follow it, and no others in between. */
static void judge(struct lint *l, struct lint_use *u)
{
	const struct lint_value *v = u->list;
	bool any = false;

	for (uint32_t at = v->scope; at < l->n_scopes && is_within(l, at, v->scope);
	     at++) {
		if (lint_set(l, at, v->name) != v || !asks_in(l, at))
			continue;
		any = true;
		u->at = at;
		l->kind->look(l, u);
	}
	if (!any)
		lint_say(l, v, u, "%s is %s here: %s", l->kind->asks,
			 l->kind->asks_not[0], l->kind->unused);
	if (any && l->kind->reads_once && u->crl->hooks.n == 0)
		lint_say(
		    l, v, u,
		    "no hook of it tells %s to read a list again: it goes on with the "
		    "one that it has begun with",
		    l->kind->name);
}

bool lint_judge(struct lint *l, const struct spec_crl *mine)
{
	bool names = false;

	for (size_t i = 0; i < l->n_values; i++) {
		struct lint_use u = { .list = &l->values[i] };
		AUTO_FREE char *path = NULL;

		if (!lint_among(l->kind->lists, u.list->name))
			continue;
		path = path_of(l, u.list);
		if (!find_file(l->spec, path, &u) && !find_in_jail(l, path, &u))
			continue;
		names = names || mine == NULL || u.crl == mine;
		judge(l, &u);
	}
	return names;
}
