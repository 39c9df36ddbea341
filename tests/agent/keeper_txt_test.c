/*
 * keeper_txt: what is signed for a name server is a TXT record with a digest for an account
 * of ours, in the zone of the challenge; and no reply passes that the key has not signed.
 * All through the keeper as it is exec'd, in its sandbox.
 */
#include <signal.h>

#include "acme/jws.h"
#include "acme/tsig.h"
#include "acme/txt.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/dns.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/agent/home.h"

#define TOKEN  "DGyRejmCefe7v4NfDGDKfA"
#define PRINT  "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI" /* nobody's here */
#define SECRET "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
#define OWNER  "_acme-challenge.example.org"

#define TWO_32 (UINT64_C(1) << 32)

enum challenge { ANY_ZONE, NAMED_ZONE, BY_HTTP };

struct stage {
	struct home home;
	uint64_t challenges[3]; /* by enum challenge */
	char *authorization;    /* of TOKEN, for the account of ours */
};

static const char config[] =
    "state_dir = \"$\"; agree_terms = true;"
    "issuers = ( { name = \"lab\"; type = \"local\"; subject = \"CN=Lab\"; },"
    " { name = \"far\"; type = \"acme\"; url = \"https://far.example/d\"; } );"
    "certificates = ( { names = \"a.example\"; issuer = \"lab\"; challenge = ("
    "   { type = \"dns-01\"; rfc2136 = { server = \"192.0.2.1\"; key_name = \"K.\";"
    "     key_file = \"$/secret\"; }; },"
    "   { type = \"dns-01\"; rfc2136 = { server = \"192.0.2.1\"; key_name = \"k\";"
    "     key_algorithm = \"hmac-sha512\"; key_file = \"$/secret\"; zone = "
    "\"example.org\"; }; },"
    "   { type = \"http-01\"; listen = \"127.0.0.1:8080\"; } ); } );";

static void number_challenges(struct stage *s)
{
	AUTO_SPEC struct spec spec = { 0 };
	struct err e;

	assert_int_equal(spec_map(s->home.snapshot, &spec, &e), 0);
	assert_int_equal(spec.n[SPEC_CHALLENGES], 3);
	for (uint32_t i = 0; i < 3; i++) {
		const struct spec_challenge *c = &spec.challenges[i];

		s->challenges[c->listen.at != 0 ? BY_HTTP
			      : c->zone.at != 0 ? NAMED_ZONE
						: ANY_ZONE] = i;
	}
}

static int put_secret(const struct home *h)
{
	AUTO_FD int fd = openat(((struct scratch *)h->scratch)->fd, "secret",
				O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	return fd < 0 || write(fd, SECRET "\n", sizeof(SECRET)) < 0 ? -1 : 0;
}

static int stage_in(void **state)
{
	struct stage *s = test_calloc(1, sizeof(*s));

	if (home_open(&s->home) < 0 || put_secret(&s->home) < 0)
		return -1;
	home_compile(&s->home, config);
	number_challenges(s);
	s->authorization = home_authorization(&s->home, "far", TOKEN);
	*state = s;
	return 0;
}

static int stage_out(void **state)
{
	struct stage *s = *state;
	int rc = home_close(&s->home);

	free(s->authorization);
	test_free(s);
	return rc;
}

/* -- updates -- */

struct ask {
	uint64_t challenge;
	const char *zone;
	bool add;
	const char *owner;
	const char *token;
	const char *authorization;
};

/* What it answers is left in m. */
static int ask(const struct alone *a, const struct ask *q, struct msg *m,
	       char text[256])
{
	msg_begin(m, KEEPER_TXT, 0);
	msg_put_u64(m, q->challenge);
	msg_put_str(m, q->zone);
	msg_put_u64(m, q->add);
	msg_put_u64(m, 1);
	msg_put_str(m, q->owner);
	msg_put_str(m, q->token);
	msg_put_str(m, q->authorization);
	return alone_ask(a, m, text, 256);
}

static struct ask good(const struct stage *s, enum challenge c)
{
	return (struct ask){ .challenge = s->challenges[c],
			     .zone = "example.org",
			     .add = true,
			     .owner = OWNER,
			     .token = TOKEN,
			     .authorization = s->authorization };
}

static struct tsig_key key_of(enum challenge c)
{
	return (struct tsig_key){ .name = "k",
				  .algorithm =
				      c == NAMED_ZONE ? "hmac-sha512" : "hmac-sha256",
				  .secret = "01234567890123456789012345678901",
				  .len = 32 };
}

/* The update that `q` should have come to, signed when it was. */
static void expect_update(const struct stage *s, enum challenge c, struct msg *m,
			  struct buf *mac)
{
	AUTO_BUF struct buf want = { 0 };
	AUTO_BUF struct buf want_mac = { 0 };
	const struct tsig_key key = key_of(c);
	char digest[TXT_VALUE_LEN + 1];
	const uint8_t *sent;
	const void *bytes;
	int64_t at = 0;
	size_t len, n;
	struct err e;

	sent = msg_get_bytes(m, &len);
	bytes = msg_get_bytes(m, &n);
	buf_add(mac, bytes, n);
	assert_int_equal(msg_end(m, &e), 0);
	txt_value(s->authorization, digest);
	dns_put_head(&want, (unsigned)sent[0] << 8 | sent[1], DNS_UPDATE << 11, 1);
	dns_put_question(&want, "example.org", DNS_SOA);
	dns_put_name(&want, OWNER);
	dns_put_u16(&want, DNS_TXT);
	dns_put_u16(&want, DNS_IN);
	dns_put_u32(&want, 60);
	dns_put_u16(&want, 44);
	buf_add(&want, "\x2b", 1);
	buf_puts(&want, digest);
	for (size_t i = 0; i < 6; i++) /* behind the record's head and algorithm */
		at = at << 8 | sent[want.len + 3 + 10 + 13 + i];
	assert_true(at <= clock_now() && at > clock_now() - 60);
	assert_int_equal(tsig_sign(&key, at, &want, &want_mac, &e), 0);
	assert_int_equal(len, want.len);
	assert_memory_equal(sent, want.data, len);
	assert_int_equal(mac->len, want_mac.len);
	assert_memory_equal(mac->data, want_mac.data, mac->len);
}

static void an_update_is_signed_by_the_key_of_its_challenge(void **state)
{
	const struct stage *s = *state;
	struct alone a = home_keeper(&s->home, COMMAND_RENEW);

	for (int c = ANY_ZONE; c <= NAMED_ZONE; c++) {
		const struct ask q = good(s, (enum challenge)c);
		AUTO_MSG struct msg m = MSG_NONE;
		AUTO_BUF struct buf mac = { 0 };
		char text[256];

		if (ask(&a, &q, &m, text) != 0)
			fail_msg("%s", text);
		expect_update(s, (enum challenge)c, &m, &mac);
	}
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

/* Of a worker or an agent that was taken over. */
static void nothing_but_a_digest_of_ours_is_signed(void **state)
{
	const struct stage *s = *state;
	const struct ask rows[] = {
		{ .authorization = TOKEN "." PRINT },
		{ .authorization = TOKEN },
		{ .authorization = "" },
		{ .authorization = "v=spf1 +all" },
		{ .token = "" },
		{ .owner = "" },
		{ .owner = "example.net" },
		{ .owner = "_acme-challenge.a b.example.org" },
		{ .zone = "" },
		{ .zone = "org." },
		{ .zone = "example.net" },
		{ .challenge = 3 },
		{ .challenge = TWO_32 },
		{ .challenge = UINT64_MAX },
	};
	struct alone a = home_keeper(&s->home, COMMAND_RENEW);

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct ask q = good(s, ANY_ZONE);
		AUTO_MSG struct msg m = MSG_NONE;
		char text[256];

		q.authorization = rows[i].authorization != NULL ? rows[i].authorization
								: q.authorization;
		q.token = rows[i].token != NULL ? rows[i].token : q.token;
		q.owner = rows[i].owner != NULL ? rows[i].owner : q.owner;
		q.zone = rows[i].zone != NULL ? rows[i].zone : q.zone;
		q.challenge = rows[i].challenge != 0 ? rows[i].challenge : q.challenge;
		if (ask(&a, &q, &m, text) != ERR_PROTO)
			fail_msg("row %zu is signed", i);
	}
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void a_zone_that_is_configured_is_the_only_one(void **state)
{
	const struct stage *s = *state;
	struct alone a = home_keeper(&s->home, COMMAND_RENEW);
	struct ask q = good(s, NAMED_ZONE);
	AUTO_MSG struct msg m = MSG_NONE;
	char text[256];

	q.zone = "org";
	assert_int_equal(ask(&a, &q, &m, text), ERR_PROTO);
	q = good(s, BY_HTTP);
	assert_int_equal(ask(&a, &q, &m, text), ERR_PROTO);
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void what_an_account_before_has_left_may_be_deleted(void **state)
{
	const struct stage *s = *state;
	struct alone a = home_keeper(&s->home, COMMAND_RENEW);
	struct ask q = good(s, ANY_ZONE);
	AUTO_MSG struct msg m = MSG_NONE;
	char text[256];

	q.authorization = TOKEN "." PRINT;
	q.add = false;
	assert_int_equal(ask(&a, &q, &m, text), 0);
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

static void a_secret_that_is_none_is_named(void **state)
{
	const struct stage *s = *state;
	struct alone a = home_keeper(&s->home, COMMAND_RENEW);
	const struct ask q = good(s, ANY_ZONE);
	AUTO_MSG struct msg m = MSG_NONE;
	char text[256];
	int fd = openat(((struct scratch *)s->home.scratch)->fd, "secret",
			O_WRONLY | O_TRUNC | O_CLOEXEC);

	close(fd);
	assert_int_equal(ask(&a, &q, &m, text), ERR_CONFIG);
	assert_non_null(strstr(text, "the TSIG key k: "));
	assert_non_null(strstr(text, "/secret: it is empty"));
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

/* -- replies -- */

static int check(const struct alone *a, uint64_t challenge, const struct buf *mac,
		 const struct buf *reply, const struct buf *signature, int64_t at)
{
	AUTO_MSG struct msg m = MSG_NONE;
	char text[256];

	msg_begin(&m, KEEPER_TXT_REPLY, 0);
	msg_put_u64(&m, challenge);
	msg_put_bytes(&m, mac->data, mac->len);
	msg_put_bytes(&m, reply->data, reply->len);
	msg_put_u64(&m, (uint64_t)at);
	msg_put_u64(&m, TSIG_FUDGE);
	msg_put_u64(&m, 0);
	msg_put_bytes(&m, NULL, 0);
	msg_put_bytes(&m, signature->data, signature->len);
	return alone_ask(a, &m, text, sizeof(text));
}

/* As a reply of no request: that its MAC is over one is shown by acme/tsig_test. */
static void a_reply_passes_if_the_key_has_signed_it(void **state)
{
	const struct stage *s = *state;
	const struct tsig_key key = key_of(ANY_ZONE);
	struct alone a = home_keeper(&s->home, COMMAND_RENEW);
	AUTO_BUF struct buf reply = { 0 };
	AUTO_BUF struct buf request = { 0 };
	AUTO_BUF struct buf sent = { 0 };
	AUTO_BUF struct buf signature = { 0 };
	const int64_t now = clock_now();
	struct err e;

	/* What is signed over the request's MAC and the reply: both in one, as a request. */
	buf_add(&request, "0123456789abcdef0123456789abcdef", 32);
	dns_put_head(&reply, 7, DNS_RESPONSE | DNS_UPDATE << 11, 0);
	dns_put_question(&reply, "example.org", DNS_SOA);
	dns_put_u16(&sent, 32);
	buf_add(&sent, request.data, request.len);
	buf_add(&sent, reply.data, reply.len);
	assert_int_equal(tsig_sign(&key, now, &sent, &signature, &e), 0);

	assert_int_equal(check(&a, s->challenges[ANY_ZONE], &request, &reply,
			       &signature, now),
			 0);
	assert_int_equal(check(&a, s->challenges[NAMED_ZONE], &request, &reply,
			       &signature, now),
			 ERR_TRUST);
	assert_int_equal(check(&a, s->challenges[ANY_ZONE], &request, &reply,
			       &signature, now + 1),
			 ERR_TRUST);
	assert_int_equal(check(&a, s->challenges[BY_HTTP], &request, &reply, &signature,
			       now),
			 ERR_PROTO);
	signature.len--;
	assert_int_equal(check(&a, s->challenges[ANY_ZONE], &request, &reply,
			       &signature, now),
			 ERR_TRUST);
	assert_int_equal(alone_end(&a, NULL, 0), 0);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, stage_in, stage_out)
	const struct CMUnitTest tests[] = {
		CASE(an_update_is_signed_by_the_key_of_its_challenge),
		CASE(nothing_but_a_digest_of_ours_is_signed),
		CASE(a_zone_that_is_configured_is_the_only_one),
		CASE(what_an_account_before_has_left_may_be_deleted),
		CASE(a_secret_that_is_none_is_named),
		CASE(a_reply_passes_if_the_key_has_signed_it),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("keeper_txt", tests, NULL, NULL);
}
