#include "acme/directory.h"

#include <stdlib.h>
#include <string.h>

#include "acme/client.h"
#include "base/clock.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/mem.h"

#define TERMS_MAX     200                  /* bytes of the URL that a person is told */
#define CAA_NAME_KEPT 256                  /* longer than any name in DNS */
#define URL_KEPT      (LIMIT_ACME_URL + 1) /* one that is too long stays so */

static const struct field {
	const char *key;
	size_t at;
	bool needed;
} fields[] = {
	{ "newNonce", offsetof(struct acme_directory, new_nonce), true },
	{ "newAccount", offsetof(struct acme_directory, new_account), true },
	{ "newOrder", offsetof(struct acme_directory, new_order), true },
	{ "revokeCert", offsetof(struct acme_directory, revoke_cert), false },
	{ "keyChange", offsetof(struct acme_directory, key_change), false },
	{ "renewalInfo", offsetof(struct acme_directory, renewal_info), false },
};

static int read_urls(struct acme *a, const struct doc *doc, struct err *e)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		const struct field *f = &fields[i];
		const char *url = doc_str(doc, f->key);
		char **slot = (char **)(void *)((char *)&a->directory + f->at);

		if (f->needed)
			TRY(acme_check_url(a, f->key, url, e));
		if (url != NULL)
			*slot = xstrndup(url, URL_KEPT);
	}
	return 0;
}

static void read_profiles(struct acme_directory *d, const struct doc *profiles)
{
	const char *name;

	d->profiles = xcalloc(LIMIT_PROFILES, sizeof(*d->profiles));
	while (d->n_profiles < LIMIT_PROFILES &&
	       (name = doc_key_at(profiles, d->n_profiles)) != NULL)
		d->profiles[d->n_profiles++] = xstrdup(name);
}

static void read_caa(struct acme_directory *d, const struct doc *names)
{
	const char *name;

	d->caa = xcalloc(LIMIT_CAA_NAMES, sizeof(*d->caa));
	while (d->n_caa < LIMIT_CAA_NAMES &&
	       (name = doc_str_at(names, d->n_caa)) != NULL)
		d->caa[d->n_caa++] = xstrndup(name, CAA_NAME_KEPT);
}

static int read_directory(struct acme *a, const struct doc *doc, struct err *e)
{
	const struct doc *meta = doc_member(doc, "meta");
	const char *terms = doc_str(meta, "termsOfService");

	TRY(read_urls(a, doc, e));
	if (terms != NULL)
		a->directory.terms = xstrndup(terms, TERMS_MAX);
	a->directory.needs_eab = doc_true(meta, "externalAccountRequired");
	read_profiles(&a->directory, doc_member(meta, "profiles"));
	read_caa(&a->directory, doc_member(meta, "caaIdentities"));
	return 0;
}

/* What people mistype is answered by some other page, or by none. */
static bool is_elsewhere(const struct acme_reply *reply, int rc)
{
	const long status = reply->http.status;

	if (status / 100 == 2)
		return rc == ERR_NET || (rc == 0 && reply->doc == NULL);
	return (rc == ERR_PROTO || rc == ERR_NET) &&
	       (status == 404 || status / 100 == 3);
}

static int64_t clock_ahead(const struct acme_reply *reply)
{
	const int64_t date = http_date(&reply->http);

	return date == 0 ? 0 : date - clock_now();
}

int directory_fetch(struct acme *a, struct err *e)
{
	AUTO_ACME_REPLY struct acme_reply reply = { 0 };
	int rc = acme_get(a, a->s.url, &reply, e);

	a->clock_ahead_s = clock_ahead(&reply);
	if (is_elsewhere(&reply, rc))
		rc = err_set(e, ERR_PROTO,
			     "the CA answers %ld, with no directory: is the URL right?",
			     reply.http.status);
	if (rc == 0)
		rc = read_directory(a, reply.doc, e);
	if (rc == 0)
		return 0;
	directory_done(&a->directory);
	return err_wrap(e, "directory %s", a->s.url);
}

int directory_need(const struct acme *a, const char *what, const char *url,
		   struct err *e)
{
	if (url == NULL)
		return err_set(e, ERR_REFUSED, "the CA has no %s", what);
	return acme_check_url(a, what, url, e);
}

bool directory_has_profile(const struct acme_directory *d, const char *name)
{
	for (size_t i = 0; i < d->n_profiles; i++)
		if (strcmp(d->profiles[i], name) == 0)
			return true;
	return false;
}

void directory_done(struct acme_directory *d)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		free(*(char **)(void *)((char *)d + fields[i].at));
	for (size_t i = 0; i < d->n_profiles; i++)
		free(d->profiles[i]);
	free(d->profiles);
	for (size_t i = 0; i < d->n_caa; i++)
		free(d->caa[i]);
	free(d->caa);
	free(d->terms);
	*d = (struct acme_directory){ 0 };
}
