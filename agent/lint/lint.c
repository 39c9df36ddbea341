#include "agent/lint/lint.h"

#include <stdlib.h>
#include <string.h>

#include "agent/lint/lint_word.h"
#include "agent/role/spec.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"

/* -- files -- */

static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? xstrdup(".") : xstrndup(path, (size_t)(slash - path));
}

/* False: there is none, or, if l->cut, it cannot be read or no more is taken. */
static bool open_file(struct lint *l, const char *pattern, uint32_t n, struct buf *path,
		      struct buf *text)
{
	struct err e;

	if (l->n_read >= LIMIT_LINT_FILES || l->n_bytes >= LIMIT_LINT_BYTES ||
	    l->host->file(l->host->arg, pattern, n, path, text, &e) < 0 ||
	    text->len > LIMIT_LINT_FILE) {
		l->cut = true;
		return false;
	}
	l->n_read++;
	l->n_bytes += text->len;
	return path->len > 0;
}

void lint_file(struct lint *l, const char *path, struct buf *text)
{
	AUTO_BUF struct buf found = { 0 };
	const bool cut = l->cut;

	if (strpbrk(path, "*?[\\") == NULL)
		open_file(l, path, 0, &found, text);
	l->cut = cut; /* of no server */
}

static const char *add_file(struct lint *l, const char *path)
{
	l->files = xrealloc(l->files, l->n_files + 1, sizeof(*l->files));
	l->files[l->n_files] = xstrdup(path);
	return l->files[l->n_files++];
}

/* From the folder that a relative name begins in. */
static char *resolve(const struct lint *l, const char *pattern)
{
	const struct lint_value *root = lint_set(l, 0, "ServerRoot");
	AUTO_FREE char *beside = folder_of(l->file);

	if (pattern[0] == '/')
		return xstrdup(pattern);
	if (l->kind->beside)
		return xasprintf("%s/%s", beside, pattern);
	return xasprintf("%s/%s", root == NULL ? l->base : root->text, pattern);
}

void lint_include(struct lint *l, const char *pattern, uint32_t *scope)
{
	AUTO_FREE char *all = resolve(l, pattern);
	const char *file = l->file;
	bool any = true;

	if (l->depth == LINT_DEPTH) {
		l->cut = true;
		return;
	}
	l->depth++;
	for (uint32_t n = 0; any; n++) {
		AUTO_BUF struct buf path = { 0 }, text = { 0 };

		any = open_file(l, all, n, &path, &text);
		if (!any)
			break;
		l->file = add_file(l, path.data);
		lint_read(l, &text, scope);
	}
	l->file = file;
	l->depth--;
}

/* -- a server -- */

static void clear(struct lint *l)
{
	for (size_t i = 0; i < l->n_values; i++) {
		free(l->values[i].text);
		free(l->values[i].more);
		buf_done(&l->values[i].said);
	}
	for (size_t i = 0; i < l->n_files; i++)
		free(l->files[i]);
	free(TAKE(l->values));
	free(TAKE(l->scopes));
	free(TAKE(l->files));
	free(TAKE(l->base));
	l->n_values = l->n_files = 0;
	l->n_scopes = 0;
	l->cut = false;
}

/* Half of a configuration is no reason for a warning. */
static void look_at(struct lint *l, const struct buf *path, const struct buf *text,
		    const struct spec_crl *mine)
{
	uint32_t scope = lint_scope(l, LINT_NOBODY);

	l->base = folder_of(path->data);
	l->file = add_file(l, path->data);
	lint_read(l, text, &scope);
	if (l->cut && mine != NULL)
		l->host->warn(l->host->arg, path->data, 0,
			      "it is not looked at: a file that it includes cannot be "
			      "read, or it is too large");
	if (!l->cut && !lint_judge(l, mine) && mine != NULL) {
		AUTO_FREE char *words =
		    xasprintf("no setting that is known here names a file of crls.%s",
			      spec_text(l->spec, mine->name));

		l->host->warn(l->host->arg, path->data, 0, words);
	}
	clear(l);
}

/* Whether `path` is what `servers` of a CRL names. */
static bool is_named(const struct spec *s, const char *path)
{
	for (uint32_t i = 0; i < s->n[SPEC_CRLS]; i++)
		for (uint32_t k = 0; k < s->crls[i].servers.n; k++) {
			const char *word =
			    spec_text(s, s->words[s->crls[i].servers.first + k]);

			if (strcmp(strchr(word, ':') + 1, path) == 0)
				return true;
		}
	return false;
}

static void look_at_usual(struct lint *l, const char *pattern)
{
	bool more = true;

	for (uint32_t n = 0; more && n < LIMIT_LINT_FILES; n++) {
		AUTO_BUF struct buf path = { 0 }, text = { 0 };
		const bool any = open_file(l, pattern, n, &path, &text);

		more = any || l->cut; /* one that cannot be read hides no other */
		if (any && !is_named(l->spec, path.data))
			look_at(l, &path, &text, NULL);
		l->cut = false;
	}
}

static void look_at_named(struct lint *l, const char *word, const struct spec_crl *mine)
{
	const char *path = strchr(word, ':') + 1;
	AUTO_BUF struct buf found = { 0 }, text = { 0 };
	struct err e;

	l->kind = lint_kind_called(word, (size_t)(path - 1 - word));
	if (l->host->file(l->host->arg, path, 0, &found, &text, &e) < 0)
		l->host->warn(l->host->arg, path, 0, e.text);
	else if (found.len == 0)
		l->host->warn(l->host->arg, path, 0, "there is no such file");
	else if (text.len <= LIMIT_LINT_FILE)
		look_at(l, &found, &text, mine);
}

void lint_all(const struct spec *s, const struct lint_host *host)
{
	struct lint l = { .spec = s, .host = host };

	for (uint32_t i = 0; i < s->n[SPEC_CRLS]; i++)
		for (uint32_t k = 0; k < s->crls[i].servers.n; k++)
			look_at_named(&l,
				      spec_text(s,
						s->words[s->crls[i].servers.first + k]),
				      &s->crls[i]);
	for (size_t i = 0; (l.kind = lint_kind_at(i)) != NULL; i++)
		for (const char *const *p = l.kind->usual; *p != NULL; p++)
			look_at_usual(&l, *p);
}
