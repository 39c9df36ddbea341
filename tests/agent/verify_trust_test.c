/* verify: only a chain of the issuer gets in, and a refusal says where it breaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/x509v3.h>

#include "base/err.h"
#include "base/x509.h"
#include "ca/local.h"
#include "tests/help/scene.h"

#define ROWS(rows) (rows), sizeof(rows) / sizeof((rows)[0])

static void no_intermediate(struct scene *s)
{
	X509_free(sk_X509_pop(s->chain));
}

static void root_at_the_end(struct scene *s)
{
	sk_X509_push(s->chain, s->root);
	X509_up_ref(s->root);
}

static void leaf_twice(struct scene *s)
{
	X509 *leaf = sk_X509_value(s->chain, 0);

	sk_X509_insert(s->chain, leaf, 0);
	X509_up_ref(leaf);
}

static void root_before_intermediate(struct scene *s)
{
	sk_X509_insert(s->chain, s->root, 1);
	X509_up_ref(s->root);
}

static void another_anchor(struct scene *s)
{
	struct cert_plan plan = scene_ca_plan("Root", s->keys[OTHER]);

	X509_free(sk_X509_pop(s->want.anchors));
	sk_X509_push(s->want.anchors, certs_make(&plan));
}

static void no_anchor(struct scene *s)
{
	X509_free(sk_X509_pop(s->want.anchors));
}

/* As at an ACME CA. */
static void nothing_to_lead_to(struct scene *s)
{
	sk_X509_pop_free(s->want.anchors, X509_free);
	s->want.anchors = NULL;
}

static void a_leaf_alone(struct scene *s)
{
	nothing_to_lead_to(s);
	no_intermediate(s);
}

static void a_stranger_behind_the_leaf(struct scene *s)
{
	nothing_to_lead_to(s);
	leaf_twice(s);
}

static void the_intermediate_is_the_anchor(struct scene *s)
{
	X509_free(sk_X509_pop(s->want.anchors));
	sk_X509_push(s->want.anchors, s->mid);
	X509_up_ref(s->mid);
}

static void a_bit_of_the_leaf_signature(struct scene *s)
{
	const ASN1_BIT_STRING *signature;
	unsigned char *byte;

	X509_get0_signature(&signature, NULL, sk_X509_value(s->chain, 0));
	memcpy(&byte, &signature->data, sizeof(byte));
	byte[signature->length - 1] ^= 1;
}

static void a_bit_of_the_intermediate_signature(struct scene *s)
{
	const ASN1_BIT_STRING *signature;
	unsigned char *byte;

	X509_get0_signature(&signature, NULL, s->mid);
	memcpy(&byte, &signature->data, sizeof(byte));
	byte[signature->length - 1] ^= 1;
}

static void a_root_of_1024_bits(struct scene *s)
{
	s->root_plan.key = s->keys[RSA_1024];
	s->mid_plan.issuer_key = s->keys[RSA_1024];
}

static void a_root_signed_with_sha1(struct scene *s)
{
	s->root_plan.digest = EVP_sha1();
}

/* The issuer's name and key identifier are right, the signature is by another key. */
static void a_leaf_signed_by_another_key(struct scene *s)
{
	s->leaf_plan.issuer_key = s->keys[OTHER];
}

static void an_intermediate_signed_by_another_key(struct scene *s)
{
	s->mid_plan.issuer_key = s->keys[OTHER];
}

static void an_intermediate_that_is_no_ca(struct scene *s)
{
	s->mid_plan.basic = "critical,CA:FALSE";
	s->mid_plan.key_usage = "critical,digitalSignature";
}

static void an_intermediate_that_may_not_sign(struct scene *s)
{
	s->mid_plan.key_usage = "critical,cRLSign";
}

static void an_intermediate_that_has_ended(struct scene *s)
{
	s->mid_plan.to = NOW - 1;
}

static void a_root_that_has_ended(struct scene *s)
{
	s->root_plan.to = NOW - 1;
}

static void a_root_without_room_below_it(struct scene *s)
{
	s->root_plan.basic = "critical,CA:TRUE,pathlen:0";
}

static void a_root_for_other_names(struct scene *s)
{
	s->root_plan.constraints = "critical,permitted;DNS:lab.example";
}

static void an_intermediate_for_other_names(struct scene *s)
{
	s->mid_plan.constraints = "critical,excluded;DNS:example.org";
}

static void an_intermediate_for_this_name(struct scene *s)
{
	s->mid_plan.constraints = "critical,permitted;DNS:example.org";
}

static void an_intermediate_for_servers(struct scene *s)
{
	s->cert.usage = USAGE_SERVER | USAGE_CLIENT;
	s->leaf_plan.usage = "serverAuth,clientAuth";
	s->mid_plan.usage = "serverAuth";
}

/* Constraints of host names are about host names, which a common name is not. */
static void a_common_name_outside_of_constraints(struct scene *s)
{
	s->root_plan.constraints = "critical,permitted;DNS:lab.example";
	s->leaf_plan.subject = "other.example";
	s->leaf_plan.names = "critical,IP:192.0.2.1";
	s->names[0].kind = NAME_IP;
	s->names[0].value = scene_text(s, "192.0.2.1");
}

static void an_intermediate_for_clients(struct scene *s)
{
	s->mid_plan.usage = "clientAuth";
}

static void basic_constraints_not_critical(struct scene *s)
{
	s->mid_plan.basic = "CA:TRUE";
}

static void names_not_critical_and_no_subject(struct scene *s)
{
	s->leaf_plan.names = "DNS:example.org";
}

static void a_leaf_of_the_root(struct scene *s)
{
	X509 *root = s->root;

	X509_free(sk_X509_pop(s->chain));
	X509_free(sk_X509_pop(s->chain));
	s->leaf_plan.issuer = root;
	s->leaf_plan.issuer_key = s->keys[ROOT];
	sk_X509_push(s->chain, certs_make(&s->leaf_plan));
}

static void a_leaf_signed_by_itself(struct scene *s)
{
	X509_free(sk_X509_pop(s->chain));
	X509_free(sk_X509_pop(s->chain));
	s->leaf_plan.issuer = NULL;
	s->leaf_plan.issuer_key = NULL;
	s->leaf_plan.subject = "x";
	sk_X509_push(s->chain, certs_make(&s->leaf_plan));
}

/* An extension that is critical and that nobody knows. */
static void an_unknown_critical_extension(struct scene *s)
{
	X509_EXTENSION *extension =
	    X509V3_EXT_conf(NULL, NULL, "1.2.3.4", "critical,ASN1:NULL");
	X509 *leaf = sk_X509_shift(s->chain);
	X509 *bent = X509_dup(leaf);

	assert_non_null(extension);
	assert_int_equal(X509_add_ext(bent, extension, -1), 1);
	assert_true(X509_sign(bent, s->keys[MID], EVP_sha256()) > 0);
	X509_EXTENSION_free(extension);
	X509_free(leaf);
	sk_X509_insert(s->chain, bent, 0);
}

static void what_was_asked_for_is_taken(void **keys)
{
	static const struct scene_row rows[] = {
		{ NULL, root_at_the_end, "", 0 }, /* the root sent along */
		{ NULL, nothing_to_lead_to, "", 0 },
		{ NULL, a_leaf_alone, "", 0 },
		{ NULL, the_intermediate_is_the_anchor, "",
		  0 },                               /* an anchor that is no root */
		{ NULL, a_leaf_of_the_root, "", 0 }, /* a leaf of the root itself */
		{ a_common_name_outside_of_constraints, NULL, "", 0 },
		{ a_root_signed_with_sha1, root_at_the_end, "",
		  0 }, /* a root's own old signature */
		{ an_intermediate_for_this_name, NULL, "",
		  0 }, /* within name constraints */
	};

	scene_rows(keys, ROWS(rows));
}

/* One thing is wrong each time; the message has the check and what came. */
static const struct scene_row refusals[] = {
	{ a_root_of_1024_bits, NULL,
	  "trust: certificate 3, of CN=Root: ", X509_V_ERR_CA_KEY_TOO_SMALL },
	{ NULL, leaf_twice, "order: certificate 1 is of CN=Mid, behind it is : ",
	  X509_V_ERR_SUBJECT_ISSUER_MISMATCH },
	{ NULL, a_stranger_behind_the_leaf,
	  "order: certificate 1 is of CN=Mid, behind it is : ",
	  X509_V_ERR_SUBJECT_ISSUER_MISMATCH },
	{ NULL, root_before_intermediate,
	  "order: certificate 1 is of CN=Mid, behind it is CN=Root: ",
	  X509_V_ERR_SUBJECT_ISSUER_MISMATCH },
	{ a_leaf_signed_by_another_key, NULL,
	  "order: the signature of certificate 1 is not by the one behind it, CN=Mid",
	  0 },
	{ NULL, a_bit_of_the_leaf_signature,
	  "order: the signature of certificate 1 is not by the one behind it, CN=Mid",
	  0 },
	{ an_intermediate_that_is_no_ca, NULL,
	  "order: certificate 1 is of CN=Mid, behind it is CN=Mid: ",
	  X509_V_ERR_KEYUSAGE_NO_CERTSIGN },
	{ an_intermediate_that_may_not_sign, NULL,
	  "order: certificate 1 is of CN=Mid, behind it is CN=Mid: ",
	  X509_V_ERR_KEYUSAGE_NO_CERTSIGN },
	{ NULL, no_intermediate, "trust: certificate 1, of CN=Mid: ",
	  X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY },
	{ NULL, no_anchor, "trust: certificate 2, of CN=Root: ",
	  X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY },
	{ NULL, another_anchor, "trust: certificate 2, of CN=Root: ",
	  X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY },
	{ NULL, a_leaf_signed_by_itself,
	  "trust: certificate 1, of CN=x: ", X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT },
	{ an_intermediate_signed_by_another_key, NULL,
	  "trust: certificate 2, of CN=Root: ", X509_V_ERR_CERT_SIGNATURE_FAILURE },
	{ NULL, a_bit_of_the_intermediate_signature,
	  "trust: certificate 2, of CN=Root: ", X509_V_ERR_CERT_SIGNATURE_FAILURE },
	{ an_intermediate_that_has_ended, NULL,
	  "trust: certificate 2, of CN=Root: ", X509_V_ERR_CERT_HAS_EXPIRED },
	{ a_root_that_has_ended, NULL,
	  "trust: certificate 3, of CN=Root: ", X509_V_ERR_CERT_HAS_EXPIRED },
	{ a_root_without_room_below_it, NULL,
	  "trust: certificate 3, of CN=Root: ", X509_V_ERR_PATH_LENGTH_EXCEEDED },
	{ a_root_for_other_names, NULL,
	  "trust: certificate 1, of CN=Mid: ", X509_V_ERR_PERMITTED_VIOLATION },
	{ an_intermediate_for_other_names, NULL,
	  "trust: certificate 1, of CN=Mid: ", X509_V_ERR_EXCLUDED_VIOLATION },
	{ an_intermediate_for_servers, NULL,
	  "trust: certificate 2, of CN=Root: ", X509_V_ERR_INVALID_PURPOSE },
	{ an_intermediate_for_clients, NULL,
	  "trust: certificate 2, of CN=Root: ", X509_V_ERR_INVALID_PURPOSE },
	{ basic_constraints_not_critical, NULL,
	  "trust: certificate 2, of CN=Root: ", X509_V_ERR_CA_BCONS_NOT_CRITICAL },
	{ names_not_critical_and_no_subject, NULL, "trust: certificate 1, of CN=Mid: ",
	  X509_V_ERR_EMPTY_SUBJECT_SAN_NOT_CRITICAL },
	{ NULL, an_unknown_critical_extension, "trust: certificate 1, of CN=Mid: ",
	  X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION },
};

static void what_was_not_asked_for_is_refused_and_named(void **keys)
{
	scene_rows(keys, ROWS(refusals));
}

/* What the embedded CA issues is what we take. */
static void the_embedded_ca_passes(void **keys)
{
	static const struct name names[] = { { NAME_DNS, "example.org" } };
	EVP_PKEY *of_leaf = ((EVP_PKEY **)*keys)[LEAF];
	const struct local_request r = { names, 1, of_leaf, USAGE_SERVER, 30, NULL };
	struct local_profile p = {
		.subject = "CN=Lab CA",
		.lifetime_s = 30,
		.ca_lifetime_s = 1000 * DAY,
		.ca_key = KEY_ED25519,
		.path_length = -1,
	};

	for (int intermediate = 0; intermediate < 2; intermediate++) {
		AUTO_LOCAL_CA struct local_ca ca = { 0 };
		AUTO_CHAIN STACK_OF(X509) *chain = NULL, *anchors = sk_X509_new_null();
		AUTO_BUF struct buf pem = { 0 };
		struct scene s;
		struct err e = { 0 };

		p.intermediate = intermediate == 1;
		assert_int_equal(local_make(&p, NOW, &ca, &e), 0);
		assert_int_equal(local_issue(&p, &ca, &r, NOW, &pem, &e), 0);
		assert_int_equal(x509_chain_from_pem(pem.data, pem.len, &chain, &e), 0);
		sk_X509_push(anchors, ca.root);
		X509_up_ref(ca.root);
		scene_init(&s, keys);
		s.want.anchors = anchors;
		if (verify_chain(&s.want, chain, &e) < 0)
			fail_msg("%s", e.text);
		buf_done(&s.spki);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_asked_for_is_taken),
		cmocka_unit_test(what_was_not_asked_for_is_refused_and_named),
		cmocka_unit_test(the_embedded_ca_passes),
	};

	return cmocka_run_group_tests(tests, scene_make_keys, scene_free_keys);
}
