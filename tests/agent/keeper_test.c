/*
 * keeper: what is on its list, asked with fields that are wrong, numbers that are out of
 * range and names that lead elsewhere. Each is refused with a reason, and the keeper goes
 * on answering.
 */
#include <signal.h>
#include <sys/socket.h>

#include "agent/role/messages.h"
#include "agent/role/roles.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/key.h"
#include "base/mem.h"
#include "tests/agent/home.h"
#include "tests/help/certs.h"

#define TWO_32 (UINT64_C(1) << 32)

struct stage {
	struct home home; /* certificates api (issuer lab) and www (issuer other) */
	uint32_t lab;
	uint32_t other;
	uint32_t remote; /* not an embedded CA */
	uint32_t est;    /* its roots are kept */
	struct buf spki; /* of some key */
};

static const char config[] =
    "state_dir = \"$\"; agree_terms = true; contact = \"mailto:a@a.example\";"
    "issuers = ("
    " { name = \"lab\"; type = \"local\"; subject = \"CN=Lab\"; },"
    " { name = \"other\"; type = \"local\"; subject = \"CN=Other\"; },"
    " { name = \"remote\"; type = \"acme\"; url = \"https://ca.example/dir\"; },"
    " { name = \"est\"; type = \"est\"; url = \"https://ca.example\";"
    "   trust = \"from-issuer\"; } );"
    "certificates = ("
    " { name = \"api\"; names = \"api.example\"; issuer = \"lab\"; },"
    " { name = \"www\"; names = \"www.example\"; issuer = \"other\"; } );";

static void read_numbers(struct stage *s)
{
	AUTO_SPEC struct spec spec = { 0 };
	struct err e;

	assert_int_equal(spec_map(s->home.snapshot, &spec, &e), 0);
	s->lab = spec_issuer_called(&spec, "lab");
	s->other = spec_issuer_called(&spec, "other");
	s->remote = spec_issuer_called(&spec, "remote");
	s->est = spec_issuer_called(&spec, "est");
	assert_true(s->lab != SPEC_NOBODY && s->other != SPEC_NOBODY &&
		    s->remote != SPEC_NOBODY);
}

static int stage_in(void **state)
{
	struct stage *s = test_calloc(1, sizeof(*s));
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	struct err e;

	if (home_open(&s->home) < 0)
		return -1;
	scratch_mkdir(s->home.scratch, "ca");
	home_compile(&s->home, config);
	read_numbers(s);
	assert_int_equal(key_to_spki(key, &s->spki, &e), 0);
	*state = s;
	return 0;
}

static int stage_out(void **state)
{
	struct stage *s = *state;
	int rc = home_close(&s->home);

	buf_done(&s->spki);
	test_free(s);
	return rc;
}

/* -- messages in rows -- */

enum kind {
	NO_FIELD,
	NUMBER,
	SIGNED,
	STRING,
	BYTES,
	LAB, /* the issuers, by number */
	OTHER,
	REMOTE,
	SPKI,
};

struct field {
	enum kind kind;
	uint64_t number;
	const char *string;
};

#define U(n)                      \
	{                         \
		NUMBER, (n), NULL \
	}
#define I(n)                      \
	{                         \
		SIGNED, (n), NULL \
	}
#define S(s)                   \
	{                      \
		STRING, 0, (s) \
	}
#define B(s)                  \
	{                     \
		BYTES, 0, (s) \
	}
#define OF(which)              \
	{                      \
		which, 0, NULL \
	}
#define FIELDS 7

struct row {
	uint32_t type;
	struct field fields[FIELDS];
	const char *said; /* the refusal holds this */
};

static void put_field(const struct stage *s, const struct field *f, struct msg *m)
{
	const uint32_t issuers[] = {
		[LAB] = s->lab,
		[OTHER] = s->other,
		[REMOTE] = s->remote,
	};

	if (f->kind == NUMBER)
		msg_put_u64(m, f->number);
	else if (f->kind == SIGNED)
		msg_put_i64(m, (int64_t)f->number);
	else if (f->kind == STRING)
		msg_put_str(m, f->string);
	else if (f->kind == BYTES)
		msg_put_bytes(m, f->string, strlen(f->string));
	else if (f->kind == SPKI)
		msg_put_bytes(m, s->spki.data, s->spki.len);
	else if (f->kind != NO_FIELD)
		msg_put_u64(m, issuers[f->kind]);
}

static int ask(const struct stage *s, const struct alone *a, const struct row *r,
	       struct msg *m, char text[256])
{
	msg_begin(m, r->type, 0);
	for (size_t i = 0; i < FIELDS; i++)
		put_field(s, &r->fields[i], m);
	return alone_ask(a, m, text, 256);
}

static void all_refused(const struct stage *s, const struct alone *a,
			const struct row *rows, size_t n)
{
	AUTO_MSG struct msg m = MSG_NONE;
	char text[256];

	for (size_t i = 0; i < n; i++) {
		int code = ask(s, a, &rows[i], &m, text);

		if (code == 0 || strstr(text, rows[i].said) == NULL)
			fail_msg("row %zu, message %u: %d \"%s\", expected \"%s\"", i,
				 rows[i].type, code, text, rows[i].said);
	}
}

static void granted(const struct stage *s, const struct alone *a, struct row r)
{
	AUTO_MSG struct msg m = MSG_NONE;
	char text[256];

	if (ask(s, a, &r, &m, text) != 0)
		fail_msg("message %u: %s", r.type, text);
}

#define N(rows) (sizeof(rows) / sizeof(*(rows)))
#define WRONG   "has the wrong fields"

/* -- what it refuses -- */

static void a_certificate_that_is_not_there_is_refused(void **state)
{
	static const uint32_t types[] = { KEEPER_AUDIT, KEEPER_KEY,  KEEPER_ISSUE,
					  KEEPER_STORE, KEEPER_LIVE, KEEPER_PRUNE };
	static const uint64_t numbers[] = { 2, TWO_32, TWO_32 + 1, UINT64_MAX };
	const struct stage *s = *state;
	struct alone a = home_keeper(&s->home, COMMAND_RENEW);

	for (size_t t = 0; t < N(types); t++)
		for (size_t i = 0; i < N(numbers); i++) {
			const struct row r = { types[t],
					       { U(numbers[i]) },
					       "there is no certificate" };

			all_refused(s, &a, &r, 1);
		}
	granted(s, &a, (struct row){ KEEPER_STAMP, { U(0), U(2) }, NULL });
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void fields_that_are_not_the_expected_ones_are_refused(void **state)
{
	static const struct row rows[] = {
		{ KEEPER_STAMP, { U(0) }, WRONG },
		{ KEEPER_STAMP, { U(0), S("1") }, WRONG },
		{ KEEPER_STAMP, { U(0), I(1) }, WRONG },
		{ KEEPER_STAMP, { U(0), U(1), U(0) }, WRONG },
		{ KEEPER_AUDIT, { U(0) }, WRONG },
		{ KEEPER_AUDIT, { I(0), U(0) }, WRONG },
		{ KEEPER_AUDIT, { U(0), U(0), U(0) }, WRONG },
		{ KEEPER_KEY, { U(0) }, WRONG },
		{ KEEPER_KEY, { B("12345678"), U(0) }, WRONG },
		{ KEEPER_KEY, { U(0), S("") }, WRONG },
		{ KEEPER_ISSUE, { U(0) }, WRONG },
		{ KEEPER_ISSUE, { U(0), S("lab") }, WRONG },
		{ KEEPER_ISSUE, { U(0), OF(LAB), U(0) }, WRONG },
		{ KEEPER_CSR, { U(0), OF(LAB) }, WRONG },
		{ KEEPER_CSR, { U(0), OF(LAB), U(0) }, WRONG },
		{ KEEPER_CSR, { U(0), OF(LAB), U(0), S("") }, WRONG },
		{ KEEPER_STORE, { U(0), S("a"), S("b"), S("c") }, WRONG },
		{ KEEPER_STORE, { U(0), B("a"), S("b"), S("c"), S("d") }, WRONG },
		{ KEEPER_STORE,
		  { U(0), S("a"), S("b"), S("c"), S("d"), S("") },
		  WRONG },
		{ KEEPER_LIVE, { U(0) }, WRONG },
		{ KEEPER_LIVE, { U(0), S("1") }, WRONG },
		{ KEEPER_LIVE, { U(0), U(1), U(1) }, WRONG },
		{ KEEPER_LIVE, { U(0), U(1), U(0), U(0), U(0) }, WRONG },
		{ KEEPER_PRUNE, { U(0) }, WRONG },
		{ KEEPER_PRUNE, { U(0), U(0), U(0) }, WRONG },
	};
	const struct stage *s = *state;
	struct alone a = home_keeper(&s->home, COMMAND_RENEW);

	all_refused(s, &a, rows, N(rows));
	assert_int_equal(scratch_count(s->home.scratch, "archive"),
			 0); /* nothing is made */
	assert_int_equal(scratch_count(s->home.scratch, "ca"), 0);
	granted(s, &a, (struct row){ KEEPER_STAMP, { U(0), U(2) }, NULL });
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void numbers_out_of_range_are_refused(void **state)
{
	static const struct row rows[] = {
		{ KEEPER_STAMP, { U(0), U(3) }, "not there" },
		{ KEEPER_STAMP, { U(2), U(1) }, "not there" },
		{ KEEPER_STAMP, { U(3), U(0) }, "not there" },
		{ KEEPER_STAMP, { U(TWO_32), U(1) }, "not there" },
		{ KEEPER_STAMP, { U(1), U(UINT64_MAX) }, "not there" },
		{ KEEPER_ISSUE, { U(0), OF(OTHER) }, "not an issuer of this" },
		{ KEEPER_ISSUE, { U(0), OF(REMOTE) }, "not an issuer of this" },
		{ KEEPER_ISSUE, { U(0), U(99) }, "not an issuer of this" },
		{ KEEPER_ISSUE, { U(0), U(TWO_32) }, "not an issuer of this" },
		{ KEEPER_ISSUE, { U(0), OF(LAB) }, "no key that waits" },
		{ KEEPER_CSR,
		  { U(0), OF(OTHER), U(0), U(0) },
		  "not an issuer of this" },
		{ KEEPER_CSR,
		  { U(0), U(TWO_32), U(0), U(0) },
		  "not an issuer of this" },
		{ KEEPER_CSR, { U(0), OF(LAB), U(1), U(0) }, "must not be left out" },
		{ KEEPER_CSR, { U(0), OF(LAB), U(0), U(0) }, "no key that waits" },
		{ KEEPER_LIVE, { U(0), U(0), U(0), U(0) }, "" },
		{ KEEPER_LIVE, { U(0), U(1), U(0), U(0) }, "" },
		{ KEEPER_LIVE, { U(0), U(UINT64_MAX), U(0), U(0) }, "" },
	};
	const struct stage *s = *state;
	struct alone a = home_keeper(&s->home, COMMAND_RENEW);

	all_refused(s, &a, rows, N(rows));
	assert_int_equal(scratch_count(s->home.scratch, "live"), 0);
	assert_int_equal(scratch_count(s->home.scratch, "ca"), 0);
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void what_is_not_for_its_own_key_is_not_stored(void **state)
{
	const struct stage *s = *state;
	struct alone a = home_keeper(&s->home, COMMAND_RENEW);
	AUTO_MSG struct msg m = MSG_NONE;
	AUTO_FREE char *leaf = NULL;
	char text[256];
	const struct row no_pem = { KEEPER_STORE,
				    { U(0), S("junk"), S(""), S(""), S("{}") },
				    "store api" };
	struct row row = { KEEPER_STORE, { U(1), U(0), S(""), S(""), S("{}") }, "key" };
	struct row text_too = { KEEPER_STORE,
				{ U(0), U(0), S("* * * * * root id\n"), S(""),
				  S("{}") },
				"chain.pem: not certificates" };

	granted(s, &a, (struct row){ KEEPER_KEY, { U(0), U(0) }, NULL });
	all_refused(s, &a, &no_pem, 1);
	assert_int_equal(ask(s, &a,
			     &(struct row){ KEEPER_ISSUE, { U(0), OF(LAB) }, NULL }, &m,
			     text),
			 0);
	leaf = xstrdup(msg_get_str(&m));
	text_too.fields[1] = (struct field)S(leaf);
	all_refused(s, &a, &text_too, 1); /* others would read it */
	row.fields[1] = (struct field)S(leaf);
	all_refused(s, &a, &row, 1); /* of api, said to be of www: no key waits there */
	granted(s, &a, (struct row){ KEEPER_KEY, { U(1), U(0) }, NULL });
	all_refused(s, &a, &row, 1); /* ... nor is it for the one that waits there */
	assert_false(scratch_has(s->home.scratch, "archive/www/0000000001"));
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void a_key_is_read_from_disk_where_it_was_made_by_another_keeper(void **state)
{
	const struct stage *s = *state;
	struct alone a = home_keeper(&s->home, COMMAND_RENEW);
	AUTO_MSG struct msg m = MSG_NONE;
	AUTO_FREE char *leaf = NULL;
	char text[256];
	struct row row = { KEEPER_STORE, { U(0), U(0), S(""), S(""), S("{}") }, "" };

	granted(s, &a, (struct row){ KEEPER_KEY, { U(0), U(0) }, NULL });
	assert_int_equal(alone_end(&a, NULL, 0), 0);
	a = home_keeper(&s->home, COMMAND_RENEW);
	assert_int_equal(ask(s, &a,
			     &(struct row){ KEEPER_ISSUE, { U(0), OF(LAB) }, NULL }, &m,
			     text),
			 0);
	assert_int_equal(alone_end(&a, NULL, 0), 0);
	leaf = xstrdup(msg_get_str(&m));
	a = home_keeper(&s->home, COMMAND_RENEW);
	row.fields[1] = (struct field)S(leaf);
	granted(s, &a, row);
	granted(s, &a, (struct row){ KEEPER_LIVE, { U(0), U(1), U(0), U(0) }, NULL });
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void what_another_keeper_has_stored_is_checked_before_it_is_live(void **state)
{
	static const struct row live = { KEEPER_LIVE,
					 { U(0), U(1), U(0), U(0) },
					 "not the key of cert.pem" };
	const struct stage *s = *state;
	struct alone a = home_keeper(&s->home, COMMAND_RENEW);
	AUTO_MSG struct msg m = MSG_NONE;
	AUTO_FREE char *other = NULL;
	char text[256];
	struct row row = { KEEPER_STORE, { U(0), U(0), S(""), S(""), S("{}") }, "" };

	for (uint64_t cert = 0; cert < 2; cert++) {
		const struct row issue = { KEEPER_ISSUE,
					   { U(cert),
					     U(cert == 0 ? s->lab : s->other) },
					   NULL };

		granted(s, &a, (struct row){ KEEPER_KEY, { U(cert), U(0) }, NULL });
		assert_int_equal(ask(s, &a, &issue, &m, text), 0);
		if (cert == 1)
			other = xstrdup(msg_get_str(&m));
		else
			row.fields[1] = (struct field)S(xstrdup(msg_get_str(&m)));
	}
	granted(s, &a, row);
	assert_int_equal(alone_end(&a, NULL, 0), 0);
	scratch_put(s->home.scratch, "archive/api/0000000001/cert.pem", other);
	a = home_keeper(&s->home, COMMAND_RENEW);
	all_refused(s, &a, &live, 1);
	assert_false(scratch_has(s->home.scratch, "live/api"));
	assert_int_equal(alone_end(&a, NULL, 0), 0);
	free((void *)(uintptr_t)row.fields[1].string);
}

/* A certificate of `cert` with the key that waits for it, owned. */
static char *leaf_of(const struct stage *s, const struct alone *a, uint64_t cert)
{
	const struct row issue = { KEEPER_ISSUE,
				   { U(cert), U(cert == 0 ? s->lab : s->other) },
				   NULL };
	AUTO_MSG struct msg m = MSG_NONE;
	char text[256];

	granted(s, a, (struct row){ KEEPER_KEY, { U(cert), U(0) }, NULL });
	assert_int_equal(ask(s, a, &issue, &m, text), 0);
	return xstrdup(msg_get_str(&m));
}

static void store(const struct stage *s, const struct alone *a, uint64_t cert,
		  const char *leaf, uint32_t id)
{
	const struct row row = { KEEPER_STORE,
				 { U(cert), S(leaf), S(""), S(""), S("{}") },
				 NULL };
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	msg_begin(&m, row.type, id);
	for (size_t i = 0; i < FIELDS; i++)
		put_field(s, &row.fields[i], &m);
	assert_int_equal(msg_send(a->peer, &m, &e), 0);
}

static void what_comes_together_is_stored_together_and_refused_alone(void **state)
{
	const struct stage *s = *state;
	struct alone a = home_keeper(&s->home, COMMAND_RENEW);
	AUTO_FREE char *api = leaf_of(s, &a, 0);
	AUTO_FREE char *www = leaf_of(s, &a, 1);

	store(s, &a, 0, api, 1);
	store(s, &a, 0, api, 2); /* its key does not wait any more */
	store(s, &a, 1, www, 3);
	for (unsigned i = 0, seen = 0; i < 3; i++) {
		AUTO_MSG struct msg m = MSG_NONE;
		struct err e;

		assert_int_equal(msg_recv(a.peer, &m, &e), 0);
		assert_in_range(m.id, 1, 3);
		assert_int_equal(seen & 1U << m.id, 0);
		seen |= 1U << m.id;
		assert_int_equal(m.type, m.id == 2 ? MSG_FAILED : KEEPER_STORE);
	}
	assert_true(scratch_has(s->home.scratch, "archive/api/0000000001/cert.pem"));
	assert_false(scratch_has(s->home.scratch, "archive/api/0000000002"));
	assert_true(scratch_has(s->home.scratch, "archive/www/0000000001/cert.pem"));
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void who_lets_go_of_the_keeper_leaves_nothing_staged(void **state)
{
	const struct stage *s = *state;
	struct alone a = home_keeper(&s->home, COMMAND_RENEW);
	AUTO_FREE char *leaf = leaf_of(s, &a, 0);

	store(s, &a, 0, leaf, 1);
	(void)alone_end(&a, NULL, 0);
	assert_false(scratch_has(s->home.scratch, "archive/api/.stage"));
}

static void a_name_that_leads_elsewhere_is_not_forgotten(void **state)
{
	static const struct row rows[] = {
		{ KEEPER_FORGET, { S("") }, "cannot be a folder's name" },
		{ KEEPER_FORGET, { S(".") }, "cannot be a folder's name" },
		{ KEEPER_FORGET, { S("..") }, "cannot be a folder's name" },
		{ KEEPER_FORGET, { S("../victim") }, "cannot be a folder's name" },
		{ KEEPER_FORGET, { S("../../etc") }, "cannot be a folder's name" },
		{ KEEPER_FORGET, { S("a/b") }, "cannot be a folder's name" },
		{ KEEPER_FORGET, { S("/etc") }, "cannot be a folder's name" },
		{ KEEPER_FORGET, { S(".hidden") }, "cannot be a folder's name" },
		{ KEEPER_FORGET, { S("api") }, "is in the configuration" },
		{ KEEPER_FORGET, { { NO_FIELD, 0, NULL } }, WRONG },
		{ KEEPER_FORGET, { U(0) }, WRONG },
		{ KEEPER_FORGET, { S("a"), S("b") }, WRONG },
	};
	const struct stage *s = *state;
	struct alone a = home_keeper(&s->home, COMMAND_FORGET);

	scratch_mkdir(s->home.scratch, "victim");
	scratch_mkdir(s->home.scratch, "victim/0000000001");
	all_refused(s, &a, rows, N(rows));
	assert_true(scratch_has(s->home.scratch, "victim/0000000001"));
	granted(s, &a, (struct row){ KEEPER_FORGET, { S("nobody") }, NULL });
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void only_lists_that_are_configured_no_more_are_forgotten(void **state)
{
	static const struct row rows[] = {
		{ KEEPER_CRL_FORGET, { S("") }, "cannot be a folder's name" },
		{ KEEPER_CRL_FORGET, { S("..") }, "cannot be a folder's name" },
		{ KEEPER_CRL_FORGET,
		  { S("../live/api") },
		  "cannot be a folder's name" },
		{ KEEPER_CRL_FORGET, { U(0) }, WRONG },
		{ KEEPER_CRL_WRITE, { U(0), U(1), B("") }, "there is no CRL 0" },
	};
	const struct stage *s = *state;
	struct alone a = home_keeper(&s->home, COMMAND_RENEW);

	scratch_mkdir(s->home.scratch, "crl");
	scratch_put(s->home.scratch, "crl/old.pem", "x");
	scratch_put(s->home.scratch, "crl/old@0102.der", "x");
	scratch_put(s->home.scratch, "crl/older.pem", "x");
	all_refused(s, &a, rows, N(rows));
	granted(s, &a, (struct row){ KEEPER_CRL_FORGET, { S("old") }, NULL });
	assert_false(scratch_has(s->home.scratch, "crl/old.pem"));
	assert_false(scratch_has(s->home.scratch, "crl/old@0102.der"));
	assert_true(scratch_has(s->home.scratch, "crl/older.pem"));
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

#define PEM "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"

static void roots_are_kept_of_who_names_them_and_are_certificates(void **state)
{
	const struct stage *s = *state;
	const struct row rows[] = {
		{ KEEPER_ROOTS, { U(99), S(PEM), S(PEM) }, "has no roots to keep" },
		{ KEEPER_ROOTS,
		  { OF(REMOTE), S(PEM), S(PEM) },
		  "has no roots to keep" },
		{ KEEPER_ROOTS, { U(s->est), S("x"), S(PEM) }, "in PEM alone" },
		{ KEEPER_ROOTS, { U(s->est), S(PEM), S(PEM "x") }, "in PEM alone" },
		{ KEEPER_ROOTS, { U(s->est), S(""), S(PEM) }, "without a root" },
		{ KEEPER_ROOTS, { U(s->est), S(PEM) }, WRONG },
	};
	struct alone a = home_keeper(&s->home, COMMAND_RENEW);

	all_refused(s, &a, rows, N(rows));
	assert_false(scratch_has(s->home.scratch, "roots/est.pem"));
	granted(s, &a,
		(struct row){ KEEPER_ROOTS, { U(s->est), S(PEM), S(PEM) }, NULL });
	assert_true(scratch_has(s->home.scratch, "roots/est.pem"));
	assert_true(scratch_has(s->home.scratch, "roots/est.seen"));
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void only_an_embedded_ca_signs_and_only_what_is_well_formed(void **state)
{
	static const struct row rows[] = {
		{ KEEPER_CA_INIT, { OF(REMOTE) }, "not an embedded CA" },
		{ KEEPER_CA_INIT, { U(99) }, "not an embedded CA" },
		{ KEEPER_CA_INIT, { U(TWO_32) }, "not an embedded CA" },
		{ KEEPER_CA_INIT, { S("lab") }, WRONG },
		{ KEEPER_CA_INIT, { OF(LAB), U(0) }, WRONG },
		{ KEEPER_CA_CRL, { OF(REMOTE) }, "not an embedded CA" },
		{ KEEPER_CA_CRL, { OF(LAB), S("01") }, WRONG },
		{ KEEPER_CA_ROLLOVER, { OF(REMOTE), U(0) }, "not an embedded CA" },
		{ KEEPER_CA_ROLLOVER, { OF(LAB) }, WRONG },
		{ KEEPER_CA_REVOKE,
		  { U(UINT64_MAX), S("01"), U(0) },
		  "not an embedded" },
		{ KEEPER_CA_REVOKE, { OF(LAB), S("01") }, WRONG },
		{ KEEPER_CA_REVOKE, { OF(LAB), U(1), U(0) }, WRONG },
		{ KEEPER_CA_REVOKE, { OF(LAB), S("01"), U(11) }, "no reason" },
		{ KEEPER_CA_REVOKE, { OF(LAB), S("01"), U(TWO_32) }, "no reason" },
		{ KEEPER_CA_SIGN, { OF(LAB) }, WRONG },
		{ KEEPER_CA_SIGN,
		  { OF(REMOTE), OF(SPKI), U(1), U(1), U(NAME_DNS), S("a.example") },
		  "not an embedded CA" },
		{ KEEPER_CA_SIGN,
		  { OF(LAB), B("junk"), U(1), U(1), U(NAME_DNS), S("a.example") },
		  "" },
		{ KEEPER_CA_SIGN,
		  { OF(LAB), S("junk"), U(1), U(1), U(NAME_DNS), S("a.example") },
		  WRONG },
		{ KEEPER_CA_SIGN,
		  { OF(LAB), OF(SPKI), U(0), U(1), U(NAME_DNS), S("a.example") },
		  "no usage 0" },
		{ KEEPER_CA_SIGN,
		  { OF(LAB), OF(SPKI), U(4), U(1), U(NAME_DNS), S("a.example") },
		  "no usage 4" },
		{ KEEPER_CA_SIGN,
		  { OF(LAB), OF(SPKI), U(TWO_32 + 1), U(1), U(NAME_DNS),
		    S("a.example") },
		  "no usage" },
		{ KEEPER_CA_SIGN, { OF(LAB), OF(SPKI), U(1), U(0) }, "without a name" },
		{ KEEPER_CA_SIGN, { OF(LAB), OF(SPKI), U(1), U(101) }, "101 names" },
		{ KEEPER_CA_SIGN, { OF(LAB), OF(SPKI), U(1), U(UINT64_MAX) }, "names" },
		{ KEEPER_CA_SIGN,
		  { OF(LAB), OF(SPKI), U(1), U(2), U(0), S("a") },
		  WRONG },
		{ KEEPER_CA_SIGN,
		  { OF(LAB), OF(SPKI), U(1), U(1), U(4), S("a") },
		  WRONG },
		{ KEEPER_CA_SIGN,
		  { OF(LAB), OF(SPKI), U(1), U(1), U(TWO_32), S("a") },
		  WRONG },
		{ KEEPER_CA_SIGN,
		  { OF(LAB), OF(SPKI), U(1), U(1), U(NAME_DNS), S("A.example") },
		  "is not written as \"a.example\"" },
		{ KEEPER_CA_SIGN,
		  { OF(LAB), OF(SPKI), U(1), U(1), U(NAME_DNS), S("a b") },
		  "" },
		{ KEEPER_CA_SIGN,
		  { OF(LAB), OF(SPKI), U(1), U(1), U(NAME_DNS), S("192.0.2.1") },
		  "" },
		{ KEEPER_CA_SIGN,
		  { OF(LAB), OF(SPKI), U(1), U(1), U(NAME_IP), S("a.example") },
		  "" },
	};
	const struct stage *s = *state;
	struct alone a = home_keeper(&s->home, COMMAND_CA_SIGN);

	all_refused(s, &a, rows, N(rows));
	granted(s, &a,
		(struct row){
		    KEEPER_CA_SIGN,
		    { OF(LAB), OF(SPKI), U(1), U(1), U(NAME_DNS), S("a.example") },
		    NULL });
	assert_false(scratch_has(s->home.scratch, "ca/other"));
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

/* What is no message at all is not of an agent of ours: the keeper ends, and whoever
 * comes next finds everything on disk. */
static void what_is_no_message_ends_the_keeper(void **state)
{
	const struct stage *s = *state;
	struct alone a = home_keeper(&s->home, COMMAND_RENEW);
	char said[512];

	assert_int_equal(send(a.peer, "junk", 4, 0), 4);
	assert_int_equal(alone_wait(a.pid, 10000), EXIT_SANDBOX);
	alone_hear(a.said, said, sizeof(said));
	close(a.super);
	close(a.peer);
	close(a.said);
	assert_non_null(strstr(said, "is not one of ours"));
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, stage_in, stage_out)
	const struct CMUnitTest tests[] = {
		CASE(a_certificate_that_is_not_there_is_refused),
		CASE(fields_that_are_not_the_expected_ones_are_refused),
		CASE(numbers_out_of_range_are_refused),
		CASE(what_is_not_for_its_own_key_is_not_stored),
		CASE(a_key_is_read_from_disk_where_it_was_made_by_another_keeper),
		CASE(what_another_keeper_has_stored_is_checked_before_it_is_live),
		CASE(what_comes_together_is_stored_together_and_refused_alone),
		CASE(who_lets_go_of_the_keeper_leaves_nothing_staged),
		CASE(a_name_that_leads_elsewhere_is_not_forgotten),
		CASE(only_lists_that_are_configured_no_more_are_forgotten),
		CASE(roots_are_kept_of_who_names_them_and_are_certificates),
		CASE(only_an_embedded_ca_signs_and_only_what_is_well_formed),
		CASE(what_is_no_message_ends_the_keeper),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("keeper", tests, NULL, NULL);
}
