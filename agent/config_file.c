#include "agent/config_file.h"

#include "agent/config_host.h"
#include "agent/config_report.h"
#include "agent/config_value.h"

#define LIMIT_FILES 100 /* of one certificate */

#define MODE_UNSET UINT32_MAX

static void read_path(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_output(r, s, &((struct spec_file *)into)->path);
}

static void read_content(struct config_reader *r, const config_setting_t *s, void *into)
{
	static const char *const words[] = {
		[CONTENT_FULLCHAIN] = "fullchain",
		[CONTENT_CERT] = "cert",
		[CONTENT_CHAIN] = "chain",
		[CONTENT_KEY] = "key",
		[CONTENT_COMBINED] = "combined",
		[CONTENT_PKCS12] = "pkcs12",
		[CONTENT_DER] = "der",
		[CONTENT_CA] = "ca",
		[CONTENT_KINDS] = NULL,
	};
	struct spec_file *f = into;

	if (config_choice(r, s, words, &f->content) && f->content == CONTENT_PKCS12)
		config_later(r, s);
}

static void read_owner(struct config_reader *r, const config_setting_t *s, void *into)
{
	struct config_owner o;

	if (config_user(r, s, &o))
		((struct spec_file *)into)->uid = o.uid;
}

static void read_group(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_group_id(r, s, &((struct spec_file *)into)->gid);
}

static void read_mode(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_mode(r, s, &((struct spec_file *)into)->mode);
}

static void read_password(struct config_reader *r, const config_setting_t *s,
			  void *into)
{
	config_secret(r, s, &((struct spec_file *)into)->password_file);
}

static const struct config_rule rules[] = {
	{ "path", read_path, 0 },   { "content", read_content, CONFIG_FOR_CERT },
	{ "owner", read_owner, 0 }, { "group", read_group, 0 },
	{ "mode", read_mode, 0 },   { "password_file", read_password, CONFIG_FOR_CERT },
	{ NULL, NULL, 0 },
};

void config_key_mode(struct config_reader *r, const config_setting_t *s, uint32_t mode)
{
	if ((mode & 0007) != 0)
		config_expected(r, s, "a mode that keeps the private key from others");
}

static void check_password(struct config_reader *r, const config_setting_t *s,
			   const struct spec_file *f)
{
	const config_setting_t *password = config_member(s, "password_file");

	if (f->content == CONTENT_PKCS12 && password == NULL)
		config_missing(r, s, "password_file", "the path of its password");
	if (f->content != CONTENT_PKCS12 && password != NULL)
		config_error(r, password,
			     "found it, expected none: content is not pkcs12");
}

static void read_file(struct config_reader *r, const config_setting_t *s, uint32_t what,
		      struct spec_file *f)
{
	uint32_t id = r->host->is_root ? 0 : SPEC_NOBODY;
	bool with_key;

	*f = (struct spec_file){ .uid = id, .gid = id, .mode = MODE_UNSET };
	if (what == CONFIG_FOR_CRL)
		f->content = CONTENT_CERT; /* PEM */
	if (!config_group(r, s, rules, what, f))
		return;
	if (config_member(s, "path") == NULL)
		config_missing(r, s, "path", "where it is to be written");
	check_password(r, s, f);
	with_key = f->content == CONTENT_KEY || f->content == CONTENT_COMBINED;
	if (f->mode == MODE_UNSET)
		f->mode = with_key || f->content == CONTENT_PKCS12 ? 0600 : 0644;
	else if (with_key)
		config_key_mode(r, config_member(s, "mode"), f->mode);
}

void config_files(struct config_reader *r, const config_setting_t *s, uint32_t what,
		  struct list *out)
{
	struct spec_file files[LIMIT_FILES];
	unsigned n = config_items(s);

	if (!config_items_max(r, s, LIMIT_FILES))
		return;
	for (unsigned i = 0; i < n; i++)
		read_file(r, config_item(s, i), what, &files[i]);
	*out = snapshot_add(r->b, SPEC_FILES, files, n);
}
