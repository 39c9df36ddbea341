#include "tests/crash/sets.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "tests/crash/world.h"

/* -- names -- */

bool sets_word(const char *text, unsigned i, char out[64])
{
	const char *at = text == NULL ? "" : text;
	size_t n = strcspn(at, " ");

	for (; i > 0 && at[n] == ' '; i--) {
		at += n + 1;
		n = strcspn(at, " ");
	}
	if (i > 0 || n == 0)
		return false;
	snprintf(out, 64, "%.*s", (int)n, at);
	return true;
}

void sets_cert_of(const char *file, char out[64])
{
	const char *slash = strrchr(file, '/');
	const char *name = slash == NULL ? file : slash + 1;

	snprintf(out, 64, "%.*s", (int)strcspn(name, "."), name);
}

unsigned sets_live(const struct world *w, const char *cert)
{
	char path[PATH_MAX];
	char to[PATH_MAX] = "";
	const char *slash;

	snprintf(path, sizeof(path), "%s/state/live/%s", w->dir, cert);
	if (readlink(path, to, sizeof(to) - 1) < 0)
		return 0;
	slash = strrchr(to, '/');
	return slash == NULL ? 0 : (unsigned)strtoul(slash + 1, NULL, 10);
}

unsigned sets_highest(const struct world *w, const char *cert)
{
	char path[PATH_MAX];
	unsigned highest = 0;
	const struct dirent *f;
	DIR *d;

	snprintf(path, sizeof(path), "%s/state/archive/%s", w->dir, cert);
	d = opendir(path);
	while (d != NULL && (f = readdir(d)) != NULL) {
		unsigned long n = strtoul(f->d_name, NULL, 10);

		if (n > highest)
			highest = (unsigned)n;
	}
	if (d != NULL)
		closedir(d);
	return highest;
}

unsigned sets_seen(const struct world *w, const char *log, const char *cert)
{
	AUTO_BUF struct buf text = { 0 };
	char head[160];
	unsigned seen = 0;
	char *rest = NULL;

	snprintf(head, sizeof(head), "%s ../archive/%s/", cert, cert);
	if (!world_read(w, log, &text) || text.len == 0)
		return 0;
	/* The lines of a hook that had no time to sync them. */
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] == '\0')
			text.data[i] = '\n';
	for (char *line = strtok_r(text.data, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest))
		if (strncmp(line, head, strlen(head)) == 0)
			seen = (unsigned)strtoul(line + strlen(head), NULL, 10);
	return seen;
}

/* -- pairs -- */

static EVP_PKEY *key_in(const struct buf *b)
{
	BIO *bio = BIO_new_mem_buf(b->data, (int)b->len);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

	BIO_free(bio);
	return key;
}

X509 *sets_cert_in(const struct buf *b)
{
	BIO *bio = BIO_new_mem_buf(b->data, (int)b->len);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	return cert;
}

bool sets_is_pair(const struct buf *key_pem, const struct buf *cert_pem)
{
	EVP_PKEY *key = key_in(key_pem);
	X509 *cert = sets_cert_in(cert_pem);
	bool ok = key != NULL && cert != NULL && X509_check_private_key(cert, key) == 1;

	EVP_PKEY_free(key);
	X509_free(cert);
	return ok;
}

void sets_key_hash(const struct buf *pem, char hex[65])
{
	AUTO_BUF struct buf record = { 0 };

	sets_record(pem, &record);
	snprintf(hex, 65, "%.64s",
		 record.data == NULL ? "" : record.data + strlen("3 1 1 "));
}

void sets_record(const struct buf *pem, struct buf *record)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	EVP_PKEY *key = key_in(pem);
	X509 *cert = sets_cert_in(pem);
	unsigned char *der = NULL;
	unsigned n = 0;
	int len = i2d_PUBKEY(key != NULL ? key : X509_get0_pubkey(cert), &der);

	if (len > 0 && EVP_Digest(der, (size_t)len, sum, &n, EVP_sha256(), NULL) == 1)
		buf_puts(record, "3 1 1 ");
	for (unsigned i = 0; i < n; i++)
		buf_printf(record, "%02x%s", sum[i], i + 1 == n ? "\n" : "");
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	X509_free(cert);
}

void sets_done(struct sets_files *s)
{
	buf_done(&s->key);
	buf_done(&s->cert);
	buf_done(&s->chain);
	buf_done(&s->full);
}

static bool read_at(const struct world *w, const char *dir, const char *file,
		    struct buf *out)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return world_read(w, path, out);
}

bool sets_read(const struct world *w, const char *dir, struct sets_files *s)
{
	return read_at(w, dir, "privkey.pem", &s->key) &&
	       read_at(w, dir, "cert.pem", &s->cert) &&
	       read_at(w, dir, "chain.pem", &s->chain) &&
	       read_at(w, dir, "fullchain.pem", &s->full);
}

/* -- files -- */

/* What `file` ("www.der") holds for a set. */
static void render(const char *file, const struct sets_files *s, struct buf *out)
{
	const char *content = strrchr(file, '.') + 1;

	if (strcmp(content, "der") == 0) {
		X509 *cert = sets_cert_in(&s->cert);
		unsigned char *der = NULL;
		int n = cert == NULL ? 0 : i2d_X509(cert, &der);

		buf_add(out, der, n > 0 ? (size_t)n : 0);
		OPENSSL_free(der);
		X509_free(cert);
		return;
	}
	buf_add(out, s->key.data, s->key.len);
	if (strcmp(content, "combined") == 0)
		buf_add(out, s->full.data, s->full.len);
}

bool sets_same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len &&
	       (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

bool sets_is_of(const struct world *w, const char *file, const struct buf *got,
		unsigned number)
{
	AUTO_BUF struct buf want = { 0 };
	struct sets_files s = { .key = { 0 } };
	char dir[PATH_MAX];
	char cert[64];
	bool ok;

	sets_cert_of(file, cert);
	snprintf(dir, sizeof(dir), "state/archive/%s/%010u", cert, number);
	ok = sets_read(w, dir, &s);
	if (ok)
		render(file, &s, &want);
	sets_done(&s);
	return ok && sets_same(got, &want);
}

X509_CRL *sets_crl_at(const struct world *w, const char *file)
{
	AUTO_BUF struct buf text = { 0 };
	X509_CRL *crl;
	BIO *bio;

	if (!world_read(w, file, &text))
		return NULL;
	bio = BIO_new_mem_buf(text.data, (int)text.len);
	crl = strstr(file, ".der") != NULL
		  ? d2i_X509_CRL_bio(bio, NULL)
		  : PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
	BIO_free(bio);
	return crl;
}

bool sets_is_revoked(const struct world *w, const char *cert, unsigned number)
{
	AUTO_BUF struct buf pem = { 0 };
	X509_REVOKED *row = NULL;
	X509_CRL *crl = sets_crl_at(w, "state/ca/lab/crl.pem");
	X509 *leaf = NULL;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "state/archive/%s/%010u/cert.pem", cert, number);
	if (world_read(w, path, &pem))
		leaf = sets_cert_in(&pem);
	if (crl != NULL && leaf != NULL)
		X509_CRL_get0_by_cert(crl, &row, leaf);
	X509_CRL_free(crl);
	X509_free(leaf);
	return row != NULL;
}
