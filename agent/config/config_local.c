#include "agent/config/config_local.h"

#include "agent/config/config_constraint.h"
#include "agent/config/config_report.h"
#include "agent/config/config_value.h"
#include "agent/role/spec_issuer.h"
#include "base/err.h"
#include "ca/local_dn.h"

#define DAY_S           86400
#define LIFETIME_MAX_S  (36500LL * DAY_S)
#define PATH_LENGTH_MAX 10

void config_dn(struct config_reader *r, const config_setting_t *s, const char *expected,
	       struct text *out)
{
	const char *word = config_string(r, s, expected);
	X509_NAME *dn = NULL;
	struct err e;

	if (word == NULL)
		return;
	if (local_dn_parse(word, &dn, &e) < 0)
		config_expected(r, s, "%s: %s", expected, e.text);
	else
		*out = snapshot_text(r->b, word);
	X509_NAME_free(dn);
}

void config_local_subject(struct config_reader *r, const config_setting_t *s,
			  void *into)
{
	config_dn(r, s, "a name such as \"CN=Lab CA,O=Example\"",
		  &((struct spec_issuer *)into)->subject);
}

void config_local_lifetime(struct config_reader *r, const config_setting_t *s,
			   void *into)
{
	config_span(r, s, 1, LIFETIME_MAX_S, &((struct spec_issuer *)into)->lifetime_s);
}

void config_local_ca_lifetime(struct config_reader *r, const config_setting_t *s,
			      void *into)
{
	config_span(r, s, 1, LIFETIME_MAX_S,
		    &((struct spec_issuer *)into)->ca_lifetime_s);
}

void config_local_crl_url(struct config_reader *r, const config_setting_t *s,
			  void *into)
{
	config_url(r, s, "http https", &((struct spec_issuer *)into)->crl_url);
}

void config_local_intermediate(struct config_reader *r, const config_setting_t *s,
			       void *into)
{
	config_bool(r, s, &((struct spec_issuer *)into)->intermediate);
}

void config_local_ca_key(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_key_type(r, s, &((struct spec_issuer *)into)->ca_key);
}

void config_local_path_length(struct config_reader *r, const config_setting_t *s,
			      void *into)
{
	config_int(r, s, 0, PATH_LENGTH_MAX,
		   &((struct spec_issuer *)into)->path_length);
}

void config_local_permitted(struct config_reader *r, const config_setting_t *s,
			    void *into)
{
	config_constraints(r, s, &((struct spec_issuer *)into)->permitted);
}

void config_local_excluded(struct config_reader *r, const config_setting_t *s,
			   void *into)
{
	config_constraints(r, s, &((struct spec_issuer *)into)->excluded);
}

void config_local_check(struct config_reader *r, const config_setting_t *s,
			struct spec_issuer *i, const char *name)
{
	AUTO_BUF struct buf subject = { 0 };

	if (i->subject.at == 0) {
		buf_printf(&subject, "CN=%s", name);
		i->subject = snapshot_text(r->b, subject.data);
	}
	if (i->lifetime_s > i->ca_lifetime_s)
		config_error(r, s,
			     "found a lifetime longer than the CA's own, expected "
			     "ca_lifetime to be at least lifetime");
	if (i->intermediate && i->path_length == 0)
		config_expected(r, config_member(s, "path_length"),
				"at least 1, or no intermediate");
}
