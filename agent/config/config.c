#include "agent/config/config.h"

#include <stdlib.h>
#include <string.h>

#include "agent/config/config_cert.h"
#include "agent/config/config_crl.h"
#include "agent/config/config_global.h"
#include "agent/config/config_hook.h"
#include "agent/config/config_issuer.h"
#include "agent/config/config_reach.h"
#include "agent/config/config_reader.h"
#include "agent/config/config_report.h"
#include "agent/config/config_scan.h"
#include "agent/config/config_value.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"

#define MAIN     (1u << 0)
#define INCLUDED (1u << 1)

static void read_nothing(struct config_reader *r, const config_setting_t *s, void *into)
{
	(void)r; /* read by a function of its own, before or after the others */
	(void)s;
	(void)into;
}

/* In the order in which they are read: what is named must be known by then. */
static const struct config_rule rules[] = {
	{ "include", read_nothing, MAIN },
	{ "users", read_nothing, MAIN },
	{ "state_dir", config_state_dir, MAIN },
	{ "runtime_dir", config_runtime_dir, MAIN },
	{ "log", config_log, MAIN },
	{ "http", config_http, MAIN },
	{ "contact", config_global_contact, MAIN },
	{ "agree_terms", config_agree_terms, MAIN },
	{ "issuers", config_issuers, 0 },
	{ "hooks", config_hooks, 0 },
	{ "defaults", config_defaults, MAIN },
	{ "certificates", config_certs, 0 },
	{ "crls", config_crls, 0 },
	{ "watch", config_watch, 0 },
	{ NULL, NULL, 0 },
};

struct scanned {
	struct config_reader *r;
	const char *path;
};

static void found_trap(void *arg, unsigned line, const char *what)
{
	const struct scanned *s = arg;

	s->r->errors++;
	s->r->host->report(s->r->host->arg, false, s->path, line, what);
}

/* What libconfig says in two words, said in more. */
static const char *in_words(const char *error)
{
	static const char *const words[][2] = {
		{ "syntax error",
		  "found a syntax error, expected name = value; and closed brackets" },
		{ "duplicate setting name",
		  "found a setting twice in one group, expected it once" },
		{ "mismatched element type in array",
		  "found different types in [ ... ], expected one, or a list ( ... )" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (error != NULL && strcmp(error, words[i][0]) == 0)
			return words[i][1];
	return error == NULL ? "found an error" : error;
}

/* Parse `text`, NUL-terminated, as one more source. What is wrong is reported, and the
 * source is then not there. */
static void add_source(struct config_reader *r, const char *path, const char *text,
		       size_t len)
{
	struct scanned scanned = { r, path };
	struct config_source *s;

	if (!config_scan(text, len, found_trap, &scanned))
		return;
	s = xcalloc(1, sizeof(*s));
	s->path = xstrdup(path);
	config_init(&s->tree);
	if (config_read_string(&s->tree, text) != CONFIG_TRUE) {
		found_trap(&scanned, (unsigned)config_error_line(&s->tree),
			   in_words(config_error_text(&s->tree)));
		config_destroy(&s->tree);
		free(s->path);
		free(s);
		return;
	}
	config_setting_set_hook(config_root_setting(&s->tree), s);
	r->sources =
	    xrealloc(r->sources, r->n_sources + 1, sizeof(struct config_source *));
	r->sources[r->n_sources++] = s;
}

static void digest_add(struct hash *h, const char *text, size_t len)
{
	uint64_t n = len; /* first, so that "ab" "c" is not "a" "bc" */

	hash_add(h, &n, sizeof(n));
	hash_add(h, text, len);
}

/* The files of one pattern. */
static int include(struct config_reader *r, const config_setting_t *s, struct hash *h,
		   unsigned *n_files)
{
	const char *pattern =
	    config_string(r, s, "a pattern such as \"conf.d/*.conf\"");
	const unsigned before = *n_files;
	struct err e;

	while (pattern != NULL) {
		AUTO_BUF struct buf path = { 0 }, content = { 0 };

		if (r->host->include(r->host->arg, pattern, &path, &content, &e) < 0) {
			config_error(r, s, "%s", e.text);
			return -1;
		}
		if (path.len == 0 && *n_files == before &&
		    strpbrk(pattern, "*?[") == NULL)
			config_warn(r, s, "there is no file \"%s\"", pattern);
		if (path.len == 0)
			return 0;
		if (++*n_files > LIMIT_CONFIG_FILES) {
			config_error(r, s, "found more files, expected at most %d",
				     LIMIT_CONFIG_FILES);
			return -1;
		}
		digest_add(h, path.data, path.len);
		digest_add(h, content.data, content.len);
		add_source(r, path.data, content.len == 0 ? "" : content.data,
			   content.len);
	}
	return 0;
}

static const config_setting_t *includes(const struct config_reader *r)
{
	return config_member(config_root_setting(&r->sources[0]->tree), "include");
}

static void read_includes(struct config_reader *r, struct hash *h)
{
	const config_setting_t *s = includes(r);
	unsigned n_files = 0;

	for (unsigned i = 0; s != NULL && i < config_items(s); i++)
		if (include(r, config_item(s, i), h, &n_files) < 0)
			return;
}

static void find_unknown(struct config_reader *r)
{
	for (size_t i = 0; i < r->n_sources; i++) {
		const config_setting_t *root =
		    config_root_setting(&r->sources[i]->tree);
		uint32_t which = i == 0 ? MAIN : INCLUDED;

		for (int n = 0; n < config_setting_length(root); n++)
			config_rule_of(r, config_setting_get_elem(root, (unsigned)n),
				       rules, which);
	}
}

static void read_settings(struct config_reader *r)
{
	config_global_defaults(r);
	config_cert_defaults(r);
	config_users(r, config_root_setting(&r->sources[0]->tree));
	for (const struct config_rule *rule = rules; rule->name != NULL; rule++) {
		size_t n = rule->only == MAIN ? 1 : r->n_sources;

		for (size_t i = 0; i < n; i++) {
			const config_setting_t *s =
			    config_member(config_root_setting(&r->sources[i]->tree),
					  rule->name);

			if (s != NULL)
				rule->read(r, s, NULL);
		}
		if (rule->read == config_issuers)
			config_issuers_built_in(r);
	}
	config_check_apart(r);
}

static int by_name(const void *a, const void *b, void *arg)
{
	const struct config_reader *r = arg;
	const struct spec_cert *x = a, *y = b;

	return strcmp(snapshot_string(r->b, x->name), snapshot_string(r->b, y->name));
}

static int finish(struct config_reader *r, int *snapshot, struct err *e)
{
	size_t n_certs = r->certs.len / sizeof(struct spec_cert);
	size_t n_issuers = r->issuers.len / sizeof(struct config_issuer);

	if (n_certs > 0)
		qsort_r(r->certs.data, n_certs, sizeof(struct spec_cert), by_name, r);
	snapshot_add(r->b, SPEC_GLOBAL, &r->global, 1);
	snapshot_add(r->b, SPEC_CERTS, r->certs.data, n_certs);
	for (uint32_t i = 0; i < n_issuers; i++)
		snapshot_add(r->b, SPEC_ISSUERS, config_issuer_at(r, i), 1);
	snapshot_add(r->b, SPEC_HOOKS, r->hooks.data,
		     r->hooks.len / sizeof(struct spec_hook));
	snapshot_add(r->b, SPEC_CRLS, r->crls.data,
		     r->crls.len / sizeof(struct spec_crl));
	return snapshot_seal(r->b, snapshot, e);
}

static void done(struct config_reader *r)
{
	for (size_t i = 0; i < r->n_sources; i++) {
		config_destroy(&r->sources[i]->tree);
		free(r->sources[i]->path);
		free(r->sources[i]);
	}
	free(r->sources);
	snapshot_free(r->b);
	buf_done(&r->certs);
	buf_done(&r->issuers);
	buf_done(&r->hooks);
	buf_done(&r->crls);
	buf_done(&r->owners);
	config_index_done(&r->cert_names);
	config_index_done(&r->issuer_names);
	config_index_done(&r->hook_names);
	config_index_done(&r->crl_names);
	config_index_done(&r->paths);
	config_index_done(&r->folders);
	config_index_done(&r->programs);
	config_index_done(&r->listens);
}

/* What was read for them is part of the configuration. False: nothing was. */
static bool digest_requests(const struct config_reader *r, struct hash *h)
{
	const struct spec_cert *c = (const void *)r->certs.data;
	bool any = false;

	for (size_t i = 0; i < r->certs.len / sizeof(*c); i++) {
		const char *pem = snapshot_string(r->b, c[i].request);

		if (pem != NULL)
			digest_add(h, pem, strlen(pem));
		any = any || pem != NULL;
	}
	return any;
}

static int compile(struct config_reader *r, const char *path, const char *content,
		   size_t len, int *snapshot, struct err *e)
{
	AUTO_BUF struct buf text = { 0 }; /* with a NUL at its end */
	struct hash h;
	bool is_one; /* file */

	buf_add(&text, content, len);
	hash_begin(&h);
	digest_add(&h, content, len);
	add_source(r, path, text.data, len);
	if (r->n_sources > 0) {
		read_includes(r, &h);
		find_unknown(r);
		read_settings(r);
	}
	if (r->errors > 0)
		return err_set(e, ERR_CONFIG, "%s: %u error%s", path, r->errors,
			       r->errors == 1 ? "" : "s");
	is_one = !digest_requests(r, &h) && includes(r) == NULL;
	hash_end(&h, r->global.digest);
	r->global.mark = is_one ? r->host->mark : 0;
	return finish(r, snapshot, e);
}

int config_compile(const struct config_host *host, const char *path,
		   const char *content, size_t len, int *snapshot, struct err *e)
{
	struct config_reader r = { .host = host, .b = snapshot_new() };
	int rc = compile(&r, path, content, len, snapshot, e);

	done(&r);
	return rc;
}
