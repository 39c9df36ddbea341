#include "agent/config/config_file.h"

#include <string.h>

#include "agent/config/config_host.h"
#include "agent/config/config_reach.h"
#include "agent/config/config_report.h"
#include "agent/config/config_value.h"
#include "base/auto.h"
#include "base/mem.h"
#include "store/pkcs12.h"

#define LIMIT_FILES 100 /* of one certificate */

#define MODE_UNSET UINT32_MAX

static void read_later(struct config_reader *r, const config_setting_t *s, void *into)
{
	(void)r; /* what a path may be depends on the content */
	(void)s;
	(void)into;
}

/* What is written of CRLs, see store/crlset.h. */
static void read_crl_content(struct config_reader *r, const config_setting_t *s,
			     struct spec_file *f)
{
	static const char *const words[] = { "crl", "der", "combined", "hashed", NULL };
	static const uint32_t kinds[] = { CONTENT_CRL, CONTENT_DER, CONTENT_COMBINED,
					  CONTENT_HASHED };
	uint32_t i;

	if (config_choice(r, s, words, &i))
		f->content = kinds[i];
}

static void read_content(struct config_reader *r, const config_setting_t *s, void *into)
{
	struct spec_file *f = into;
	static const char *const words[] = {
		[CONTENT_FULLCHAIN] = "fullchain",
		[CONTENT_CERT] = "cert",
		[CONTENT_CHAIN] = "chain",
		[CONTENT_KEY] = "key",
		[CONTENT_COMBINED] = "combined",
		[CONTENT_PKCS12] = "pkcs12",
		[CONTENT_DER] = "der",
		[CONTENT_CA] = "ca",
		[CONTENT_HASHED] = "hashed",
		[CONTENT_SDS] = "sds",
		[CONTENT_TRUSTSTORE] = "truststore",
		[CONTENT_KINDS] = NULL,
	};

	if (f->content == CONTENT_CRL)
		read_crl_content(r, s, f);
	else
		config_choice(r, s, words, &f->content);
}

static void read_order(struct config_reader *r, const config_setting_t *s, void *into)
{
	static const char *const words[] = { "key-first", "cert-first", NULL };

	config_choice(r, s, words, &((struct spec_file *)into)->cert_first);
}

static void read_format(struct config_reader *r, const config_setting_t *s, void *into)
{
	static const char *const words[] = {
		[CONTENT_KEY_PKCS8] = "pkcs8",
		[CONTENT_KEY_TRADITIONAL] = "traditional",
		[CONTENT_KEY_DER] = "der",
		[CONTENT_KEY_FORMS] = NULL,
	};

	config_choice(r, s, words, &((struct spec_file *)into)->key_form);
}

/* The form that PKCS#12 then has. */
static void read_p12(struct config_reader *r, const config_setting_t *s,
		     struct spec_file *f, enum content_p12 form)
{
	uint32_t wanted = 0;

	if (!config_bool(r, s, &wanted) || wanted == 0)
		return;
	if (f->p12 != CONTENT_P12_MODERN)
		config_error(r, s, "found it, expected legacy or pbmac1, not both");
	else
		f->p12 = form;
}

static void read_legacy(struct config_reader *r, const config_setting_t *s, void *into)
{
	read_p12(r, s, into, CONTENT_P12_LEGACY);
}

static void read_pbmac1(struct config_reader *r, const config_setting_t *s, void *into)
{
	read_p12(r, s, into, CONTENT_P12_PBMAC1);
	if (((struct spec_file *)into)->p12 == CONTENT_P12_PBMAC1 &&
	    !pkcs12_has_pbmac1())
		config_expected(r, s,
				"false: OpenSSL 3.4 is needed, and this is built with "
				"an older one");
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

void config_stale(struct config_reader *r, const config_setting_t *s, uint32_t *out)
{
	static const char *const words[] = {
		[STALE_KEEP] = "keep",
		[STALE_REMOVE] = "remove",
		[STALE_UNSET] = NULL,
	};

	config_choice(r, s, words, out);
}

static void read_on_stale(struct config_reader *r, const config_setting_t *s,
			  void *into)
{
	config_stale(r, s, &((struct spec_file *)into)->on_stale);
}

static void read_password(struct config_reader *r, const config_setting_t *s,
			  void *into)
{
	config_secret(r, s, &((struct spec_file *)into)->password_file);
}

static const struct config_rule rules[] = {
	{ "path", read_later, 0 },
	{ "content", read_content, 0 },
	{ "order", read_order, CONFIG_FOR_CERT },
	{ "format", read_format, CONFIG_FOR_CERT },
	{ "legacy", read_legacy, CONFIG_FOR_CERT },
	{ "pbmac1", read_pbmac1, CONFIG_FOR_CERT },
	{ "owner", read_owner, 0 },
	{ "group", read_group, 0 },
	{ "mode", read_mode, 0 },
	{ "password_file", read_password, CONFIG_FOR_CERT },
	{ "on_stale", read_on_stale, CONFIG_FOR_CRL },
	{ NULL, NULL, 0 },
};

void config_key_mode(struct config_reader *r, const config_setting_t *s, uint32_t mode)
{
	if ((mode & 0007) != 0)
		config_expected(r, s, "a mode that keeps the private key from others");
}

#define IS(kind) (1u << (CONTENT_##kind))
#define HAS_KEY  (IS(KEY) | IS(COMBINED))
#define IS_P12   (IS(PKCS12) | IS(TRUSTSTORE))
#define WITH_KEY (HAS_KEY | IS(PKCS12) | IS(SDS))

/* What a setting is for. */
static const struct belongs {
	const char *setting;
	uint32_t contents;
	const char *unless;
} belongs[] = {
	{ "order", IS(COMBINED), "content is not combined" },
	{ "format", HAS_KEY, "content is not key or combined" },
	{ "legacy", IS_P12, "content is not pkcs12 or truststore" },
	{ "pbmac1", IS_P12, "content is not pkcs12 or truststore" },
	{ "password_file", HAS_KEY | IS_P12,
	  "content is not pkcs12, truststore, key or combined" },
};

static void check_settings(struct config_reader *r, const config_setting_t *s,
			   const struct spec_file *f)
{
	for (size_t i = 0; i < sizeof(belongs) / sizeof(belongs[0]); i++) {
		const config_setting_t *m = config_member(s, belongs[i].setting);

		if (m != NULL && (belongs[i].contents & 1u << f->content) == 0)
			config_error(r, m, "found it, expected none: %s",
				     belongs[i].unless);
	}
}

static void read_path(struct config_reader *r, const config_setting_t *s,
		      struct spec_file *f)
{
	const config_setting_t *path = config_member(s, "path");
	const char *end;

	if (path == NULL) {
		config_missing(r, s, "path", "where it is to be written");
		return;
	}
	if (f->content == CONTENT_HASHED) {
		config_output_folder(r, path, &f->path);
		return;
	}
	if (!config_output(r, path, &f->path) || f->content != CONTENT_SDS)
		return;
	end = strrchr(config_setting_get_string(path), '.');
	if (end == NULL || strcmp(end, ".json") != 0)
		config_expected(r, path,
				"a path that ends in .json: by that Envoy knows "
				"what it is");
}

static void check_password(struct config_reader *r, const config_setting_t *s,
			   const struct spec_file *f)
{
	const config_setting_t *password = config_member(s, "password_file");

	if ((IS_P12 & 1u << f->content) != 0 && password == NULL)
		config_missing(r, s, "password_file", "the path of its password");
	/* The older forms have an encryption of their own, with MD5. */
	if (f->key_form == CONTENT_KEY_TRADITIONAL && password != NULL)
		config_error(r, password,
			     "found it, expected none: only format = \"pkcs8\" and "
			     "\"der\" can be encrypted");
	if (f->key_form == CONTENT_KEY_DER && f->content == CONTENT_COMBINED)
		config_expected(r, config_member(s, "format"),
				"\"pkcs8\" or \"traditional\" in a combined file");
}

static void check_reach(struct config_reader *r, const config_setting_t *s,
			const struct spec_file *f)
{
	const char *path = snapshot_string(r->b, f->path);
	AUTO_FREE char *folder = NULL;

	if (path == NULL)
		return;
	folder = f->content == CONTENT_HASHED
		     ? xstrdup(path)
		     : xstrndup(path, (size_t)(strrchr(path, '/') - path));
	config_reach(r, s, folder, f->uid, f->gid, f->mode);
}

static void read_file(struct config_reader *r, const config_setting_t *s, uint32_t what,
		      struct spec_file *f)
{
	uint32_t id = r->host->is_root ? 0 : SPEC_NOBODY;
	bool with_key;

	*f = (struct spec_file){ .uid = id, .gid = id, .mode = MODE_UNSET };
	if (what == CONFIG_FOR_CRL) {
		f->content = CONTENT_CRL;
		f->on_stale = STALE_UNSET;
	}
	if (!config_group(r, s, rules, what, f))
		return;
	read_path(r, s, f);
	if (what == CONFIG_FOR_CERT)
		check_settings(r, s, f);
	check_password(r, s, f);
	with_key = what == CONFIG_FOR_CERT && (WITH_KEY & 1u << f->content) != 0;
	if (f->mode == MODE_UNSET)
		f->mode = with_key ? 0600 : 0644;
	else if (with_key && f->password_file.at == 0)
		config_key_mode(r, config_member(s, "mode"), f->mode);
	check_reach(r, s, f);
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

static void file_fits(struct config_reader *r, const config_setting_t *s,
		      const struct spec_file *f, const struct spec_cert *c)
{
	if (c->key == KEY_ED25519 && f->key_form == CONTENT_KEY_TRADITIONAL)
		config_expected(r, config_member(s, "format"),
				"\"pkcs8\" or \"der\", as an ed25519 key has no "
				"older form");
	if (c->csr.at != 0 && (WITH_KEY & 1u << f->content) != 0)
		config_expected(r, config_member(s, "content"),
				"one without the private key: with csr it is "
				"elsewhere");
}

void config_files_fit(struct config_reader *r, const config_setting_t *s,
		      const struct spec_cert *c)
{
	for (uint32_t i = 0; i < c->files.n; i++) {
		const struct spec_file *files = snapshot_records(r->b, SPEC_FILES);

		file_fits(r, config_item(s, i), &files[c->files.first + i], c);
	}
}
