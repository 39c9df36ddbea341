#include "tests/help/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/err.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"

struct text scene_text(struct scene *s, const char *word)
{
	struct text t = { (uint32_t)s->at };

	assert_true(s->at + strlen(word) < sizeof(s->text));
	memcpy(s->text + s->at, word, strlen(word) + 1);
	s->at += strlen(word) + 1;
	return t;
}

struct spec_name *scene_ask(struct scene *s, enum name_kind kind, const char *name)
{
	struct spec_name *n = &s->names[s->cert.names.n++];

	*n = (struct spec_name){ .kind = kind, .value = scene_text(s, name) };
	return n;
}

void scene_ask_key(struct scene *s, EVP_PKEY *key)
{
	struct err e;

	buf_done(&s->spki);
	assert_int_equal(key_to_spki(key, &s->spki, &e), 0);
	s->want.spki = s->spki.data;
	s->want.spki_len = s->spki.len;
}

struct cert_plan scene_ca_plan(const char *name, EVP_PKEY *key)
{
	return (struct cert_plan){
		.subject = name,
		.key = key,
		.from = NOW - 100 * DAY,
		.to = NOW + 1000 * DAY,
		.basic = "critical,CA:TRUE",
		.key_usage = "critical,keyCertSign,cRLSign",
	};
}

void scene_init(struct scene *s, void **keys)
{
	*s = (struct scene){ .at = 1, .keys = *keys };
	s->spec.text = s->text;
	s->spec.names = s->names;
	s->cert.name = scene_text(s, "www");
	s->cert.key = KEY_ECDSA_P256;
	s->cert.usage = USAGE_SERVER;
	scene_ask(s, NAME_DNS, "example.org");
	s->want =
	    (struct verify_want){ .spec = &s->spec, .cert = &s->cert, .now = NOW };
	scene_ask_key(s, s->keys[LEAF]);
	s->root_plan = scene_ca_plan("Root", s->keys[ROOT]);
	s->mid_plan = scene_ca_plan("Mid", s->keys[MID]);
	s->mid_plan.issuer_key = s->keys[ROOT];
	s->mid_plan.basic = "critical,CA:TRUE,pathlen:0";
	s->leaf_plan = (struct cert_plan){
		.key = s->keys[LEAF],
		.issuer_key = s->keys[MID],
		.from = NOW - 60,
		.to = NOW + 30 * DAY,
		.basic = "critical,CA:FALSE",
		.key_usage = "critical,digitalSignature",
		.usage = "serverAuth",
		.names = "critical,DNS:example.org",
	};
}

static void scene_make(struct scene *s)
{
	s->root = certs_make(&s->root_plan);
	s->mid_plan.issuer = s->root;
	s->mid = certs_make(&s->mid_plan);
	s->leaf_plan.issuer = s->mid;
	s->chain = sk_X509_new_null();
	sk_X509_push(s->chain, certs_make(&s->leaf_plan));
	sk_X509_push(s->chain, s->mid);
	X509_up_ref(s->mid);
	s->want.anchors = sk_X509_new_null();
	sk_X509_push(s->want.anchors, s->root);
	X509_up_ref(s->root);
}

void scene_done(struct scene *s)
{
	sk_X509_pop_free(s->chain, X509_free);
	sk_X509_pop_free(s->want.anchors, X509_free);
	X509_free(s->root);
	X509_free(s->mid);
	buf_done(&s->spki);
}

/* What verify says of the scene; "" is acceptance. */
static void say(const struct scene_row *row, void **keys, struct err *e)
{
	struct scene s;
	int rc;

	scene_init(&s, keys);
	if (row->plan != NULL)
		row->plan(&s);
	scene_make(&s);
	if (row->chain != NULL)
		row->chain(&s);
	*e = (struct err){ 0 };
	rc = verify_chain(&s.want, s.chain, e);
	if (rc != 0 && rc != ERR_TRUST)
		fail_msg("code %d", rc);
	assert_int_equal(rc != 0, e->text[0] != '\0');
	assert_int_equal(ERR_peek_error(), 0);
	scene_done(&s);
}

void scene_rows(void **keys, const struct scene_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct scene_row *r = &rows[i];
		AUTO_FREE char *said = NULL;
		struct err e;

		said = xasprintf("verify www: %s%s", r->said,
				 r->verdict == 0
				     ? ""
				     : X509_verify_cert_error_string(r->verdict));
		say(r, keys, &e);
		if (r->said[0] == '\0' ? e.text[0] != '\0'
				       : strncmp(e.text, said, strlen(said)) != 0)
			fail_msg("row %zu: \"%s\", not \"%s\"", i, e.text, said);
	}
}

int scene_make_keys(void **state)
{
	EVP_PKEY **keys = xcalloc(SCENE_KEYS, sizeof(*keys));

	for (size_t i = ROOT; i <= OTHER; i++)
		keys[i] = certs_key(KEY_ECDSA_P256);
	keys[RSA_2048] = certs_key(KEY_RSA_2048);
	keys[RSA_1024] = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
	*state = keys;
	return keys[RSA_1024] == NULL;
}

int scene_free_keys(void **state)
{
	EVP_PKEY **keys = *state;

	for (size_t i = 0; i < SCENE_KEYS; i++)
		EVP_PKEY_free(keys[i]);
	free(keys);
	return 0;
}
