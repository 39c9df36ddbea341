/*
 * keeper_stage: a store with certificates of every kind of issuer, what stands beside it, and
 * whether a keeper has changed anything that it is not there to change.
 */
#pragma once

#include <dirent.h>
#include <openssl/pem.h>
#include <sys/mman.h>

#include "agent/role/lend.h"
#include "agent/role/messages.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/x509.h"
#include "tests/agent/home.h"
#include "tests/help/certs.h"
#include "tests/help/crls.h"
#include "tests/help/hostile.h"
#include "tests/help/mutant.h"
#include "tests/help/signed.h"

#define LENT  4
#define CERTS 6
#define TOKEN "DGyRejmCefe7v4NfDGDKfA"

static const char config[] =
    "state_dir = \"$/state\"; agree_terms = true; contact = \"mailto:a@a.example\";"
    "issuers = ("
    " { name = \"lab\"; type = \"local\"; subject = \"CN=Lab\";"
    "   permitted = [ \"example.org\" ]; },"
    " { name = \"other\"; type = \"local\"; subject = \"CN=Other\"; },"
    " { name = \"far\"; type = \"acme\"; url = \"https://ca.example/dir\";"
    "   eab = { kid = \"kid-1\"; key_file = \"$/secret/eab\"; }; },"
    " { name = \"near\"; type = \"acme\"; url = \"https://near.example/dir\"; },"
    " { name = \"corp\"; type = \"cfssl\"; url = \"http://ca.corp.example\";"
    "   profile = \"server\"; auth_key_file = \"$/secret/auth\"; },"
    " { name = \"est\"; type = \"est\"; url = \"https://est.corp.example\";"
    "   user = \"web\"; password_file = \"$/secret/password\"; } );"
    "crls = { name = \"list\"; url = [ \"http://ca.example/crl\", \"file://$/list\" ];"
    "  ca = \"$/ca.pem\"; files = { path = \"$/files/list.pem\"; content = \"crl\"; }; "
    "};"
    "certificates = ("
    " { name = \"a\"; names = \"a.example.org\"; issuer = \"lab\"; files = ("
    "   { path = \"$/files/a.pem\"; content = \"fullchain\"; },"
    "   { path = \"$/files/a.key\"; content = \"key\"; } ); },"
    " { name = \"b\"; names = [ \"b.example\", \"192.0.2.7\" ]; issuer = \"other\"; },"
    " { name = \"c\"; names = [ \"c.example\", \"*.c.example\" ]; issuer = [ \"far\", "
    "\"near\" ];"
    "   optional = \"d.c.example\"; challenge = ("
    "   { type = \"http-01\"; webroot = \"$/web\"; },"
    "   { type = \"dns-01\"; rfc2136 = { server = \"192.0.2.1\"; key_name = \"k\";"
    "     key_file = \"$/secret/tsig\"; zone = \"example.org\"; }; } ); },"
    " { name = \"d\"; names = \"d.example\"; issuer = [ \"near\", \"other\" ]; "
    "allow_private = true; challenge ="
    "   { type = \"http-01\"; listen = \"127.0.0.1:8080\"; }; },"
    " { name = \"e\"; names = \"e.example\"; issuer = \"corp\"; },"
    " { name = \"f\"; names = \"f.example\"; issuer = [ \"est\", \"other\" ]; } );";

/* A socket that was lent, and for what. */
struct lent {
	int fd; /* the worker's end; -1: none */
	struct lend_ticket ticket;
};

struct stage {
	struct home home;
	struct spec spec;
	struct mutant u;
	struct alone keeper;
	enum command command;
	struct lent lent[LENT];
	struct buf said;
	struct buf before; /* hostile_look() at all that is not the keeper's */
	struct buf spki;   /* of some key */
	char *authorization;
	struct buf keys[CERTS]; /* the SPKI that it made last */
	char *leaves[CERTS];    /* PEM of what the CA gave for it */
	char *chains[CERTS];
	uint64_t generations[CERTS];
	int root; /* the state directory */
	int crl;  /* an unlinked file with a revocation list in it */
	size_t crl_len;
	uint8_t ca[HASH_LEN]; /* whose it is */
	uint32_t n_sent, n_refused, n_ended;
	uint32_t n_done[MESSAGES]; /* by type */
};

static inline const struct scratch *top(const struct stage *s)
{
	return s->home.scratch;
}

/* -- what it may write -- */

static inline bool is_below(const char *path, const char *folder)
{
	const size_t len = strlen(folder);

	return strncmp(path, folder, len) == 0 &&
	       (path[len] == '/' || path[len] == '\0');
}

/* archive/a, live/f, ..., and what is below; no other name. */
static inline bool is_of_a_cert(const char *path, const char *folder)
{
	const size_t len = strlen(folder);

	return strncmp(path, folder, len) == 0 && path[len] >= 'a' &&
	       path[len] < 'a' + CERTS &&
	       (path[len + 1] == '\0' || path[len + 1] == '/');
}

static inline bool is_keepers(const char *path)
{
	static const char *const folders[] = {
		"state/ca/lab",        "state/ca/other",  "state/accounts/far",
		"state/accounts/near", "files/a.pem",     "files/a.key",
		"files/list.pem",      "web/.well-known",
	};
	static const char *const these[] = { "state",          "state/archive",
					     "state/live",     "state/ca",
					     "state/accounts", "state/crl",
					     "files",          "web" };

	for (size_t i = 0; i < sizeof(these) / sizeof(*these); i++)
		if (strcmp(path, these[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (is_below(path, folders[i]))
			return true;
	return is_of_a_cert(path, "state/archive/") ||
	       is_of_a_cert(path, "state/live/") ||
	       strncmp(path, "state/crl/list.", 15) == 0 ||
	       strncmp(path, "state/crl/list@", 15) == 0;
}

static inline void nothing_else_has_changed(const struct stage *s)
{
	AUTO_BUF struct buf now = { 0 };

	hostile_look(top(s)->path, is_keepers, &now);
	if (strcmp(now.data, s->before.data) != 0)
		fail_msg("what is not the keeper's has changed, from\n%sto\n%s",
			 s->before.data, now.data);
}

/* As a server does: over links. */
static inline void read_file(const struct stage *s, const char *path, struct buf *text)
{
	AUTO_FD int fd = openat(top(s)->fd, path, O_RDONLY | O_CLOEXEC);
	char part[4096];
	ssize_t n;

	if (fd < 0)
		fail_msg("%s cannot be opened", path);
	while ((n = read(fd, part, sizeof(part))) > 0)
		buf_add(text, part, (size_t)n);
}

/* The octets of the first PEM block. */
static inline void first_block(const char *pem, struct buf *der)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	char *name = NULL, *header = NULL;
	unsigned char *data = NULL;
	long len = 0;

	assert_int_equal(PEM_read_bio(bio, &name, &header, &data, &len), 1);
	buf_add(der, data, (size_t)len);
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(data);
	BIO_free(bio);
}

/* What is live has its own key, which nobody else can read. Whether it is valid the agent
 * has looked at: a keeper reads no certificates, and believes of them what an agent says. */
static inline void what_is_live_has_its_key(const struct stage *s)
{
	for (uint32_t c = 0; c < s->spec.n[SPEC_CERTS]; c++) {
		const char *name = spec_text(&s->spec, s->spec.certs[c].name);
		AUTO_FREE char *path = xasprintf("state/live/%s/cert.pem", name);
		AUTO_FREE char *key = xasprintf("state/live/%s/privkey.pem", name);
		AUTO_BUF struct buf pem = { 0 };
		AUTO_BUF struct buf key_pem = { 0 };
		AUTO_BUF struct buf spki = { 0 };
		AUTO_BUF struct buf der = { 0 };
		AUTO_KEY EVP_PKEY *own = NULL;
		struct err e;

		if (!scratch_has(top(s), path))
			continue;
		read_file(s, path, &pem);
		read_file(s, key, &key_pem);
		assert_int_equal(scratch_stat(top(s), key).st_mode & 077, 0);
		if (key_from_pem(key_pem.data, key_pem.len, &own, &e) < 0 ||
		    key_to_spki(own, &spki, &e) < 0)
			fail_msg("%s", e.text);
		first_block(pem.data, &der);
		if (memmem(der.data, der.len, spki.data, spki.len) == NULL)
			fail_msg("what is live of %s is of another key", name);
	}
}

/* What anyone can fetch is a token and our own thumbprint. */
static inline void what_is_shown_is_ours(const struct stage *s)
{
	static const char folder[] = "web/.well-known/acme-challenge/";
	AUTO_FREE char *path = xasprintf("%s/%s", top(s)->path, folder);
	DIR *dir = opendir(path);
	const struct dirent *d;

	while (dir != NULL && (d = readdir(dir)) != NULL) {
		AUTO_FREE char *file = xasprintf("%s%s", folder, d->d_name);
		AUTO_BUF struct buf text = { 0 };

		if (d->d_name[0] == '.')
			continue;
		read_file(s, file, &text);
		if (strncmp(text.data, d->d_name, strlen(d->d_name)) != 0 ||
		    strcmp(strchr(text.data, '.'), strchr(s->authorization, '.')) != 0)
			fail_msg("%s is shown as %s", text.data, d->d_name);
	}
	if (dir != NULL)
		closedir(dir);
}

static inline void look(const struct stage *s)
{
	nothing_else_has_changed(s);
	what_is_live_has_its_key(s);
	what_is_shown_is_ours(s);
}

/* -- the stage -- */

static inline void furnish(const struct home *h)
{
	const struct scratch *s = h->scratch;
	static const char *const folders[] = {
		"state", "state/archive", "state/live", "state/ca", "state/agent",
		"files", "web",           "secret",     "outside",  "outside/a"
	};
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		scratch_mkdir(s, folders[i]);
	scratch_put(s, "list", "no list");
	scratch_put(s, "victim", "untouched");
	scratch_put(s, "files/other", "untouched");
	scratch_put(s, "outside/a/cert.pem", "untouched");
	scratch_put(s, "state/agent/state.db", "untouched");
	home_secret(h, "secret/eab", "YSBrZXkgdGhhdCB0aGUgQ0EgZ2F2ZSB1cyBmb3IgaXQ=\n");
	home_secret(h, "secret/auth", "0123456789abCDEF0f\n");
	home_secret(h, "secret/password", "sesame\n");
	home_secret(h, "secret/tsig", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n");
}

/* A CA whose revocation list can be kept and written. */
static inline void furnish_crl(struct stage *s)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_X509 X509 *ca = crls_ca("CA", key, "critical,keyCertSign,cRLSign");
	AUTO_BUF struct buf pem = { 0 };
	AUTO_BUF struct buf der = { 0 };
	AUTO_BUF struct buf list = { 0 };
	struct err e;

	assert_int_equal(x509_to_pem(ca, &pem, &e), 0);
	assert_int_equal(x509_to_der(ca, &der, &e), 0);
	scratch_put(top(s), "ca.pem", pem.data);
	hash_all(der.data, der.len, s->ca);
	crls_make(&(struct crls_plan){ .ca = ca, .key = key, .number = 1 }, &list);
	s->crl = memfd_create("crl", MFD_CLOEXEC);
	s->crl_len = list.len;
	assert_int_equal(write(s->crl, list.data, list.len), list.len);
}

/* An account that is registered, so that there is something to sign as. */
static inline char *furnish_account(int root, const char *issuer, const char *url)
{
	AUTO_ACCOUNT struct account a = { .key = NULL };
	AUTO_BUF struct buf print = { 0 };
	struct err e;

	assert_int_equal(account_make_key(root, issuer, KEY_ECDSA_P256, &a, &e), 0);
	assert_int_equal(account_save_url(root, issuer, url, &e), 0);
	assert_int_equal(jws_thumbprint(a.key, &print, &e), 0);
	return xasprintf("%s.%s", TOKEN, print.data);
}

static inline int stage_in(void **state)
{
	struct stage *s = test_calloc(1, sizeof(*s));
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	struct err e;

	if (scratch_in(&s->home.scratch) < 0)
		return -1;
	furnish(&s->home);
	furnish_crl(s);
	home_compile(&s->home, config);
	assert_int_equal(spec_map(s->home.snapshot, &s->spec, &e), 0);
	s->root = openat(top(s)->fd, "state", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	s->authorization =
	    furnish_account(s->root, "near", "https://near.example/acct/1");
	assert_int_equal(key_to_spki(key, &s->spki, &e), 0);
	for (size_t i = 0; i < LENT; i++)
		s->lent[i].fd = -1;
	hostile_look(top(s)->path, is_keepers, &s->before);
	*state = s;
	return 0;
}

static inline int stage_out(void **state)
{
	struct stage *s = *state;

	for (size_t i = 0; i < CERTS; i++) {
		buf_done(&s->keys[i]);
		free(s->leaves[i]);
		free(s->chains[i]);
	}
	close(s->crl);
	close(s->root);
	buf_done(&s->said);
	buf_done(&s->before);
	buf_done(&s->spki);
	free(s->authorization);
	spec_done(&s->spec);
	return home_out(state);
}
