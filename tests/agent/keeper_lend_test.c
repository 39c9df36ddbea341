/*
 * keeper: what a worker gets signed on a socket that was lent, read as a CA would read it,
 * and everything else that it could ask for: refused, with a reason.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "acme/ari.h"
#include "acme/client.h"
#include "agent/role/lend.h"
#include "agent/role/messages.h"
#include "agent/role/roles.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/x509.h"
#include "store/account.h"
#include "store/generation.h"
#include "tests/help/alone.h"
#include "tests/help/certs.h"
#include "tests/help/jose.h"
#include "tests/help/lent.h"
#include "tests/help/pending.h"
#include "tests/scratch.h"

#define TWO_32 (UINT64_C(1) << 32)

#define CA  "https://ca.example:14000"
#define KID CA "/acct/1"
#define EAB "a key that the CA gave us for it"

enum { API, WWW }; /* the certificates, sorted by name below */

struct stage {
	struct lent lent;
	uint32_t issuer; /* of api */
	uint32_t plain;  /* another CA, of api too */
	uint32_t third;  /* ... of no certificate */
	uint32_t lab;
};

static const struct lent_config config = {
	.before = "contact = \"mailto:ops@a.example\"; agree_terms = true;"
		  "issuers = ("
		  " { name = \"issuer\"; type = \"acme\"; url = \"" CA
		  "/dir\"; profile = \"short\";"
		  "   eab = { kid = \"kid-1\"; key_file = ",
	.after =
	    "; algorithm = \"HS384\"; };"
	    "   challenge = { type = \"http-01\"; webroot = \"/srv/app\"; }; },"
	    " { name = \"plain\"; type = \"acme\"; url = \"https://plain.example/dir\";"
	    "   challenge = { type = \"http-01\"; webroot = \"/srv/app\"; }; },"
	    " { name = \"third\"; type = \"acme\"; url = \"https://third.example/dir\";"
	    "   account_key = \"ecdsa-p384\";"
	    "   challenge = { type = \"http-01\"; webroot = \"/srv/app\"; }; },"
	    " { name = \"lab\"; type = \"local\"; subject = \"CN=Lab\"; } );"
	    "certificates = ("
	    " { name = \"a\"; names = [ \"api.example\", \"192.0.2.7\" ];"
	    "   optional = \"b.example\";"
	    "   issuer = [ \"issuer\", \"plain\" ]; },"
	    " { name = \"b\"; names = \"www.example\"; issuer = \"lab\"; } );",
	.file = "eab.key",
	/* As people paste it: base64, padded, a line of its own. */
	.secret = "YSBrZXkgdGhhdCB0aGUgQ0EgZ2F2ZSB1cyBmb3IgaXQ=\n",
};

static int stage_in(void **state)
{
	struct stage *s = test_calloc(1, sizeof(*s));

	if (lent_in(&s->lent, &config) < 0)
		return -1;
	s->issuer = lent_issuer(&s->lent, "issuer");
	s->plain = lent_issuer(&s->lent, "plain");
	s->third = lent_issuer(&s->lent, "third");
	s->lab = lent_issuer(&s->lent, "lab");
	*state = s;
	return 0;
}

static int stage_out(void **state)
{
	struct stage *s = *state;
	const int rc = lent_out(&s->lent);

	test_free(s);
	return rc;
}

/* -- the agent -- */

static struct alone begin_at(const struct stage *s, enum command command, uint64_t step,
			     const char *issuer)
{
	const struct request r = {
		.command = command,
		.step = step,
		.names = &issuer,
		.n_names = 1,
	};
	struct alone a;

	alone_start(&a, ROLE_KEEPER, &r, s->lent.snapshot);
	return a;
}

static struct alone begin(const struct stage *s, enum command command, uint64_t step)
{
	return begin_at(s, command, step, "issuer");
}

static struct alone begin_renew(const struct stage *s)
{
	return lent_begin(&s->lent, COMMAND_RENEW, 0);
}

static int lend(const struct alone *a, enum lend what, uint32_t issuer, uint32_t cert)
{
	const struct lend_ticket t = {
		what, issuer, cert, 1, lend_revokes(what) ? 4 : 0, { { 0 } }
	};

	return lent_fd(a, &t);
}

/* -- the worker -- */

struct asked {
	enum acme_ask_kind kind;
	const char *url;
	const char *nonce;
	const char *profile;
	uint64_t key;
	bool replaces;
};

static int try_sign(int fd, const struct asked *r, char **jws, char text[ERR_TEXT_MAX])
{
	AUTO_MSG struct msg m = MSG_NONE;
	int rc;

	msg_begin(&m, SIGN_JWS, 0);
	msg_put_u64(&m, r->kind);
	msg_put_str(&m, r->url);
	msg_put_str(&m, r->nonce);
	msg_put_str(&m, r->profile);
	msg_put_u64(&m, r->key);
	msg_put_u64(&m, r->replaces);
	rc = lent_ask(fd, &m, text);
	if (rc != 0)
		return rc;
	*jws = xstrdup(msg_get_str(&m));
	assert_int_equal(msg_end(&m, &(struct err){ 0 }), 0);
	return 0;
}

static struct asked asked(enum acme_ask_kind kind)
{
	return (struct asked){ kind, CA "/x", "bm9uY2U", "", KEY_NONE, false };
}

static void sign(int fd, struct asked r, struct jose *j)
{
	AUTO_FREE char *jws = NULL;
	char text[ERR_TEXT_MAX];

	if (try_sign(fd, &r, &jws, text) != 0)
		fail_msg("signature %d: %s", (int)r.kind, text);
	jose_read(j, jws);
	assert_string_equal(jose_str(j->header, "url"), r.url);
	assert_string_equal(jose_str(j->header, "nonce"), r.nonce);
}

static void refused(int fd, struct asked r, const char *said)
{
	AUTO_FREE char *jws = NULL;
	char text[ERR_TEXT_MAX];
	int rc = try_sign(fd, &r, &jws, text);

	if (rc == 0 || strstr(text, said) == NULL)
		fail_msg("signature %d: %d \"%s\", expected \"%s\"", (int)r.kind, rc,
			 text, said);
}

static int account(int fd, char kid[256], char thumbprint[64], bool *rolling)
{
	AUTO_MSG struct msg m = MSG_NONE;
	char text[ERR_TEXT_MAX];
	int rc;

	msg_begin(&m, SIGN_ACCOUNT, 0);
	rc = lent_ask(fd, &m, text);
	if (rc != 0)
		return rc;
	snprintf(kid, 256, "%s", msg_get_str(&m));
	snprintf(thumbprint, 64, "%s", msg_get_str(&m));
	*rolling = msg_get_u64(&m) != 0;
	assert_int_equal(msg_end(&m, &(struct err){ 0 }), 0);
	return 0;
}

static int registered(int fd, const char *kid, char text[ERR_TEXT_MAX])
{
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, SIGN_REGISTERED, 0);
	msg_put_str(&m, kid);
	return lent_ask(fd, &m, text);
}

static int rolled(int fd, bool taken, char text[ERR_TEXT_MAX])
{
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, SIGN_ROLLED, 0);
	msg_put_u64(&m, taken);
	return lent_ask(fd, &m, text);
}

/* The account that is on disk, made and registered without the keeper. */
static EVP_PKEY *have_account(const struct stage *s, const char *name, const char *kid)
{
	const struct scratch *dir = s->lent.scratch;
	AUTO_ACCOUNT struct account a = { 0 };
	struct err e;

	assert_int_equal(account_make_key(dir->fd, name, KEY_ECDSA_P256, &a, &e), 0);
	if (kid != NULL)
		assert_int_equal(account_save_url(dir->fd, name, kid, &e), 0);
	return TAKE(a.key);
}

static struct account on_disk(const struct stage *s, const char *name)
{
	const struct scratch *dir = s->lent.scratch;
	struct account a = { 0 };
	struct err e;

	assert_int_equal(account_load(dir->fd, name, &a, &e), 0);
	return a;
}

/* -- the account -- */

static void an_account_is_made_with_a_key_of_its_own_and_remembered(void **state)
{
	const struct stage *s = *state;
	struct alone a = begin_renew(s);
	AUTO_FD int fd = lend(&a, LEND_ORDER, s->issuer, API);
	AUTO_ACCOUNT struct account disk = { 0 };
	AUTO_KEY EVP_PKEY *own = NULL;
	AUTO_JOSE struct jose j;
	char kid[256], thumbprint[64], text[ERR_TEXT_MAX];
	bool rolling = true;

	assert_int_equal(account(fd, kid, thumbprint, &rolling), 0);
	assert_string_equal(kid, "");
	assert_int_equal(strlen(thumbprint), 43);
	assert_false(rolling);
	sign(fd, asked(ASK_NEW_ACCOUNT), &j);
	assert_true(jose_verifies(&j, NULL));
	own = jose_key(json_object_get(j.header, "jwk"));
	disk = on_disk(s, "issuer");
	assert_true(key_same_public(own, disk.key)); /* before the CA hears of it */
	assert_string_equal(
	    json_string_value(json_array_get(json_object_get(j.payload, "contact"), 0)),
	    "mailto:ops@a.example");
	assert_true(json_is_true(json_object_get(j.payload, "termsOfServiceAgreed")));
	assert_int_equal(registered(fd, KID, text), 0);
	assert_int_equal(account(fd, kid, thumbprint, &rolling), 0);
	assert_string_equal(kid, KID);
	scratch_expect(s->lent.scratch, "accounts/issuer/account.json",
		       "{\"version\":1,\"url\":\"" KID "\"}");
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

/* It is a worker's word. What the CA calls it then is told: records may hang on it. */
static void an_account_that_is_lost_is_made_again_with_the_same_key(void **state)
{
	const struct stage *s = *state;
	AUTO_KEY EVP_PKEY *key = have_account(s, "issuer", KID);
	struct alone a = begin_renew(s);
	AUTO_FD int fd = lend(&a, LEND_ORDER, s->issuer, API);
	struct asked r = asked(ASK_NEW_ACCOUNT);
	AUTO_JOSE struct jose again;
	char kid[256], thumbprint[64], text[ERR_TEXT_MAX], said[1024];
	bool rolling;

	assert_int_equal(registered(fd, "", text), 0);
	assert_int_equal(account(fd, kid, thumbprint, &rolling), 0);
	assert_string_equal(kid, "");
	refused(fd, asked(ASK_FETCH), "no account yet");
	scratch_expect(s->lent.scratch, "accounts/issuer/account.json",
		       "{\"version\":1,\"url\":\"" KID "\"}");
	r.key = KEY_RSA_2048; /* would cost the account, were it there after all */
	refused(fd, r, "is registered");
	r.key = KEY_NONE;
	sign(fd, r, &again);
	assert_true(jose_verifies(&again, key));
	assert_int_equal(registered(fd, KID "0", text), 0);
	assert_int_equal(account(fd, kid, thumbprint, &rolling), 0);
	assert_string_equal(kid, KID "0");
	assert_int_equal(alone_end(&a, said, sizeof(said)), 0);
	assert_non_null(strstr(said, "issuer: the CA calls our account " KID
				     "0 now, and " KID " no more"));
}

/* = RFC 8555 11.1 [single] Its URL in the configuration has changed: no CA sees a key that another one knows. */
static void an_issuer_that_is_another_ca_now_gets_another_account(void **state)
{
	const struct stage *s = *state;
	AUTO_KEY EVP_PKEY *old = have_account(s, "issuer", KID);
	AUTO_KEY EVP_PKEY *own = NULL;
	AUTO_ACCOUNT struct account before = { 0 };
	AUTO_JOSE struct jose j;
	char kid[256], thumbprint[64], text[ERR_TEXT_MAX], said[1024];
	struct alone a;
	bool rolling;
	int fd;

	scratch_put(s->lent.scratch, "accounts/issuer/directory",
		    "https://ca.example/staging/directory\n");
	a = begin_renew(s);
	fd = lend(&a, LEND_ORDER, s->issuer, API);
	assert_int_equal(account(fd, kid, thumbprint, &rolling), 0);
	assert_string_equal(kid, "");
	sign(fd, asked(ASK_NEW_ACCOUNT), &j);
	own = jose_key(json_object_get(j.header, "jwk"));
	assert_false(key_same_public(own, old));
	assert_int_equal(registered(fd, KID "7", text), 0);
	close(fd);
	assert_int_equal(alone_end(&a, said, sizeof(said)), 0);
	assert_non_null(strstr(said, "issuer: it is another CA now, https://"));
	assert_int_equal(scratch_count(s->lent.scratch, "accounts"), 2);
	before = on_disk(s, "issuer");
	assert_true(key_same_public(before.key, old));
	assert_string_equal(before.url, KID);
	/* The next run finds it; and the first one, as soon as it is that CA again. */
	a = begin_renew(s);
	fd = lend(&a, LEND_ORDER, s->issuer, API);
	assert_int_equal(account(fd, kid, thumbprint, &rolling), 0);
	assert_string_equal(kid, KID "7");
	close(fd);
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

/* RFC 8555 7.3.4. The key of the CA is in a folder that the keeper may not write. */
static void an_external_account_is_bound_where_one_is_configured(void **state)
{
	const struct stage *s = *state;
	struct alone a = begin_renew(s);
	AUTO_FD int fd = lend(&a, LEND_ORDER, s->issuer, API);
	AUTO_FD int other = lend(&a, LEND_ORDER, s->plain, API);
	AUTO_BUF struct buf key = { 0 };
	AUTO_FREE char *text = NULL;
	AUTO_KEY EVP_PKEY *bound = NULL;
	AUTO_JOSE struct jose j;
	AUTO_JOSE struct jose eab;
	AUTO_JOSE struct jose plain;
	struct asked r = asked(ASK_NEW_ACCOUNT);

	sign(fd, r, &j);
	text = json_dumps(json_object_get(j.payload, "externalAccountBinding"), 0);
	assert_non_null(text);
	jose_read(&eab, text);
	assert_string_equal(jose_str(eab.header, "alg"), "HS384");
	assert_string_equal(jose_str(eab.header, "kid"), "kid-1");
	assert_string_equal(jose_str(eab.header, "url"), CA "/x");
	buf_puts(&key, EAB);
	assert_true(jose_mac_holds("HS384", &key, &eab.input, &eab.signature));
	bound = jose_key(eab.payload);
	assert_int_equal(json_equal(json_object_get(j.header, "jwk"), eab.payload), 1);
	r.url = "https://plain.example/x";
	sign(other, r, &plain);
	assert_null(json_object_get(plain.payload, "externalAccountBinding"));
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void an_eab_key_that_is_none_is_a_fault_of_the_configuration(void **state)
{
	static const char *const contents[] = { "", "\n", "not base64!", "YQ=a" };
	const struct stage *s = *state;
	struct alone a = begin_renew(s);
	AUTO_FD int fd = lend(&a, LEND_ORDER, s->issuer, API);

	for (size_t i = 0; i < sizeof(contents) / sizeof(*contents); i++) {
		scratch_put(s->lent.elsewhere, "eab.key", contents[i]);
		refused(fd, asked(ASK_NEW_ACCOUNT), "is not the base64 of a key");
	}
	assert_int_equal(unlinkat(((struct scratch *)s->lent.elsewhere)->fd, "eab.key",
				  0),
			 0);
	refused(fd, asked(ASK_NEW_ACCOUNT), "the key of the external account");
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

/* badSignatureAlgorithm: another type, as long as nothing hangs on the key. */
static void another_type_of_key_is_made_only_before_it_is_registered(void **state)
{
	const struct stage *s = *state;
	struct alone a = begin_renew(s);
	AUTO_FD int fd = lend(&a, LEND_ORDER, s->issuer, API);
	struct asked r = asked(ASK_NEW_ACCOUNT);
	AUTO_JOSE struct jose first;
	AUTO_JOSE struct jose second;
	AUTO_JOSE struct jose third;
	AUTO_JOSE struct jose fourth;
	char text[ERR_TEXT_MAX];

	sign(fd, r, &first);
	assert_string_equal(jose_str(first.header, "alg"), "ES256");
	r.key = KEY_RSA_2048;
	sign(fd, r, &second);
	assert_string_equal(jose_str(second.header, "alg"), "RS256");
	sign(fd, r, &third); /* of that type already */
	assert_true(json_equal(json_object_get(second.header, "jwk"),
			       json_object_get(third.header, "jwk")));
	r.key = KEY_NONE; /* the configured type is not gone back to */
	sign(fd, r, &fourth);
	assert_string_equal(jose_str(fourth.header, "alg"), "RS256");
	assert_int_equal(registered(fd, KID, text), 0);
	r.key = KEY_ECDSA_P256;
	refused(fd, r, "is registered");
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void the_key_of_an_account_is_of_the_configured_type(void **state)
{
	const struct stage *s = *state;
	struct alone a = begin_at(s, COMMAND_ACCOUNT, ACCOUNT_REGISTER, "third");
	AUTO_FD int fd = lend(&a, LEND_REGISTER, s->third, SPEC_NOBODY);
	struct asked r = asked(ASK_NEW_ACCOUNT);
	AUTO_JOSE struct jose j;

	r.url = "https://third.example/x";
	sign(fd, r, &j);
	assert_string_equal(jose_str(j.header, "alg"), "ES384");
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

/* Looking at an account makes none, and leaves the disk as it is. */
static void an_account_that_is_shown_is_not_made(void **state)
{
	const struct stage *s = *state;
	struct alone a = begin(s, COMMAND_ACCOUNT, ACCOUNT_SHOW);
	AUTO_FD int fd = lend(&a, LEND_UPDATE, s->issuer, SPEC_NOBODY);
	char kid[256], thumbprint[64], text[ERR_TEXT_MAX];
	bool rolling;

	assert_int_equal(account(fd, kid, thumbprint, &rolling), 0);
	assert_string_equal(thumbprint, "");
	assert_int_equal(registered(fd, KID, text), ERR_PROTO);
	refused(fd, asked(ASK_FIND_ACCOUNT), "no such key");
	refused(fd, asked(ASK_FETCH), "no account yet");
	assert_false(scratch_has(s->lent.scratch, "accounts"));
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

/* check --online: whose it is, and nothing that could change it. */
static void an_account_that_is_looked_at_stays_as_it_is(void **state)
{
	const struct stage *s = *state;
	AUTO_KEY EVP_PKEY *key = have_account(s, "issuer", KID);
	struct alone a = lent_begin(&s->lent, COMMAND_CHECK, 0);
	AUTO_FD int fd = lend(&a, LEND_LOOK, s->issuer, SPEC_NOBODY);
	char kid[256], thumbprint[64], text[ERR_TEXT_MAX];
	bool rolling;

	assert_non_null(key);
	assert_int_equal(account(fd, kid, thumbprint, &rolling), 0);
	assert_string_equal(kid, KID);
	assert_int_equal(registered(fd, "", text), ERR_PROTO);
	assert_non_null(strstr(text, "is not allowed here"));
	assert_int_equal(rolled(fd, true, text), ERR_PROTO);
	assert_non_null(strstr(text, "is not allowed here"));
	assert_int_equal(account(fd, kid, thumbprint, &rolling), 0);
	assert_string_equal(kid, KID);
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void an_account_of_another_ca_is_not_this_one_s(void **state)
{
	static const char *const others[] = {
		"https://ca.example/acct/1",
		"https://evil.example:14000/acct/1",
		"http://ca.example:14000/acct/1",
		"https://ca.example:14000@evil.example/acct/1",
		"https://ca.example:14000/a\"b",
		"https://ca.example:14000/a b",
		"/acct/1",
		"x",
	};
	const struct stage *s = *state;
	AUTO_KEY EVP_PKEY *key =
	    have_account(s, "issuer", "https://old.example/acct/1");
	struct alone a = begin_renew(s);
	AUTO_FD int fd = lend(&a, LEND_ORDER, s->issuer, API);
	AUTO_FREE char *longest = xasprintf(CA "/%02050d", 0);
	char kid[256], thumbprint[64], text[ERR_TEXT_MAX];
	bool rolling;

	assert_non_null(key);
	assert_int_equal(account(fd, kid, thumbprint, &rolling), 0);
	assert_string_equal(kid, ""); /* the issuer was another CA then */
	refused(fd, asked(ASK_FETCH), "no account yet");
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (registered(fd, others[i], text) != ERR_PROTO)
			fail_msg("%s", others[i]);
	assert_int_equal(registered(fd, longest, text), ERR_PROTO);
	assert_int_equal(registered(fd, KID, text), 0);
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void accounts_are_found_updated_and_deactivated_as_the_rfc_says(void **state)
{
	const struct stage *s = *state;
	AUTO_KEY EVP_PKEY *key = have_account(s, "issuer", KID);
	struct alone a = begin(s, COMMAND_ACCOUNT, ACCOUNT_UPDATE);
	AUTO_FD int fd = lend(&a, LEND_UPDATE, s->issuer, SPEC_NOBODY);
	AUTO_FD int end = -1;
	AUTO_JOSE struct jose found;
	AUTO_JOSE struct jose updated;
	AUTO_JOSE struct jose gone;
	char text[ERR_TEXT_MAX];

	sign(fd, asked(ASK_FIND_ACCOUNT), &found);
	assert_true(json_is_true(json_object_get(found.payload, "onlyReturnExisting")));
	assert_int_equal(json_object_size(found.payload), 1);
	assert_null(json_object_get(found.header, "kid"));
	assert_true(jose_verifies(&found, NULL));
	sign(fd, asked(ASK_UPDATE_ACCOUNT), &updated);
	assert_string_equal(jose_str(updated.header, "kid"), KID);
	assert_int_equal(json_object_size(updated.payload), 1);
	assert_int_equal(json_array_size(json_object_get(updated.payload, "contact")),
			 1);
	assert_true(jose_verifies(&updated, key));
	assert_int_equal(alone_end(&a, NULL, 0), 0);
	a = begin(s, COMMAND_ACCOUNT, ACCOUNT_DEACTIVATE);
	end = lend(&a, LEND_DEACTIVATE, s->issuer, SPEC_NOBODY);
	sign(end, asked(ASK_DEACTIVATE_ACCOUNT), &gone);
	assert_string_equal(jose_str(gone.payload, "status"), "deactivated");
	assert_true(jose_verifies(&gone, key));
	/* It stays until the CA has done it. */
	assert_true(scratch_has(s->lent.scratch, "accounts/issuer/account.key"));
	assert_int_equal(registered(end, "", text), 0);
	assert_false(scratch_has(s->lent.scratch, "accounts/issuer/account.key"));
	assert_false(scratch_has(s->lent.scratch, "accounts/issuer/account.json"));
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

/* -- roll-over, RFC 8555 7.3.5 -- */

static void expect_change(const struct jose *outer, EVP_PKEY *old, EVP_PKEY *new)
{
	AUTO_JOSE struct jose inner;
	AUTO_FREE char *text = json_dumps(outer->payload, 0);
	AUTO_KEY EVP_PKEY *said = NULL;
	AUTO_KEY EVP_PKEY *replaced = NULL;

	assert_string_equal(jose_str(outer->header, "kid"), KID);
	assert_true(jose_verifies(outer, old));
	jose_read(&inner, text);
	assert_null(json_object_get(inner.header, "nonce"));
	assert_string_equal(jose_str(inner.header, "url"), CA "/x");
	assert_true(jose_verifies(&inner, NULL));
	said = jose_key(json_object_get(inner.header, "jwk"));
	assert_true(key_same_public(said, new));
	assert_string_equal(jose_str(inner.payload, "account"), KID);
	replaced = jose_key(json_object_get(inner.payload, "oldKey"));
	assert_true(key_same_public(replaced, old));
}

static void a_roll_over_is_signed_by_both_keys_and_can_be_asked_again(void **state)
{
	const struct stage *s = *state;
	AUTO_KEY EVP_PKEY *old = have_account(s, "issuer", KID);
	struct alone a = begin(s, COMMAND_ACCOUNT, ACCOUNT_ROLLOVER);
	AUTO_FD int fd = lend(&a, LEND_ROLLOVER, s->issuer, SPEC_NOBODY);
	AUTO_ACCOUNT struct account disk = { 0 };
	AUTO_ACCOUNT struct account after = { 0 };
	AUTO_JOSE struct jose j;
	AUTO_JOSE struct jose again;
	AUTO_JOSE struct jose fetch;
	char text[ERR_TEXT_MAX];

	sign(fd, asked(ASK_ROLL_KEY), &j);
	disk = on_disk(s, "issuer");
	assert_non_null(disk.next); /* before the CA hears of it */
	expect_change(&j, old, disk.next);
	sign(fd, asked(ASK_ROLL_KEY), &again); /* badNonce: the same key */
	expect_change(&again, old, disk.next);
	assert_int_equal(rolled(fd, true, text), 0);
	after = on_disk(s, "issuer");
	assert_true(key_same_public(after.key, disk.next));
	assert_null(after.next);
	assert_string_equal(after.url, KID);
	sign(fd, asked(ASK_FETCH), &fetch);
	assert_true(jose_verifies(&fetch, disk.next));
	assert_int_equal(rolled(fd, true, text),
			 0); /* nothing is open: nothing happens */
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

/* Killed between any two steps: the next keeper knows that it is open, speaks as either
 * key, and takes what the CA says. */
static void a_roll_over_that_was_cut_short_is_ended_by_who_looks_after_the_account(
    void **state)
{
	const struct stage *s = *state;

	for (int i = 0; i < 6; i++) {
		static const enum lend rights[] = { LEND_UPDATE, LEND_ORDER,
						    LEND_REVOKE };
		const enum lend what = rights[i / 2];
		const int taken = i % 2;
		const bool ends = what == LEND_UPDATE;
		AUTO_KEY EVP_PKEY *old = have_account(s, "issuer", KID);
		struct alone cut = begin(s, COMMAND_ACCOUNT, ACCOUNT_ROLLOVER);
		AUTO_FD int fd = lend(&cut, LEND_ROLLOVER, s->issuer, SPEC_NOBODY);
		AUTO_FD int next = -1;
		AUTO_ACCOUNT struct account disk = { 0 };
		AUTO_ACCOUNT struct account after = { 0 };
		AUTO_JOSE struct jose j;
		AUTO_JOSE struct jose find;
		AUTO_JOSE struct jose find_rolled;
		AUTO_JOSE struct jose again;
		char kid[256], thumbprint[64], text[ERR_TEXT_MAX];
		struct alone a;
		bool rolling = false;

		sign(fd, asked(ASK_ROLL_KEY), &j);
		kill(cut.pid, SIGKILL);
		alone_end(&cut, NULL, 0);
		disk = on_disk(s, "issuer");
		a = ends ? begin(s, COMMAND_ACCOUNT, ACCOUNT_UPDATE) : begin_renew(s);
		next = lend(&a, what, s->issuer, ends ? SPEC_NOBODY : API);
		assert_int_equal(account(next, kid, thumbprint, &rolling), 0);
		assert_true(rolling);
		sign(next, asked(ASK_FIND_ACCOUNT), &find);
		assert_true(jose_holds("ES256", old, &find.input, &find.signature));
		sign(next, asked(ASK_FIND_ROLLED), &find_rolled);
		assert_true(jose_holds("ES256", disk.next, &find_rolled.input,
				       &find_rolled.signature));
		assert_int_equal(rolled(next, taken == 1, text), 0);
		assert_int_equal(account(next, kid, thumbprint, &rolling), 0);
		assert_false(rolling);
		assert_string_equal(kid, KID);
		sign(next, asked(ASK_FIND_ACCOUNT), &again);
		assert_true(jose_holds("ES256", taken ? disk.next : old, &again.input,
				       &again.signature));
		after = on_disk(s, "issuer");
		assert_true(
		    key_same_public(after.key, taken && ends ? disk.next : old));
		assert_int_equal(after.next == NULL, ends);
		assert_int_equal(alone_end(&a, NULL, 0), 0);
	}
}

/* Not the keys, whichever there are: who comes next asks the CA. */
static void what_a_crash_left_beside_an_account_is_swept(void **state)
{
	const struct stage *s = *state;
	const struct request r = { .command = COMMAND_RENEW, .flags = REQUEST_SWEEP };
	AUTO_KEY EVP_PKEY *key = have_account(s, "issuer", KID);
	AUTO_ACCOUNT struct account disk = on_disk(s, "issuer");
	AUTO_FD int fd = -1;
	struct alone a;
	struct err e;

	assert_non_null(key);
	assert_int_equal(account_make_next(((struct scratch *)s->lent.scratch)->fd,
					   "issuer", KEY_ED25519, &disk, &e),
			 0);
	scratch_put(s->lent.scratch, "accounts/issuer/.next.key.everleaf", "half a k");
	scratch_put(s->lent.scratch, "accounts/issuer/.account.key.everleaf",
		    "half a k");
	alone_start(&a, ROLE_KEEPER, &r, s->lent.snapshot);
	fd = lend(&a, LEND_ORDER, s->issuer, API);
	assert_int_equal(scratch_count(s->lent.scratch, "accounts/issuer"), 3);
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

/* -- orders -- */

static void an_order_has_the_names_of_the_certificate(void **state)
{
	static const char *const rows[][2] = { { "dns", "api.example" },
					       { "ip", "192.0.2.7" },
					       { "dns", "b.example" } };
	const struct stage *s = *state;
	AUTO_KEY EVP_PKEY *key = have_account(s, "issuer", KID);
	struct alone a = begin_renew(s);
	AUTO_FD int fd = lend(&a, LEND_ORDER, s->issuer, API);
	struct asked r = asked(ASK_NEW_ORDER);
	AUTO_JOSE struct jose j;
	AUTO_JOSE struct jose with;
	const json_t *all;
	size_t found = 0;

	sign(fd, r, &j);
	assert_true(jose_verifies(&j, key));
	assert_int_equal(json_object_size(j.payload), 1);
	all = json_object_get(j.payload, "identifiers");
	assert_int_equal(json_array_size(all), 3);
	for (size_t i = 0; i < 9; i++) {
		const json_t *id = json_array_get(all, i / 3);

		found += strcmp(jose_str(id, "type"), rows[i % 3][0]) == 0 &&
			 strcmp(jose_str(id, "value"), rows[i % 3][1]) == 0;
	}
	assert_int_equal(found, 3);
	r.profile = "short";
	sign(fd, r, &with);
	assert_string_equal(jose_str(with.payload, "profile"), "short");
	r.profile = "other";
	refused(fd, r, "not the configured profile");
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void an_order_leaves_out_what_its_ticket_says(void **state)
{
	const struct stage *s = *state;
	AUTO_KEY EVP_PKEY *key = have_account(s, "issuer", KID);
	struct alone a = begin_renew(s);
	const struct lend_ticket t = {
		LEND_ORDER, s->issuer, API, 0, 0, { { 1u << 2 } }
	};
	char text[ERR_TEXT_MAX];
	AUTO_JOSE struct jose j;
	const json_t *all;
	int fd = -1;

	if (lent_try(&a, &t, &fd, text) != 0)
		fail_msg("%s", text);
	sign(fd, asked(ASK_NEW_ORDER), &j);
	all = json_object_get(j.payload, "identifiers");
	assert_int_equal(json_array_size(all), 2);
	for (size_t i = 0; i < 2; i++)
		assert_string_not_equal(jose_str(json_array_get(all, i), "value"),
					"b.example");
	close(fd);
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void a_fetch_is_empty_and_an_answer_an_empty_object(void **state)
{
	const struct stage *s = *state;
	AUTO_KEY EVP_PKEY *key = have_account(s, "issuer", KID);
	struct alone a = begin_renew(s);
	AUTO_FD int fd = lend(&a, LEND_ORDER, s->issuer, API);
	AUTO_JOSE struct jose fetch;
	AUTO_JOSE struct jose answer;

	sign(fd, asked(ASK_FETCH), &fetch);
	assert_null(fetch.payload);
	assert_true(jose_verifies(&fetch, key));
	sign(fd, asked(ASK_ANSWER), &answer);
	assert_int_equal(json_object_size(answer.payload), 0);
	assert_true(json_is_object(answer.payload));
	assert_true(jose_verifies(&answer, key));
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void an_order_is_finalized_for_the_key_that_waits(void **state)
{
	const struct stage *s = *state;
	const struct scratch *dir = s->lent.scratch;
	AUTO_KEY EVP_PKEY *key = have_account(s, "issuer", KID);
	struct alone a = begin_renew(s);
	AUTO_FD int fd = lend(&a, LEND_ORDER, s->issuer, API);
	AUTO_KEY EVP_PKEY *waits = NULL;
	AUTO_BUF struct buf der = { 0 };
	AUTO_JOSE struct jose j;
	const unsigned char *at;
	struct name *names;
	X509_REQ *csr;
	struct err e;
	size_t n;

	refused(fd, asked(ASK_FINALIZE), "no key that waits");
	assert_int_equal(pending_key(dir->fd, "a", KEY_ECDSA_P256, 0, &waits, &e), 0);
	sign(fd, asked(ASK_FINALIZE), &j);
	assert_true(jose_verifies(&j, key));
	assert_int_equal(json_object_size(j.payload), 1);
	der = jose_bytes(jose_str(j.payload, "csr"));
	at = (const unsigned char *)der.data;
	csr = d2i_X509_REQ(NULL, &at, (long)der.len);
	assert_non_null(csr);
	assert_true(key_same_public(X509_REQ_get0_pubkey(csr), waits));
	assert_int_equal(x509_csr_names(csr, &names, &n, &e), 0);
	assert_int_equal(n, 3);
	x509_names_free(names, n);
	X509_REQ_free(csr);
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

/* RFC 8555 11.1 [keys] */
static void the_key_of_the_account_is_never_put_into_a_certificate(void **state)
{
	const struct stage *s = *state;
	const struct scratch *dir = s->lent.scratch;
	const struct file_access access = { FILE_KEEP, FILE_KEEP, 0600 };
	AUTO_KEY EVP_PKEY *key = have_account(s, "issuer", KID);
	struct alone a = begin_renew(s);
	AUTO_FD int fd = lend(&a, LEND_ORDER, s->issuer, API);
	AUTO_BUF struct buf pem = { 0 };
	AUTO_FD int archive = -1;
	struct err e;

	scratch_mkdir(dir, "archive/a");
	archive = openat(dir->fd, "archive/a", O_RDONLY | O_DIRECTORY);
	assert_int_equal(key_to_pem(key, &pem, &e), 0);
	assert_int_equal(file_write(archive, ".pending", pem.data, pem.len, &access,
				    &e),
			 0);
	refused(fd, asked(ASK_FINALIZE), "cannot be a certificate's too");
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

/* -- revocation, RFC 8555 7.6 -- */

static EVP_PKEY *have_certificate(const struct stage *s, struct buf *der)
{
	EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_X509 X509 *cert = certs_make(&(struct cert_plan){
	    .key = key, .issuer_key = key, .from = 0, .to = 4102444800 });
	struct err e;

	assert_int_equal(x509_to_der(cert, der, &e), 0);
	lent_keep(&s->lent, cert, key);
	return key;
}

/* One that names the key that signed it. */
static X509 *have_signed(const struct stage *s)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_X509 X509 *ca = certs_make(
	    &(struct cert_plan){ .key = key, .subject = "CA", .to = 4102444800 });
	X509 *cert = certs_make(&(struct cert_plan){ .key = key,
						     .issuer = ca,
						     .issuer_key = key,
						     .serial = "87654321",
						     .to = 4102444800 });

	lent_keep(&s->lent, cert, key);
	return cert;
}

static void a_generation_is_revoked_by_the_account_or_by_its_own_key(void **state)
{
	const struct stage *s = *state;
	AUTO_KEY EVP_PKEY *account_key = have_account(s, "issuer", KID);
	AUTO_BUF struct buf der = { 0 };
	AUTO_KEY EVP_PKEY *key = have_certificate(s, &der);
	struct alone a = lent_begin(&s->lent, COMMAND_REVOKE, 0);
	AUTO_FD int fd = lend(&a, LEND_REVOKE, s->issuer, API);
	AUTO_FD int by_key = lend(&a, LEND_REVOKE_BY_KEY, s->issuer, API);
	AUTO_BUF struct buf said = { 0 };
	AUTO_KEY EVP_PKEY *by = NULL;
	AUTO_JOSE struct jose j;
	AUTO_JOSE struct jose own;

	sign(fd, asked(ASK_REVOKE), &j);
	assert_string_equal(jose_str(j.header, "kid"), KID);
	assert_true(jose_verifies(&j, account_key));
	said = jose_bytes(jose_str(j.payload, "certificate"));
	assert_int_equal(said.len, der.len);
	assert_memory_equal(said.data, der.data, der.len);
	assert_int_equal(json_integer_value(json_object_get(j.payload, "reason")), 4);
	sign(by_key, asked(ASK_REVOKE_BY_CERT), &own);
	by = jose_key(json_object_get(own.header, "jwk"));
	assert_true(key_same_public(by, key));
	assert_true(jose_verifies(&own, NULL));
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

/* = RFC 9773 5 [replaces] Which certificate that is the agent says, and no worker. */
static void an_order_replaces_what_its_ticket_says(void **state)
{
	const struct stage *s = *state;
	AUTO_KEY EVP_PKEY *account_key = have_account(s, "issuer", KID);
	AUTO_BUF struct buf id = { 0 };
	AUTO_X509 X509 *cert = have_signed(s);
	struct alone a = begin_renew(s);
	struct lend_ticket t = { LEND_ORDER, s->issuer, API, 0, 0, { { 0 } } };
	struct asked r = asked(ASK_NEW_ORDER);
	AUTO_JOSE struct jose j;
	AUTO_FD int none = -1;
	AUTO_FD int fd = -1;
	char text[ERR_TEXT_MAX];

	assert_non_null(account_key);
	r.replaces = true;
	assert_int_equal(lent_try(&a, &t, &none, text), 0);
	refused(none, r, "the order replaces nothing");
	t.generation = 1;
	assert_int_equal(lent_try(&a, &t, &fd, text), 0);
	sign(fd, r, &j);
	assert_true(ari_id(cert, &id));
	assert_string_equal(jose_str(j.payload, "replaces"), id.data);
	assert_int_equal(json_object_size(j.payload), 2);
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void what_is_not_there_is_not_revoked_and_no_reason_is_none(void **state)
{
	const struct stage *s = *state;
	AUTO_KEY EVP_PKEY *account_key = have_account(s, "issuer", KID);
	AUTO_BUF struct buf der = { 0 };
	AUTO_KEY EVP_PKEY *key = have_certificate(s, &der);
	struct alone a = lent_begin(&s->lent, COMMAND_REVOKE, 0);
	struct lend_ticket t = { LEND_REVOKE, s->issuer, API, 2, 0, { { 0 } } };
	struct lend_ticket k = { LEND_REVOKE_BY_KEY, s->issuer, API, 2, 0, { { 0 } } };
	AUTO_FD int none = -1;
	AUTO_FD int no_key = -1;
	AUTO_FD int fd = -1;
	AUTO_JOSE struct jose j;
	char text[ERR_TEXT_MAX];

	assert_true(key != NULL && account_key != NULL);
	assert_int_equal(lent_try(&a, &t, &none, text), 0);
	assert_int_equal(lent_try(&a, &k, &no_key, text), 0);
	refused(none, asked(ASK_REVOKE), "");
	refused(no_key, asked(ASK_REVOKE_BY_CERT), "");
	t.generation = 1;
	assert_int_equal(lent_try(&a, &t, &fd, text), 0);
	sign(fd, asked(ASK_REVOKE), &j);
	assert_null(json_object_get(j.payload, "reason"));
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

/* -- what it refuses -- */

/* Of all tickets there are. */
static void lends_only(struct alone a, uint32_t issuer, unsigned granted)
{
	for (enum lend what = 0; what <= LENDS; what++) {
		const struct lend_ticket t = { what, issuer, API, 1, 0, { { 0 } } };
		char text[ERR_TEXT_MAX];
		int fd = -1;
		int rc = lent_try(&a, &t, &fd, text);

		close(fd);
		if ((rc == 0) != ((granted & 1u << what) != 0))
			fail_msg("granted should be %x, lend %d: %s", granted,
				 (int)what, text);
	}
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void a_ticket_is_only_for_what_the_command_needs(void **state)
{
	static const enum command renew[] = { COMMAND_RENEW, COMMAND_AGENT,
					      COMMAND_ROLLBACK, COMMAND_REVOKE };
	static const unsigned orders =
	    1u << LEND_ORDER | 1u << LEND_REVOKE | 1u << LEND_REVOKE_BY_KEY;
	const struct stage *s = *state;

	for (size_t i = 0; i < sizeof(renew) / sizeof(*renew); i++)
		lends_only(begin(s, renew[i], 1), s->issuer, orders);
	lends_only(begin(s, COMMAND_CHECK, 1), s->issuer, 1u << LEND_LOOK);
}

/* `account show` holds no lock; and who looks at one account has not said that another one
 * may be given up. */
static void an_account_is_lent_for_what_was_said_of_it_alone(void **state)
{
	static const unsigned granted[ACCOUNT_STEPS] = {
		[ACCOUNT_SHOW] = 1u << LEND_UPDATE,
		[ACCOUNT_REGISTER] = 1u << LEND_REGISTER,
		[ACCOUNT_UPDATE] = 1u << LEND_UPDATE,
		[ACCOUNT_ROLLOVER] = 1u << LEND_ROLLOVER,
		[ACCOUNT_DEACTIVATE] = 1u << LEND_DEACTIVATE,
	};
	const struct stage *s = *state;

	for (uint64_t step = 0; step < ACCOUNT_STEPS; step++) {
		lends_only(begin(s, COMMAND_ACCOUNT, step), s->issuer, granted[step]);
		lends_only(begin(s, COMMAND_ACCOUNT, step), s->plain, 0);
	}
}

static void a_ticket_is_for_an_issuer_of_the_certificate(void **state)
{
	const struct stage *s = *state;
	const struct {
		struct lend_ticket t;
		const char *said;
	} rows[] = {
		{ { LEND_ORDER, s->third, API, 0, 0, { { 0 } } },
		  "not an issuer of this" },
		{ { LEND_ORDER, s->lab, WWW, 0, 0, { { 0 } } }, "is not asked that" },
		{ { LEND_ORDER, s->issuer, API, 0, 0, { { 1 } } }, "not optional" },
		{ { LEND_ORDER, s->issuer, API, 0, 0, { { 8 } } }, "not optional" },
		{ { LEND_ORDER, s->issuer, API, 0, 0, { { 4, 1 } } }, "not optional" },
		{ { LEND_ORDER, s->issuer, WWW, 0, 0, { { 0 } } },
		  "not an issuer of this" },
		{ { LEND_ORDER, s->issuer, 2, 0, 0, { { 0 } } }, "no certificate 2" },
		{ { LEND_ORDER, s->issuer, SPEC_NOBODY, 0, 0, { { 0 } } },
		  "no certificate" },
		{ { LEND_ORDER, 99, API, 0, 0, { { 0 } } }, "issuer 99 is not" },
		{ { LEND_ORDER, SPEC_NOBODY, API, 0, 0, { { 0 } } },
		  "is not asked that" },
		{ { LEND_REVOKE, s->lab, WWW, 0, 0, { { 0 } } }, "is not asked that" },
		{ { LEND_REVOKE, s->issuer, 2, 0, 0, { { 0 } } }, "no certificate 2" },
		{ { LEND_REVOKE, s->issuer, API, 1, 11, { { 0 } } }, "no reason" },
		{ { LEND_REVOKE, s->issuer, API, 1, TWO_32, { { 0 } } }, "no reason" },
		{ { LEND_REVOKE_BY_KEY, s->lab, WWW, 0, 0, { { 0 } } },
		  "is not asked that" },
		{ { LEND_REVOKE_BY_KEY, s->issuer, 2, 0, 0, { { 0 } } },
		  "no certificate 2" },
	};
	struct alone a = begin_renew(s);

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char text[ERR_TEXT_MAX];
		int fd = -1;
		int rc = lent_try(&a, &rows[i].t, &fd, text);

		close(fd);
		if (rc == 0 || strstr(text, rows[i].said) == NULL)
			fail_msg("row %zu: %d \"%s\"", i, rc, text);
	}
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

/* Numbers beyond 32 bits do not become others, and a ticket without a socket is none. */
static void a_ticket_with_wrong_fields_is_refused(void **state)
{
	const struct stage *s = *state;
	const uint64_t rows[][5] = {
		{ LEND_ORDER + TWO_32, s->issuer, API, 0, 0 },
		{ LEND_ORDER, s->issuer + TWO_32, API, 0, 0 },
		{ LEND_ORDER, s->issuer, API + TWO_32, 0, 0 },
		{ LEND_ORDER, s->issuer, API, 0, 0 }, /* without a socket */
		{ LEND_ORDER, s->issuer, API, 0, 0 }, /* with a file */
	};
	struct alone a = begin_renew(s);
	AUTO_MSG struct msg m = MSG_NONE;
	char text[ERR_TEXT_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		msg_begin(&m, KEEPER_LEND, 0);
		for (size_t k = 0; k < 5; k++)
			msg_put_u64(&m, rows[i][k]);
		if (i == 4)
			m.fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (alone_ask(&a, &m, text, sizeof(text)) != ERR_PROTO)
			fail_msg("row %zu: %s", i, text);
	}
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

/* Every kind of signature on every kind of ticket: refused unless lend.h lists it. */
static void a_ticket_is_good_for_its_own_signatures_only(void **state)
{
	static const struct {
		enum command command;
		uint64_t step;
		enum lend what;
		unsigned kinds;
	} rows[] = {
#define K(kind) (1u << ASK_##kind)
#define FIND    (K(FIND_ACCOUNT) | K(FIND_ROLLED))
		{ COMMAND_RENEW, 0, LEND_ORDER,
		  FIND | K(NEW_ACCOUNT) | K(NEW_ORDER) | K(FETCH) | K(ANSWER) |
		      K(FINALIZE) },
		{ COMMAND_REVOKE, 0, LEND_REVOKE, FIND | K(REVOKE) },
		{ COMMAND_REVOKE, 0, LEND_REVOKE_BY_KEY, K(REVOKE_BY_CERT) },
		{ COMMAND_ACCOUNT, ACCOUNT_REGISTER, LEND_REGISTER,
		  FIND | K(NEW_ACCOUNT) | K(FETCH) },
		{ COMMAND_ACCOUNT, ACCOUNT_UPDATE, LEND_UPDATE,
		  FIND | K(UPDATE_ACCOUNT) | K(FETCH) },
		{ COMMAND_ACCOUNT, ACCOUNT_ROLLOVER, LEND_ROLLOVER,
		  FIND | K(ROLL_KEY) | K(FETCH) },
		{ COMMAND_ACCOUNT, ACCOUNT_DEACTIVATE, LEND_DEACTIVATE,
		  FIND | K(DEACTIVATE_ACCOUNT) | K(FETCH) },
		{ COMMAND_CHECK, 0, LEND_LOOK, 0 },
	};
	static const char not_for_it[] = "is not what this was lent for";
	const struct stage *s = *state;
	AUTO_KEY EVP_PKEY *key = have_account(s, "issuer", KID);

	assert_non_null(key);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct alone a = begin(s, rows[i].command, rows[i].step);
		AUTO_FD int fd = lend(&a, rows[i].what, s->issuer, API);

		for (enum acme_ask_kind kind = 0; kind <= ASK_KINDS; kind++) {
			const struct asked r = asked(kind);
			AUTO_FREE char *jws = NULL;
			char text[ERR_TEXT_MAX];
			bool no = try_sign(fd, &r, &jws, text) != 0 &&
				  strstr(text, not_for_it) != NULL;

			if (no != ((rows[i].kinds & 1u << kind) == 0))
				fail_msg("lend %d, signature %d: \"%s\"",
					 (int)rows[i].what, (int)kind, text);
		}
		assert_int_equal(alone_end(&a, NULL, 0), 0);
	}
}

static void nothing_is_signed_for_another_server(void **state)
{
	static const char *const urls[] = {
		"https://evil.example:14000/x",
		"https://ca.example/x",
		"https://plain.example/x",
		"http://ca.example:14000/x",
		"https://ca.example:14000@evil.example/x",
		"https://ca.example:14000\\@evil.example/x",
		"https://ca.example:14000/x\ny",
		"/x",
		"",
	};
	const struct stage *s = *state;
	AUTO_KEY EVP_PKEY *key = have_account(s, "issuer", KID);
	struct alone a = begin_renew(s);
	AUTO_FD int fd = lend(&a, LEND_ORDER, s->issuer, API);
	AUTO_FREE char *longest = xasprintf(CA "/%02030d", 0);
	struct asked r = asked(ASK_FETCH);
	AUTO_JOSE struct jose j;

	assert_non_null(key);
	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
		r.url = urls[i];
		refused(fd, r, "a request to another server than " CA);
	}
	r.url = longest;
	refused(fd, r, "another server");
	r.url = "https://CA.example:14000/x";
	sign(fd, r, &j);
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void a_nonce_or_key_that_is_none_is_refused(void **state)
{
	static const char *const nonces[] = {
		"", " ", "a b", "a\"b", "a=", "a\n", "a+"
	};
	const struct stage *s = *state;
	AUTO_KEY EVP_PKEY *key = have_account(s, "issuer", KID);
	struct alone a = begin_renew(s);
	AUTO_FD int fd = lend(&a, LEND_ORDER, s->issuer, API);
	AUTO_FREE char *longest = xasprintf("%0*d", LIMIT_NONCE + 1, 0);
	struct asked r = asked(ASK_FETCH);

	assert_non_null(key);
	for (size_t i = 0; i < sizeof(nonces) / sizeof(*nonces); i++) {
		r.nonce = nonces[i];
		refused(fd, r, "a nonce that is none");
	}
	r.nonce = longest;
	refused(fd, r, "a nonce that is none");
	r = asked(ASK_FETCH);
	r.key = KEY_RSA_2048;
	refused(fd, r, "a key of another type");
	r = asked(ASK_NEW_ACCOUNT);
	r.key = KEY_TYPES;
	refused(fd, r, "a key of another type");
	r.key = KEY_RSA_2048 + TWO_32;
	refused(fd, r, "a key of another type");
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

/* Every message there is on a lent socket, and the signatures on the agent's. */
static void each_socket_takes_only_its_own_messages(void **state)
{
	static const uint32_t types[] = { SIGN_ACCOUNT, SIGN_JWS, SIGN_REGISTERED,
					  SIGN_ROLLED, 0 };
	const struct stage *s = *state;
	struct alone a = begin_renew(s);
	AUTO_FD int fd = lend(&a, LEND_ORDER, s->issuer, API);
	AUTO_MSG struct msg m = MSG_NONE;
	char text[ERR_TEXT_MAX];

	lent_takes_only(fd, types);
	for (const uint32_t *t = types; *t != 0; t++) {
		msg_begin(&m, *t, 0);
		assert_int_equal(alone_ask(&a, &m, text, sizeof(text)), ERR_PROTO);
		assert_non_null(strstr(text, "is not allowed here"));
	}
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

/* -- sockets that misbehave -- */

static void expect_end(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char byte;

	while (poll(&p, 1, 10000) == 1) {
		ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT | MSG_TRUNC);

		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return;
	}
	fail_msg("it is still open");
}

static void what_is_no_message_costs_a_worker_its_socket_and_nothing_else(void **state)
{
	const struct stage *s = *state;
	struct alone a = begin_renew(s);
	AUTO_FD int bad = lend(&a, LEND_ORDER, s->issuer, API);
	AUTO_FD int good = lend(&a, LEND_ORDER, s->issuer, API);
	char kid[256], thumbprint[64], said[512];
	bool rolling;

	assert_int_equal(send(bad, "junk", 4, 0), 4);
	expect_end(bad);
	assert_int_equal(account(good, kid, thumbprint, &rolling), 0);
	assert_int_equal(alone_end(&a, said, sizeof(said)), 0);
	assert_non_null(strstr(said, "a worker's right to signatures ends"));
}

/* As many questions as the sockets hold, and no answer taken. */
static void who_takes_no_answers_does_not_keep_others_waiting(void **state)
{
	const struct stage *s = *state;
	struct alone a = begin_renew(s);
	AUTO_FD int bad = lend(&a, LEND_ORDER, s->issuer, API);
	AUTO_FD int good = lend(&a, LEND_ORDER, s->issuer, API);
	AUTO_MSG struct msg m = MSG_NONE;
	char kid[256], thumbprint[64];
	bool rolling;

	msg_begin(&m, SIGN_ACCOUNT, 7);
	memcpy(m.data, (uint32_t[]){ SIGN_ACCOUNT, 7 }, 8);
	for (int i = 0; i < 100000; i++) {
		struct pollfd p = { .fd = bad, .events = POLLOUT };

		if (send(bad, m.data, m.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
		    (errno == EPIPE || poll(&p, 1, 5000) != 1))
			break;
	}
	assert_int_equal(account(good, kid, thumbprint, &rolling), 0);
	expect_end(bad);
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void a_ticket_is_over_when_the_worker_closes_it(void **state)
{
	const struct stage *s = *state;
	struct alone a = begin_renew(s);
	const struct lend_ticket t = { LEND_ORDER, s->issuer, API, 0, 0, { { 0 } } };
	char text[ERR_TEXT_MAX];

	for (int i = 0; i < 3 * LEND_MAX; i++)
		close(lend(&a, LEND_ORDER, s->issuer, API));
	for (int i = 0; i <= LEND_MAX; i++) {
		int fd = -1; /* kept open */

		if ((lent_try(&a, &t, &fd, text) == 0) != (i < LEND_MAX))
			fail_msg("%d: %s", i, text);
	}
	assert_non_null(strstr(text, "sockets are lent"));
	for (int fd = 3; fd < 1000; fd++) {
		struct stat st;

		if (fd != a.peer && fd != a.super && fd != s->lent.snapshot &&
		    fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode))
			close(fd);
	}
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, stage_in, stage_out)
	const struct CMUnitTest tests[] = {
		CASE(an_account_is_made_with_a_key_of_its_own_and_remembered),
		CASE(an_account_that_is_lost_is_made_again_with_the_same_key),
		CASE(an_issuer_that_is_another_ca_now_gets_another_account),
		CASE(an_external_account_is_bound_where_one_is_configured),
		CASE(an_eab_key_that_is_none_is_a_fault_of_the_configuration),
		CASE(another_type_of_key_is_made_only_before_it_is_registered),
		CASE(the_key_of_an_account_is_of_the_configured_type),
		CASE(an_account_that_is_shown_is_not_made),
		CASE(an_account_that_is_looked_at_stays_as_it_is),
		CASE(an_account_of_another_ca_is_not_this_one_s),
		CASE(accounts_are_found_updated_and_deactivated_as_the_rfc_says),
		CASE(a_roll_over_is_signed_by_both_keys_and_can_be_asked_again),
		CASE(
		    a_roll_over_that_was_cut_short_is_ended_by_who_looks_after_the_account),
		CASE(what_a_crash_left_beside_an_account_is_swept),
		CASE(an_order_has_the_names_of_the_certificate),
		CASE(an_order_leaves_out_what_its_ticket_says),
		CASE(a_fetch_is_empty_and_an_answer_an_empty_object),
		CASE(an_order_is_finalized_for_the_key_that_waits),
		CASE(the_key_of_the_account_is_never_put_into_a_certificate),
		CASE(a_generation_is_revoked_by_the_account_or_by_its_own_key),
		CASE(an_order_replaces_what_its_ticket_says),
		CASE(what_is_not_there_is_not_revoked_and_no_reason_is_none),
		CASE(a_ticket_is_only_for_what_the_command_needs),
		CASE(an_account_is_lent_for_what_was_said_of_it_alone),
		CASE(a_ticket_is_for_an_issuer_of_the_certificate),
		CASE(a_ticket_with_wrong_fields_is_refused),
		CASE(a_ticket_is_good_for_its_own_signatures_only),
		CASE(nothing_is_signed_for_another_server),
		CASE(a_nonce_or_key_that_is_none_is_refused),
		CASE(each_socket_takes_only_its_own_messages),
		CASE(what_is_no_message_costs_a_worker_its_socket_and_nothing_else),
		CASE(who_takes_no_answers_does_not_keep_others_waiting),
		CASE(a_ticket_is_over_when_the_worker_closes_it),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("keeper lend", tests, NULL, NULL);
}
