#include "agent/config/config_hook.h"

#include <string.h>

#include "agent/config/config_host.h"
#include "agent/config/config_reach.h"
#include "agent/config/config_report.h"
#include "agent/config/config_value.h"
#include "agent/role/spec_image.h"
#include "base/auto.h"
#include "base/mem.h"

#define TIMEOUT_S     30
#define TIMEOUT_MAX_S 3600
#define LIMIT_NUMBERS 100 /* hooks of one certificate */

#define ON_DEFAULT \
	(1u << EVENT_INSTALLED | 1u << EVENT_ROLLED_BACK | 1u << EVENT_CRL_UPDATED)

static void read_nothing(struct config_reader *r, const config_setting_t *s, void *into)
{
	(void)r; /* `name` is read by read_hook() */
	(void)s;
	(void)into;
}

static void read_test(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_program(r, s, &((struct spec_hook *)into)->test);
}

static void read_run(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_program(r, s, &((struct spec_hook *)into)->run);
}

static void read_user(struct config_reader *r, const config_setting_t *s, void *into)
{
	struct spec_hook *h = into;
	struct config_owner o;

	if (!config_user(r, s, &o))
		return;
	h->user = o.name;
	h->home = o.home;
	h->uid = o.uid;
	h->gid = o.gid;
}

static void read_timeout(struct config_reader *r, const config_setting_t *s, void *into)
{
	int64_t span;

	if (config_span(r, s, 1, TIMEOUT_MAX_S, &span))
		((struct spec_hook *)into)->timeout_s = (uint32_t)span;
}

static void read_on(struct config_reader *r, const config_setting_t *s, void *into)
{
	struct spec_hook *h = into;
	uint32_t event;

	h->on = 0;
	for (unsigned i = 0; i < config_items(s); i++)
		if (config_choice(r, config_item(s, i), event_words, &event))
			h->on |= 1u << event;
}

static void read_on_failure(struct config_reader *r, const config_setting_t *s,
			    void *into)
{
	static const char *const words[] = { "keep", "rollback", NULL };

	config_choice(r, s, words, &((struct spec_hook *)into)->rollback);
}

static const struct config_rule rules[] = {
	{ "name", read_nothing, 0 },
	{ "test", read_test, 0 },
	{ "run", read_run, 0 },
	{ "user", read_user, 0 },
	{ "timeout", read_timeout, 0 },
	{ "on", read_on, 0 },
	{ "on_failure", read_on_failure, 0 },
	{ NULL, NULL, 0 },
};

static struct spec_hook new_hook(void)
{
	return (struct spec_hook){
		.uid = SPEC_NOBODY,
		.gid = SPEC_NOBODY,
		.timeout_s = TIMEOUT_S,
		.on = ON_DEFAULT,
		.rollback = 1,
	};
}

static uint32_t n_hooks(const struct config_reader *r)
{
	return (uint32_t)(r->hooks.len / sizeof(struct spec_hook));
}

static void read_hook(struct config_reader *r, const config_setting_t *s)
{
	const config_setting_t *at = config_member(s, "name");
	const char *name = at == NULL ? NULL : config_string(r, at, "a name");
	struct spec_hook h = new_hook();

	if (!config_group(r, s, rules, CONFIG_ALL, &h))
		return;
	if (at == NULL)
		config_missing(r, s, "name", "a name");
	if (config_member(s, "run") == NULL && config_member(s, "test") == NULL)
		config_missing(r, s, "run", "a program and its arguments");
	config_runs(r, s, h.uid);
	if (name != NULL &&
	    config_name(r, s, name, &r->hook_names, n_hooks(r), &h.name))
		buf_add(&r->hooks, &h, sizeof(h));
}

void config_hooks(struct config_reader *r, const config_setting_t *s, void *into)
{
	(void)into;
	for (unsigned i = 0; i < config_items(s); i++)
		read_hook(r, config_item(s, i));
}

static struct list words_of(struct config_reader *r, const char *const *words, size_t n)
{
	struct text t[4];

	for (size_t i = 0; i < n; i++)
		t[i] = snapshot_text(r->b, words[i]);
	return snapshot_add(r->b, SPEC_WORDS, t, n);
}

/* A hook that the configuration does not describe, with its two commands. */
static bool add_ready(struct config_reader *r, const config_setting_t *s,
		      const char *name, const char *const *test, const char *const *run,
		      size_t n_run)
{
	struct spec_hook h = new_hook();

	if (!config_program_fits(r, s, test[0]))
		return false;
	h.name = snapshot_text(r->b, name);
	h.test = words_of(r, test, 2);
	h.run = words_of(r, run, n_run);
	config_index_add(&r->hook_names, h.name, n_hooks(r), NULL);
	buf_add(&r->hooks, &h, sizeof(h));
	return true;
}

/* Add the built-in or ready-made hook `name`. False: there is none (reported). */
static bool make_ready(struct config_reader *r, const config_setting_t *s,
		       const char *name)
{
	static const char *const nginx_test[] = { "nginx", "-t" };
	static const char *const nginx_run[] = { "nginx", "-s", "reload" };
	AUTO_FREE char *path = NULL;

	if (strcmp(name, "nginx") == 0)
		return add_ready(r, s, name, nginx_test, nginx_run, 3);
	if (r->host->hooks_dir != NULL && spec_is_plain_name(name)) {
		path = xasprintf("%s/%s", r->host->hooks_dir, name);
		if (config_exists(r, path)) {
			const char *const test[] = { path, "test" };
			const char *const run[] = { path, "run" };

			return add_ready(r, s, name, test, run, 2);
		}
	}
	config_expected(
	    r, s, "a hook of the list `hooks`, \"nginx\", or a ready-made one%s%s",
	    r->host->hooks_dir == NULL ? "" : ", of ",
	    r->host->hooks_dir == NULL ? "" : r->host->hooks_dir);
	return false;
}

static bool hook_called(struct config_reader *r, const config_setting_t *s,
			uint32_t *number)
{
	const char *name = config_string(r, s, "the name of a hook");
	const struct config_entry *found;
	struct text key;

	if (name == NULL)
		return false;
	key = snapshot_text(r->b, name);
	found = config_index_find(&r->hook_names, key);
	if (found == NULL && (key.at == 0 || !make_ready(r, s, name)))
		return false;
	found = config_index_find(&r->hook_names, key);
	*number = found->number;
	return true;
}

void config_hook_names(struct config_reader *r, const config_setting_t *s,
		       struct list *out)
{
	uint32_t numbers[LIMIT_NUMBERS], n_numbers = 0;
	unsigned n = config_items(s);

	if (!config_items_max(r, s, LIMIT_NUMBERS))
		return;
	for (unsigned i = 0; i < n; i++)
		if (hook_called(r, config_item(s, i), &numbers[n_numbers]))
			n_numbers++;
	*out = snapshot_add(r->b, SPEC_NUMBERS, numbers, n_numbers);
}
