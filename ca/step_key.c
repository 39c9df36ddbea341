#include "ca/step_key.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "base/auto.h"
#include "base/base64url.h"
#include "base/err.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/text.h"

#define ALG "PBES2-HS256+A128KW"
#define ENC "A256GCM"

#define KEK_BYTES  16 /* A128KW */
#define CEK_BYTES  32 /* A256GCM */
#define WRAP_BYTES 8  /* RFC 3394 adds so many */
#define IV_BYTES   12
#define TAG_BYTES  16

#define SHOWN 32 /* bytes of the name of an algorithm */

void step_jwe_done(struct step_jwe *j)
{
	buf_done(&j->header);
	buf_done(&j->salt);
	buf_done(&j->wrapped);
	buf_done(&j->iv);
	buf_done(&j->text);
	buf_done(&j->tag);
}

void step_key_done(struct step_key *key)
{
	EVP_PKEY_free(key->key);
	buf_done(&key->kid);
	key->key = NULL;
}

void step_told_done(struct step_told *told)
{
	buf_done(&told->token);
	buf_done(&told->serial);
}

/* -- JSON, as far as one who holds keys reads any -- */

struct piece {
	const char *at; /* borrowed; NULL: not there */
	size_t len;
};

static const char *skip_space(const char *at, const char *end)
{
	while (at < end && memchr(" \t\r\n", *at, 4) != NULL)
		at++;
	return at;
}

/* What stands behind the member `name`, at any depth: the first whose colon follows. In
 * JSON that is a name and no part of a string, where its quotes would be escaped. */
static const char *behind(const char *text, size_t len, const char *name)
{
	const size_t n = strlen(name);
	const char *end = text + len;

	for (const char *at = text; at + n + 2 <= end; at++) {
		const char *after = at + n + 2;

		if (at[0] != '"' || at[n + 1] != '"' || memcmp(at + 1, name, n) != 0)
			continue;
		after = skip_space(after, end);
		if (after < end && *after == ':')
			return skip_space(after + 1, end);
	}
	return NULL;
}

/* One without escapes: none of those that are looked for here has any. */
static struct piece string_at(const char *text, size_t len, const char *name)
{
	const char *at = behind(text, len, name), *end = text + len, *close;
	const struct piece none = { NULL, 0 };

	if (at == NULL || at == end || *at != '"')
		return none;
	at++;
	close = memchr(at, '"', (size_t)(end - at));
	if (close == NULL || memchr(at, '\\', (size_t)(close - at)) != NULL)
		return none;
	return (struct piece){ at, (size_t)(close - at) };
}

static uint64_t number_at(const char *text, size_t len, const char *name)
{
	const char *at = behind(text, len, name);
	uint64_t n = 0;

	for (; at != NULL && at < text + len && *at >= '0' && *at <= '9'; at++)
		if ((n = n * 10 + (uint64_t)(*at - '0')) > LIMIT_STEP_ROUNDS)
			return UINT64_MAX;
	return n;
}

static bool is_word(struct piece p, const char *word)
{
	return p.at != NULL && p.len == strlen(word) && memcmp(p.at, word, p.len) == 0;
}

static bool decode(struct piece p, struct buf *out)
{
	return p.at != NULL && p.len > 0 && base64url_read(p.at, p.len, false, out) &&
	       out->len > 0;
}

/* -- the JWE -- */

enum part { HEADER, WRAPPED, IV, TEXT, TAG, PARTS };

static bool split_compact(const char *text, size_t len, struct piece parts[PARTS])
{
	const char *end = text + len;

	for (int i = HEADER; i < PARTS; i++) {
		const char *dot = memchr(text, '.', (size_t)(end - text));

		if ((dot == NULL) != (i == TAG))
			return false;
		parts[i] =
		    (struct piece){ text, (size_t)((dot == NULL ? end : dot) - text) };
		text = dot == NULL ? end : dot + 1;
	}
	return true;
}

static bool split(const char *text, size_t len, struct piece parts[PARTS])
{
	static const char *const names[PARTS] = { "protected", "encrypted_key", "iv",
						  "ciphertext", "tag" };

	if (len == 0 || *text != '{')
		return split_compact(text, len, parts);
	for (int i = HEADER; i < PARTS; i++)
		parts[i] = string_at(text, len, names[i]);
	return true;
}

/* Whatever else it is called, as a terminal can show it. */
static void add_word(struct buf *out, struct piece p)
{
	if (p.at == NULL)
		buf_puts(out, "nothing");
	else
		text_escape(out, p.at, p.len, SHOWN);
}

static int other_way(struct piece alg, struct piece enc, struct err *e)
{
	AUTO_BUF struct buf words = { 0 };

	add_word(&words, alg);
	buf_puts(&words, " and ");
	add_word(&words, enc);
	return err_set(e, ERR_CONFIG,
		       "a key that is encrypted by %s, and not by " ALG " and " ENC
		       ", as step does it",
		       words.data);
}

static int read_header(struct piece raw, struct step_jwe *j, struct err *e)
{
	AUTO_BUF struct buf text = { 0 };
	struct piece alg, enc;

	if (!decode(raw, &text))
		return err_set(e, ERR_PROTO, "a JWE without a header");
	buf_add(&j->header, raw.at, raw.len);
	alg = string_at(text.data, text.len, "alg");
	enc = string_at(text.data, text.len, "enc");
	if (!is_word(alg, ALG) || !is_word(enc, ENC))
		return other_way(alg, enc, e);
	j->rounds = number_at(text.data, text.len, "p2c");
	if (!decode(string_at(text.data, text.len, "p2s"), &j->salt))
		return err_set(e, ERR_PROTO, "a JWE without a salt");
	return 0;
}

int step_jwe_read(const char *text, size_t len, struct step_jwe *j, struct err *e)
{
	struct piece parts[PARTS] = { { NULL, 0 } };
	const char *at = skip_space(text, text + len);

	len -= (size_t)(at - text);
	while (len > 0 && skip_space(at + len - 1, at + len) == at + len)
		len--;
	if (len > LIMIT_STEP_JWE)
		return err_set(e, ERR_LIMIT, "a JWE of %zu bytes", len);
	if (!split(at, len, parts))
		return err_set(e, ERR_PROTO, "no JWE");
	TRY(read_header(parts[HEADER], j, e));
	if (!decode(parts[WRAPPED], &j->wrapped) || !decode(parts[IV], &j->iv) ||
	    !decode(parts[TEXT], &j->text) || !decode(parts[TAG], &j->tag))
		return err_set(e, ERR_PROTO, "a JWE that lacks a part");
	return 0;
}

/* -- the password -- */

/* RFC 7518 4.8.1.1: the salt is the name of the algorithm, a zero byte, p2s. */
static bool derive(const struct step_jwe *j, const struct buf *password,
		   unsigned char kek[KEK_BYTES])
{
	AUTO_BUF struct buf salt = { 0 };

	buf_add(&salt, ALG, sizeof(ALG));
	buf_add(&salt, j->salt.data, j->salt.len);
	return PKCS5_PBKDF2_HMAC(password->data, (int)password->len,
				 (const unsigned char *)salt.data, (int)salt.len,
				 (int)j->rounds, EVP_sha256(), KEK_BYTES, kek) == 1;
}

/* RFC 3394 2.2.2, which is how a wrong password is found out. */
static bool unwrap(const struct step_jwe *j, const unsigned char kek[KEK_BYTES],
		   unsigned char cek[CEK_BYTES])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	unsigned char out[CEK_BYTES + WRAP_BYTES];
	int n = 0;
	bool ok = ctx != NULL && j->wrapped.len == sizeof(out);

	if (ok)
		EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	ok = ok && EVP_DecryptInit_ex(ctx, EVP_aes_128_wrap(), NULL, kek, NULL) == 1 &&
	     EVP_DecryptUpdate(ctx, out, &n, (const unsigned char *)j->wrapped.data,
			       (int)j->wrapped.len) == 1 &&
	     n == CEK_BYTES;
	if (ok)
		memcpy(cek, out, CEK_BYTES);
	OPENSSL_cleanse(out, sizeof(out));
	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

static bool decrypt(const struct step_jwe *j, const unsigned char cek[CEK_BYTES],
		    struct buf *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	AUTO_FREE unsigned char *text = xcalloc(j->text.len + 1, 1);
	unsigned char tag[TAG_BYTES];
	int n = 0, rest = 0;
	bool ok = ctx != NULL && j->iv.len == IV_BYTES && j->tag.len == TAG_BYTES &&
		  j->text.len <= LIMIT_STEP_JWE;

	if (ok)
		memcpy(tag, j->tag.data, TAG_BYTES);
	ok = ok &&
	     EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, cek,
				(const unsigned char *)j->iv.data) == 1 &&
	     EVP_DecryptUpdate(ctx, NULL, &n, (const unsigned char *)j->header.data,
			       (int)j->header.len) == 1 &&
	     EVP_DecryptUpdate(ctx, text, &n, (const unsigned char *)j->text.data,
			       (int)j->text.len) == 1 &&
	     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1 &&
	     EVP_DecryptFinal_ex(ctx, text + n, &rest) == 1;
	if (ok)
		buf_add(out, text, (size_t)(n + rest));
	OPENSSL_cleanse(text, j->text.len);
	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

/* -- the JWK -- */

static const struct curve {
	const char *crv;
	const char *group; /* NULL: OKP (RFC 8037) */
	size_t width;
} curves[] = {
	{ "P-256", "P-256", 32 },
	{ "P-384", "P-384", 48 },
	{ "Ed25519", NULL, 32 },
};

#define N_CURVES (sizeof(curves) / sizeof(*curves))

static bool make_key(const struct curve *c, const struct buf *d,
		     const struct buf *point, EVP_PKEY **key)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	BIGNUM *n = BN_secure_new();
	OSSL_PARAM *params = NULL;
	bool ok = ctx != NULL && b != NULL && n != NULL &&
		  BN_bin2bn((const unsigned char *)d->data, (int)d->len, n) != NULL;

	ok = ok &&
	     OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, c->group,
					     0) == 1 &&
	     OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, n) == 1 &&
	     OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point->data,
					      point->len) == 1 &&
	     (params = OSSL_PARAM_BLD_to_param(b)) != NULL &&
	     EVP_PKEY_fromdata_init(ctx) == 1 &&
	     EVP_PKEY_fromdata(ctx, key, EVP_PKEY_KEYPAIR, params) == 1;
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(b);
	BN_clear_free(n);
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

/* = RFC 7518 6.2.2.1 "The length of this octet string MUST be ceiling(log-base-2(n)/8)
 * octets (where n is the order of the curve)." [d] */
static bool read_key(const char *text, size_t len, EVP_PKEY **key)
{
	const struct piece crv = string_at(text, len, "crv");
	AUTO_BUF struct buf d = { 0 };
	AUTO_BUF struct buf point = { 0 };
	size_t i = 0;

	while (i < N_CURVES && !is_word(crv, curves[i].crv))
		i++;
	if (i == N_CURVES || !decode(string_at(text, len, "d"), &d) ||
	    d.len != curves[i].width)
		return false;
	if (curves[i].group == NULL) {
		*key =
		    EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL,
						 (const unsigned char *)d.data, d.len);
		return *key != NULL;
	}
	buf_add(&point, "\x04", 1); /* not compressed, SEC 1 2.3.3 */
	return decode(string_at(text, len, "x"), &point) &&
	       point.len == 1 + curves[i].width &&
	       decode(string_at(text, len, "y"), &point) &&
	       point.len == 1 + 2 * curves[i].width &&
	       make_key(&curves[i], &d, &point, key);
}

int step_key_read(const char *text, size_t len, struct step_key *key, struct err *e)
{
	const struct piece kid = string_at(text, len, "kid");

	ERR_clear_error();
	if (!read_key(text, len, &key->key)) {
		ERR_clear_error();
		return err_set(e, ERR_CONFIG,
			       "no private key of P-256, P-384 or Ed25519 in a JWK");
	}
	if (kid.at != NULL)
		buf_add(&key->kid, kid.at, kid.len);
	return 0;
}

int step_key_open(const struct step_jwe *j, const struct buf *password,
		  struct step_key *key, struct err *e)
{
	unsigned char kek[KEK_BYTES], cek[CEK_BYTES];
	AUTO_BUF struct buf text = { 0 };
	bool ok;

	if (j->rounds == 0 || j->rounds > LIMIT_STEP_ROUNDS)
		return err_set(e, ERR_CONFIG,
			       "its password is to be hashed more than %d times",
			       LIMIT_STEP_ROUNDS);
	ok = derive(j, password, kek) && unwrap(j, kek, cek) && decrypt(j, cek, &text);
	OPENSSL_cleanse(kek, sizeof(kek));
	OPENSSL_cleanse(cek, sizeof(cek));
	ERR_clear_error();
	if (!ok)
		return err_set(e, ERR_CONFIG, "the password does not open it");
	return step_key_read(text.data == NULL ? "" : text.data, text.len, key, e);
}
