/* verify: only what was asked for gets in, and a refusal says what came instead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/role/name_set.h"
#include "tests/help/scene.h"

#define ROWS(rows) (rows), sizeof(rows) / sizeof((rows)[0])

static void no_certificate(struct scene *s)
{
	while (sk_X509_num(s->chain) > 0)
		X509_free(sk_X509_pop(s->chain));
}

static void eleven_certificates(struct scene *s)
{
	while (sk_X509_num(s->chain) <= LIMIT_CHAIN_CERTS) {
		sk_X509_push(s->chain, s->mid);
		X509_up_ref(s->mid);
	}
}

static void leaf_last(struct scene *s)
{
	X509 *leaf = sk_X509_shift(s->chain);

	sk_X509_push(s->chain, leaf);
}

static void another_key(struct scene *s)
{
	s->leaf_plan.key = s->keys[OTHER];
}

static void another_name(struct scene *s)
{
	s->leaf_plan.names = "critical,DNS:evil.example";
}

static void a_name_too_many(struct scene *s)
{
	s->leaf_plan.names = "critical,DNS:example.org,DNS:evil.example";
}

static void a_name_too_few(struct scene *s)
{
	scene_ask(s, NAME_DNS, "www.example.org");
}

static void names_in_another_order(struct scene *s)
{
	scene_ask(s, NAME_DNS, "*.example.org");
	scene_ask(s, NAME_IP, "192.0.2.1");
	scene_ask(s, NAME_EMAIL, "a@example.org");
	scene_ask(s, NAME_URI, "spiffe://lab/x");
	s->leaf_plan.names = "critical,URI:spiffe://lab/x,IP:192.0.2.1,"
			     "DNS:*.EXAMPLE.org,DNS:example.org,email:a@example.org";
}

static void an_optional_name_missing(struct scene *s)
{
	scene_ask(s, NAME_DNS, "old.example.org")->optional = 1;
}

static void an_optional_name_left_out(struct scene *s)
{
	static const struct name_set second = { { 2 } };

	an_optional_name_missing(s);
	s->want.out = &second;
}

static void an_optional_name_there(struct scene *s)
{
	an_optional_name_missing(s);
	s->leaf_plan.names = "critical,DNS:example.org,DNS:old.example.org";
}

static void only_optional_names_and_none_there(struct scene *s)
{
	static const struct name_set first = { { 1 } };

	s->names[0].optional = 1;
	s->want.out = &first;
	s->leaf_plan.names = NULL;
	s->leaf_plan.subject = "example.org";
}

static void a_wildcard_for_a_name(struct scene *s)
{
	s->leaf_plan.names = "critical,DNS:*.example.org";
}

static void a_name_for_an_address(struct scene *s)
{
	s->names[0].kind = NAME_IP;
	s->names[0].value = scene_text(s, "192.0.2.1");
	s->leaf_plan.names = "critical,DNS:192.0.2.1";
}

static void the_name_as_common_name(struct scene *s)
{
	s->leaf_plan.subject = "example.org";
	s->leaf_plan.names = NULL;
}

static void a_name_of_another_kind(struct scene *s)
{
	s->leaf_plan.names = "critical,DNS:example.org,RID:1.2.3.4";
}

/* The same text as another kind of name is another name. */
static void a_name_for_a_uri(struct scene *s)
{
	s->names[0].kind = NAME_URI;
}

static void ended(struct scene *s)
{
	s->leaf_plan.to = NOW;
}

static void ends_before_it_begins(struct scene *s)
{
	s->leaf_plan.from = NOW + 31 * DAY;
}

static void begins_in_nine_days(struct scene *s)
{
	s->leaf_plan.from = NOW + 9 * DAY;
}

static void begins_in_a_week(struct scene *s)
{
	s->leaf_plan.from = NOW + 7 * DAY;
}

static void ends_before_what_is_live(struct scene *s)
{
	s->want.live_not_after = NOW + 31 * DAY;
}

static void ends_before_what_is_live_as_asked(struct scene *s)
{
	s->want.live_not_after = NOW + 31 * DAY;
	s->want.shorter_ok = true;
}

static void what_is_live_has_ended(struct scene *s)
{
	s->want.live_not_after = NOW - 1;
}

static void a_ca(struct scene *s)
{
	s->leaf_plan.basic = "critical,CA:TRUE";
	s->leaf_plan.key_usage = "critical,digitalSignature,keyCertSign";
}

static void a_ca_that_may_not_sign(struct scene *s)
{
	s->leaf_plan.basic = "critical,CA:TRUE";
}

static void client_for_server(struct scene *s)
{
	s->leaf_plan.usage = "clientAuth";
}

static void server_for_both(struct scene *s)
{
	s->cert.usage = USAGE_SERVER | USAGE_CLIENT;
}

static void both_for_both(struct scene *s)
{
	s->cert.usage = USAGE_SERVER | USAGE_CLIENT;
	s->leaf_plan.usage = "serverAuth,clientAuth";
}

static void any_usage_for_server(struct scene *s)
{
	s->leaf_plan.usage = "anyExtendedKeyUsage";
}

static void no_usage_asked_for(struct scene *s)
{
	s->cert.usage = 0;
}

static void a_key_that_may_not_sign(struct scene *s)
{
	s->leaf_plan.key_usage = "critical,keyAgreement";
}

static void rsa_2048_for_p384(struct scene *s)
{
	s->cert.key = KEY_ECDSA_P384;
	s->leaf_plan.key = s->keys[RSA_2048];
	scene_ask_key(s, s->keys[RSA_2048]);
}

static void p256_for_rsa_2048(struct scene *s)
{
	s->cert.key = KEY_RSA_2048;
}

static void rsa_1024_of_a_csr(struct scene *s)
{
	s->cert.key = KEY_NONE;
	s->leaf_plan.key = s->keys[RSA_1024];
	scene_ask_key(s, s->keys[RSA_1024]);
}

static void an_intermediate_of_1024_bits(struct scene *s)
{
	s->mid_plan.key = s->keys[RSA_1024];
	s->leaf_plan.issuer_key = s->keys[RSA_1024];
}

static void a_leaf_signed_with_sha1(struct scene *s)
{
	s->leaf_plan.digest = EVP_sha1();
}

static void an_intermediate_signed_with_sha1(struct scene *s)
{
	s->mid_plan.digest = EVP_sha1();
}

static void what_was_asked_for_is_taken(void **keys)
{
	static const struct scene_row rows[] = {
		{ NULL, NULL, "", 0 }, /* as it should be */
		{ names_in_another_order, NULL, "",
		  0 }, /* all kinds of names, any order */
		{ an_optional_name_left_out, NULL, "",
		  0 },                                   /* an optional name left out */
		{ an_optional_name_there, NULL, "", 0 }, /* an optional name there */
		{ begins_in_a_week, NULL, "", 0 },       /* a clock that is behind */
		{ ends_before_what_is_live_as_asked, NULL, "",
		  0 }, /* shorter than live, as asked */
		{ what_is_live_has_ended, NULL, "", 0 }, /* live has ended */
		{ both_for_both, NULL, "", 0 },          /* both usages */
		{ p256_for_rsa_2048, NULL, "", 0 },      /* stronger than asked for */
	};

	scene_rows(keys, ROWS(rows));
}

/* One thing is wrong each time; the message has the check and what came. */
static const struct scene_row refusals[] = {
	{ NULL, no_certificate, "length: 0 certificates, not 1 to 10", 0 },
	{ NULL, eleven_certificates, "length: 11 certificates, not 1 to 10", 0 },
	{ another_key, NULL, "key: asked for the key ", 0 },
	{ NULL, leaf_last, "key: asked for the key ", 0 },
	{ another_name, NULL, "names: asked for example.org, got evil.example", 0 },
	{ a_name_too_many, NULL, "names: got evil.example, which was not asked for",
	  0 },
	{ a_name_too_few, NULL, "names: asked for www.example.org, which is not there",
	  0 },
	{ a_wildcard_for_a_name, NULL,
	  "names: asked for example.org, got *.example.org", 0 },
	{ a_name_for_an_address, NULL,
	  "names: subject alternative names: a name not in its own form: 192.0.2.1",
	  0 },
	{ a_name_for_a_uri, NULL, "names: asked for example.org, got example.org", 0 },
	{ the_name_as_common_name, NULL,
	  "names: asked for example.org, which is not there", 0 },
	{ only_optional_names_and_none_there, NULL, "names: there are none", 0 },
	{ an_optional_name_missing, NULL,
	  "names: asked for old.example.org, which is not there", 0 },
	{ a_name_of_another_kind, NULL,
	  "names: subject alternative names: a name of a kind that we do not know", 0 },
	{ ended, NULL,
	  "dates: it has ended at 2027-01-15T08:00:00Z, now it is "
	  "2027-01-15T08:00:00Z",
	  0 },
	{ ends_before_it_begins, NULL,
	  "dates: it begins at 2027-02-15T08:00:00Z and ends at 2027-02-14T08:00:00Z",
	  0 },
	{ begins_in_nine_days, NULL,
	  "dates: it begins at 2027-01-24T08:00:00Z, now it is 2027-01-15T08:00:00Z: "
	  "is the clock right?",
	  0 },
	{ ends_before_what_is_live, NULL,
	  "dates: it ends at 2027-02-14T08:00:00Z, what is live at "
	  "2027-02-15T08:00:00Z",
	  0 },
	{ a_ca, NULL, "kind: it is a CA", 0 },
	{ a_ca_that_may_not_sign, NULL, "kind: it is a CA", 0 },
	{ client_for_server, NULL, "usage: asked for server, got client", 0 },
	{ server_for_both, NULL, "usage: asked for server and client, got server", 0 },
	{ any_usage_for_server, NULL, "usage: asked for server, got nothing", 0 },
	{ no_usage_asked_for, NULL, "usage: asked for nothing, got server", 0 },
	{ a_key_that_may_not_sign, NULL,
	  "usage: its key may not sign (digitalSignature)", 0 },
	{ rsa_2048_for_p384, NULL,
	  "strength: asked for ecdsa-p384, 192 bits of strength, got 112", 0 },
	{ rsa_1024_of_a_csr, NULL,
	  "strength: certificate 1 has a key of 80 bits of strength, not 112", 0 },
	{ an_intermediate_of_1024_bits, NULL,
	  "strength: certificate 2 has a key of 80 bits of strength, not 112", 0 },
	{ a_leaf_signed_with_sha1, NULL,
	  "strength: certificate 1 is signed with ecdsa-with-SHA1, 63 bits of "
	  "strength, not 112",
	  0 },
	{ an_intermediate_signed_with_sha1, NULL,
	  "strength: certificate 2 is signed with ecdsa-with-SHA1, 63 bits of "
	  "strength, not 112",
	  0 },
};

static void what_was_not_asked_for_is_refused_and_named(void **keys)
{
	scene_rows(keys, ROWS(refusals));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_asked_for_is_taken),
		cmocka_unit_test(what_was_not_asked_for_is_refused_and_named),
	};

	return cmocka_run_group_tests(tests, scene_make_keys, scene_free_keys);
}
