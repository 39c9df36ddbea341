#include "agent/config/config_crl.h"

#include <string.h>

#include "agent/config/config_file.h"
#include "agent/config/config_hook.h"
#include "agent/config/config_host.h"
#include "agent/config/config_report.h"
#include "agent/config/config_value.h"
#include "agent/lint/lint.h"
#include "agent/role/crlcall.h"
#include "base/auto.h"
#include "base/mem.h"

#define LIMIT_URLS 20
#define MAX_SIZE   (400ULL << 20)

static void read_nothing(struct config_reader *r, const config_setting_t *s, void *into)
{
	(void)r; /* `name` is read by read_crl() */
	(void)s;
	(void)into;
}

/* What the path in a file:// URL is is the keeper's: it need not be there yet. */
static bool read_url(struct config_reader *r, const config_setting_t *s,
		     struct text *out)
{
	static const char expected[] = "a URL with http://, https:// or file:///";
	const char *url = config_string(r, s, expected);
	const char *path = url == NULL ? NULL : spec_url_file(url);

	if (url == NULL)
		return false;
	if (strlen(url) > LIMIT_CRL_ASKED) {
		config_expected(r, s, "a URL of at most %d characters",
				LIMIT_CRL_ASKED);
		return false;
	}
	if (path == NULL)
		return config_url(r, s, "http https", out);
	if (path[0] != '/') {
		config_expected(r, s, "%s", expected);
		return false;
	}
	*out = snapshot_text(r->b, url);
	return true;
}

static void read_urls(struct config_reader *r, const config_setting_t *s, void *into)
{
	struct text urls[LIMIT_URLS];
	unsigned n = config_items(s), n_urls = 0;

	if (!config_items_max(r, s, LIMIT_URLS))
		return;
	for (unsigned i = 0; i < n; i++)
		if (read_url(r, config_item(s, i), &urls[n_urls]))
			n_urls++;
	((struct spec_crl *)into)->urls = snapshot_add(r->b, SPEC_WORDS, urls, n_urls);
}

/* STATE/ca/NAME/root.pem: an embedded CA makes it when it is first used (crlwatch.c). */
static bool is_of_embedded(struct config_reader *r, const char *path)
{
	AUTO_FREE char *all =
	    xasprintf("%s/ca/", snapshot_string(r->b, r->global.state_dir));
	const size_t len = strlen(all);
	const char *file =
	    strncmp(path, all, len) == 0 ? strchr(path + len, '/') : NULL;
	AUTO_FREE char *name = NULL;

	if (file == NULL || strcmp(file, "/root.pem") != 0)
		return false;
	name = xstrndup(path + len, (size_t)(file - path) - len);
	return strcmp(name, "local") == 0 ||
	       config_index_find(&r->issuer_names, snapshot_text(r->b, name)) != NULL;
}

static void read_ca(struct config_reader *r, const config_setting_t *s, void *into)
{
	struct text *ca = &((struct spec_crl *)into)->ca;
	const char *path = config_setting_get_string(s);

	if (path != NULL && is_of_embedded(r, path))
		config_path_text(r, s, ca);
	else
		config_keepers(r, s, ca);
}

static void read_bundle(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_keepers(r, s, &((struct spec_crl *)into)->bundle);
}

static void read_files(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_files(r, s, CONFIG_FOR_CRL, &((struct spec_crl *)into)->files);
}

static void read_hooks(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_hook_names(r, s, &((struct spec_crl *)into)->hooks);
}

/* "KIND:PATH" */
static bool read_server(struct config_reader *r, const config_setting_t *s,
			struct text *out)
{
	const char *word = config_string(r, s, "a kind of server, \":\" and a path");
	const char *colon = word == NULL ? NULL : strchr(word, ':');
	AUTO_BUF struct buf kinds = { 0 };
	const struct lint_kind *kind;

	if (word == NULL)
		return false;
	*out = snapshot_text(r->b, word);
	if (colon != NULL && colon[1] == '/' &&
	    lint_kind_called(word, (size_t)(colon - word)) != NULL)
		return true;
	for (size_t i = 0; (kind = lint_kind_at(i)) != NULL; i++)
		buf_printf(&kinds, "%s%s", i == 0 ? "" : ", ", kind->name);
	config_expected(r, s, "one of %s, then \":\" and an absolute path", kinds.data);
	return false;
}

static void read_servers(struct config_reader *r, const config_setting_t *s, void *into)
{
	struct text words[LIMIT_URLS];
	unsigned n = config_items(s), n_words = 0;

	if (!config_items_max(r, s, LIMIT_URLS))
		return;
	for (unsigned i = 0; i < n; i++)
		if (read_server(r, config_item(s, i), &words[n_words]))
			n_words++;
	((struct spec_crl *)into)->servers =
	    snapshot_add(r->b, SPEC_WORDS, words, n_words);
}

static void read_allow_local(struct config_reader *r, const config_setting_t *s,
			     void *into)
{
	config_bool(r, s, &((struct spec_crl *)into)->allow_local);
}

static void read_indirect(struct config_reader *r, const config_setting_t *s,
			  void *into)
{
	config_bool(r, s, &((struct spec_crl *)into)->indirect);
}

static void read_max_size(struct config_reader *r, const config_setting_t *s,
			  void *into)
{
	config_size(r, s, &((struct spec_crl *)into)->max_size);
}

static void read_on_stale(struct config_reader *r, const config_setting_t *s,
			  void *into)
{
	config_stale(r, s, &((struct spec_crl *)into)->on_stale);
}

static const struct config_rule rules[] = {
	{ "name", read_nothing, 0 },
	{ "url", read_urls, 0 },
	{ "ca", read_ca, 0 },
	{ "bundle", read_bundle, 0 },
	{ "files", read_files, 0 },
	{ "hooks", read_hooks, 0 },
	{ "servers", read_servers, 0 },
	{ "allow_local", read_allow_local, 0 },
	{ "indirect", read_indirect, 0 },
	{ "max_size", read_max_size, 0 },
	{ "on_stale", read_on_stale, 0 },
	{ NULL, NULL, 0 },
};

/* DER has no way to put two of them into one file. */
static void check_der(struct config_reader *r, const config_setting_t *s,
		      const struct spec_crl *c)
{
	const struct spec_file *files = snapshot_records(r->b, SPEC_FILES);

	for (uint32_t i = 0; c->bundle.at != 0 && i < c->files.n; i++)
		if (files[c->files.first + i].content == CONTENT_DER)
			config_error(
			    r, config_item(config_member(s, "files"), i),
			    "found content \"der\", expected another one: it holds "
			    "one CRL, and a bundle is of several CAs");
}

static void read_crl(struct config_reader *r, const config_setting_t *s)
{
	const config_setting_t *at = config_member(s, "name");
	const char *name = at == NULL ? NULL : config_string(r, at, "a name");
	bool has_ca = config_member(s, "ca") != NULL;
	struct spec_crl c = { .max_size = MAX_SIZE };

	if (!config_group(r, s, rules, CONFIG_ALL, &c))
		return;
	if (at == NULL)
		config_missing(r, s, "name", "a name");
	if (config_member(s, "url") == NULL && config_member(s, "bundle") == NULL)
		config_missing(r, s, "url", "where the CRL is");
	if (has_ca == (config_member(s, "bundle") != NULL))
		config_error(r, s, "found %s, expected either ca or bundle",
			     has_ca ? "both" : "neither");
	check_der(r, s, &c);
	if (name != NULL && config_name(r, s, name, &r->crl_names, 0, &c.name))
		buf_add(&r->crls, &c, sizeof(c));
}

void config_crls(struct config_reader *r, const config_setting_t *s, void *into)
{
	(void)into;
	for (unsigned i = 0; i < config_items(s); i++)
		read_crl(r, config_item(s, i));
}
