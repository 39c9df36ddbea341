#include "tests/crash/also.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/buf.h"
#include "tests/crash/cases.h"
#include "tests/crash/outside.h"
#include "tests/crash/sets.h"
#include "tests/crash/world.h"

static const char *wrong(char why[CHECK_WHY], const char *what, const char *on)
{
	snprintf(why, CHECK_WHY, "%.200s: %.250s", on, what);
	return why;
}

/* -- keys -- */

static bool is_key(const struct world *w, const char *file, const char *hex)
{
	AUTO_BUF struct buf pem = { 0 };
	char have[65];

	if (!world_read(w, file, &pem))
		return false;
	sets_key_hash(&pem, have);
	return strcmp(have, hex) == 0;
}

static bool has_key(const struct world *w, const char *cert, const char *hex)
{
	char file[PATH_MAX];

	snprintf(file, sizeof(file), "state/archive/%s/.pending", cert);
	if (is_key(w, file, hex))
		return true;
	for (unsigned i = sets_highest(w, cert); i > 0; i--) {
		snprintf(file, sizeof(file), "state/archive/%s/%010u/privkey.pem", cert,
			 i);
		if (is_key(w, file, hex))
			return true;
	}
	return false;
}

const char *also_keys(const struct crash_case *c, const struct world *w,
		      unsigned before, char why[CHECK_WHY])
{
	char hex[65], cert[64];

	for (unsigned k = before; outside_key(w, k, hex); k++) {
		bool found = false;

		for (unsigned i = 0; !found && sets_word(c->certs, i, cert); i++)
			found = has_key(w, cert, hex);
		if (!found)
			return wrong(why, "the CA has signed this key, and it is lost",
				     hex);
	}
	return NULL;
}

/* -- lists -- */

static bool are_same(const struct world *w, const char *a, const char *b)
{
	X509_CRL *one = sets_crl_at(w, a), *other = sets_crl_at(w, b);
	bool same = one != NULL && other != NULL && X509_CRL_match(one, other) == 0;

	X509_CRL_free(one);
	X509_CRL_free(other);
	return same;
}

static bool is_there(const struct world *w, const char *file)
{
	AUTO_BUF struct buf text = { 0 };

	return world_read(w, file, &text);
}

const char *also_revoked(const struct world *w, bool is_end, unsigned how,
			 char why[CHECK_WHY])
{
	static const char *const files[] = { "state/ca/lab/crl.pem",
					     "state/ca/lab/crl.der" };

	for (int i = 0; i < 2; i++)
		if (is_there(w, files[i]) && !are_same(w, files[i], files[i]))
			return wrong(why, "it is no whole list", files[i]);
	if (is_end && (how & CHECK_FAILED) == 0 && !are_same(w, files[0], files[1]))
		return wrong(why, "its two forms are not the same list", files[0]);
	if (is_end && (how & CHECK_WHOLE) != 0 && !sets_is_revoked(w, "www", 1))
		return wrong(why, "who was revoked is not on it", files[0]);
	return NULL;
}

/* It is there, whole, and the CA's last list, or with `may_be_old` what it was. */
static const char *check_list(const struct world *w, const char *file, bool may_be_old,
			      char why[CHECK_WHY])
{
	char was[PATH_MAX];

	if (may_be_old && !is_there(w, file))
		return NULL;
	snprintf(was, sizeof(was), "%s/%s", w->kept, file);
	if (are_same(w, file, "state/ca/flat/crl.der") ||
	    (may_be_old && are_same(w, file, was)))
		return NULL;
	return wrong(why, may_be_old ? "it is neither old nor new" : "it is not new",
		     file);
}

/* The one list of a folder, by the name that OpenSSL gives it; false: there is none. */
static bool find_hashed(const struct world *w, char file[PATH_MAX])
{
	const struct dirent *f;
	bool found = false;
	DIR *d;

	snprintf(file, PATH_MAX, "%s/out/hashed", w->dir);
	d = opendir(file);
	while (d != NULL && !found && (f = readdir(d)) != NULL)
		if (strstr(f->d_name, ".r0") != NULL && f->d_name[0] != '.') {
			snprintf(file, PATH_MAX, "out/hashed/%.64s", f->d_name);
			found = true;
		}
	if (d != NULL)
		closedir(d);
	return found;
}

/* Lines of hook.log that begin so, in w/ or in kept/. */
static unsigned hooked(const struct world *w, const char *dir, const char *head)
{
	AUTO_BUF struct buf log = { 0 };
	char path[PATH_MAX];
	unsigned n = 0;

	snprintf(path, sizeof(path), "%s/hook.log", dir);
	if (!world_read(w, path, &log) || log.data == NULL)
		return 0;
	for (const char *at = log.data; at != NULL; at = strchr(at, '\n')) {
		at += *at == '\n';
		n += strncmp(at, head, strlen(head)) == 0;
	}
	return n;
}

static bool has_hooked(const struct world *w, const char *head)
{
	return hooked(w, w->dir, head) > hooked(w, w->kept, head);
}

const char *also_lists(const struct world *w, bool is_end, unsigned how,
		       char why[CHECK_WHY])
{
	static const char *const files[] = { "state/crl/clients.pem", "out/clients.crl",
					     "out/clients.der" };
	char hashed[PATH_MAX];

	(void)how;
	for (int i = 0; i < 3; i++)
		if (check_list(w, files[i], !is_end, why) != NULL)
			return why;
	if (find_hashed(w, hashed) ? check_list(w, hashed, !is_end, why) != NULL
				   : is_end)
		return wrong(why, "it has not the list, or not a whole one",
			     "out/hashed");
	if (is_end && !has_hooked(w, "clients "))
		return wrong(why, "no hook has run for them", "clients");
	return NULL;
}

/* -- roots -- */

struct roots {
	X509 *all[4];
	unsigned n;
	bool is_whole;
};

/* Those that have signed themselves. */
static void roots_in(const struct world *w, const char *file, struct roots *r)
{
	AUTO_BUF struct buf pem = { 0 };
	X509 *cert;
	BIO *bio;

	*r = (struct roots){ .n = 0 };
	if (!world_read(w, file, &pem) || pem.len == 0)
		return;
	bio = BIO_new_mem_buf(pem.data, (int)pem.len);
	while (r->n < 4 && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		if (X509_self_signed(cert, 1) == 1)
			r->all[r->n++] = cert;
		else
			X509_free(cert);
	r->is_whole = r->n > 0 && BIO_eof(bio);
	BIO_free(bio);
}

static void roots_done(struct roots *r)
{
	while (r->n > 0)
		X509_free(r->all[--r->n]);
}

/* How many of `a` are in `b`. */
static unsigned common(const struct roots *a, const struct roots *b)
{
	unsigned n = 0;

	for (unsigned i = 0; i < a->n; i++)
		for (unsigned k = 0; k < b->n; k++)
			n += X509_cmp(a->all[i], b->all[k]) == 0;
	return n;
}

/* What is kept or written in `file`. */
static const char *check_roots(const struct world *w, const char *file, bool is_end,
			       char why[CHECK_WHY])
{
	struct roots have, first, named;
	const char *what = NULL;
	char path[PATH_MAX];

	roots_in(w, file, &have);
	snprintf(path, sizeof(path), "%s/ca/root.pem", w->base);
	roots_in(w, path, &first);
	snprintf(path, sizeof(path), "%s/ca/cas.pem", w->base);
	roots_in(w, path, &named);
	if (is_there(w, file) && !have.is_whole)
		what = "it is not whole";
	else if (have.n !=
		 (named.n > 0 ? common(&have, &named) : common(&have, &first)))
		what = "it has another root";
	else if (have.n > 0 && common(&first, &have) == 0)
		what = "it has lost the first root";
	else if (is_end && have.n != (named.n > 0 ? named.n : first.n))
		what = "it has not the roots that the CA names";
	roots_done(&have);
	roots_done(&first);
	roots_done(&named);
	return what == NULL ? NULL : wrong(why, what, file);
}

const char *also_roots(const struct world *w, bool is_end, unsigned how,
		       char why[CHECK_WHY])
{
	(void)how;
	if (check_roots(w, "state/roots/ca.pem", is_end, why) != NULL ||
	    check_roots(w, "out/bundle.pem", is_end, why) != NULL)
		return why;
	if (is_end && !has_hooked(w, "www "))
		return wrong(why, "no hook has run for it", "out/bundle.pem");
	return NULL;
}
