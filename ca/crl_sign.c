#include "ca/crl_sign.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>

#include "base/err.h"
#include "base/key.h"

/* -- the algorithm -- */

static void cannot(struct crl_sign *s, const char *what, const char *which)
{
	snprintf(s->why, sizeof(s->why), "%s %s", what, which);
}

static void name_of(const X509_ALGOR *a, char *name, int size)
{
	const ASN1_OBJECT *object = NULL;

	X509_ALGOR_get0(&object, NULL, NULL, a);
	OBJ_obj2txt(name, size, object, 0);
}

/* Hashes of which nobody can make two lists with one. */
static bool is_sound(int hash)
{
	static const int sound[] = { NID_sha224,   NID_sha256,     NID_sha384,
				     NID_sha512,   NID_sha512_224, NID_sha512_256,
				     NID_sha3_224, NID_sha3_256,   NID_sha3_384,
				     NID_sha3_512 };

	for (size_t i = 0; i < sizeof(sound) / sizeof(*sound); i++)
		if (sound[i] == hash)
			return true;
	return false;
}

static int set_hash(struct crl_sign *s, int hash, const char *name, struct err *e)
{
	if (!is_sound(hash))
		return err_set(e, ERR_TRUST,
			       "it is signed with %s, which is not to be trusted",
			       name);
	s->hash = EVP_get_digestbynid(hash);
	if (s->hash == NULL)
		cannot(s, "this OpenSSL does not have", OBJ_nid2ln(hash));
	return 0;
}

static int hash_called(const X509_ALGOR *a)
{
	const ASN1_OBJECT *object = NULL;

	if (a == NULL)
		return NID_sha1; /* the default of RFC 4055 3.1 */
	X509_ALGOR_get0(&object, NULL, NULL, a);
	return OBJ_obj2nid(object);
}

/* RFC 4055 3.1; the caller owns it. */
static RSA_PSS_PARAMS *pss_of(const X509_ALGOR *a)
{
	const void *value = NULL;
	int type = V_ASN1_UNDEF;

	X509_ALGOR_get0(NULL, &type, &value, a);
	if (type != V_ASN1_SEQUENCE)
		return NULL;
	return ASN1_item_unpack(value, ASN1_ITEM_rptr(RSA_PSS_PARAMS));
}

static int begin_pss(struct crl_sign *s, struct err *e)
{
	RSA_PSS_PARAMS *pss = pss_of(s->algorithm);
	int rc;

	if (pss == NULL)
		return key_openssl_err(e, ERR_PROTO,
				       "its RSA-PSS parameters cannot be read");
	rc = set_hash(s, hash_called(pss->hashAlgorithm), "RSA-PSS and SHA-1", e);
	RSA_PSS_PARAMS_free(pss);
	s->key = EVP_PKEY_RSA_PSS;
	return rc;
}

static int begin_known(struct crl_sign *s, int nid, struct err *e)
{
	char name[64];
	int hash = NID_undef;

	name_of(s->algorithm, name, sizeof(name));
	if (nid == NID_rsassaPss)
		return begin_pss(s, e);
	if (nid == NID_undef || !OBJ_find_sigid_algs(nid, &hash, &s->key)) {
		cannot(s, "this OpenSSL does not know its signature algorithm", name);
		return 0;
	}
	if (hash == NID_undef)
		return 0;
	if (s->key == NID_rsaEncryption || s->key == NID_X9_62_id_ecPublicKey)
		return set_hash(s, hash, name, e);
	cannot(s, "everleaf does not verify", name);
	return 0;
}

int crl_sign_begin(struct crl_sign *s, const struct der *der, struct err *e)
{
	const unsigned char *at = der->at;
	const ASN1_OBJECT *object = NULL;

	s->algorithm = d2i_X509_ALGOR(NULL, &at, (long)der->len);
	if (s->algorithm == NULL || at != der->at + der->len)
		return key_openssl_err(e, ERR_PROTO, "its signature algorithm");
	X509_ALGOR_get0(&object, NULL, NULL, s->algorithm);
	TRY(begin_known(s, OBJ_obj2nid(object), e));
	if (s->hash == NULL)
		return 0;
	s->ctx = EVP_MD_CTX_new();
	if (s->ctx == NULL || EVP_DigestInit_ex(s->ctx, s->hash, NULL) != 1)
		return key_openssl_err(e, ERR_SYS, "hash");
	return 0;
}

void crl_sign_add(struct crl_sign *s, const void *data, size_t len)
{
	if (s->ctx != NULL)
		EVP_DigestUpdate(s->ctx, data, len);
}

void crl_sign_done(struct crl_sign *s)
{
	X509_ALGOR_free(s->algorithm);
	EVP_MD_CTX_free(s->ctx);
}

/* -- the signature -- */

static bool fits(const struct crl_sign *s, const EVP_PKEY *key)
{
	const int kind = EVP_PKEY_get_base_id(key);

	if (s->key == EVP_PKEY_RSA_PSS)
		return kind == EVP_PKEY_RSA || kind == EVP_PKEY_RSA_PSS;
	/* Kinds that came with providers have no number: their name is the algorithm's. */
	return kind == s->key || EVP_PKEY_is_a(key, OBJ_nid2sn(s->key)) == 1;
}

/* MGF1 and its hash (RFC 4055 2.2); NULL: something else, or one that is not there. */
static const EVP_MD *mask_of(const RSA_PSS_PARAMS *pss)
{
	const X509_ALGOR *mask = pss->maskGenAlgorithm;
	const ASN1_OBJECT *object = NULL;
	const EVP_MD *hash = NULL;
	const void *value = NULL;
	X509_ALGOR *with = NULL;
	int type = V_ASN1_UNDEF;

	if (mask == NULL)
		return EVP_sha1();
	X509_ALGOR_get0(&object, &type, &value, mask);
	if (OBJ_obj2nid(object) == NID_mgf1 && type == V_ASN1_SEQUENCE)
		with = ASN1_item_unpack(value, ASN1_ITEM_rptr(X509_ALGOR));
	if (with != NULL)
		hash = EVP_get_digestbynid(hash_called(with));
	X509_ALGOR_free(with);
	return hash;
}

static bool set_pss(EVP_PKEY_CTX *ctx, const struct crl_sign *s)
{
	RSA_PSS_PARAMS *pss = pss_of(s->algorithm);
	const EVP_MD *mask;
	long salt = 20;
	bool good;

	if (pss == NULL)
		return false;
	mask = mask_of(pss);
	if (pss->saltLength != NULL)
		salt = ASN1_INTEGER_get(pss->saltLength);
	good =
	    mask != NULL && salt >= 0 && salt <= INT16_MAX &&
	    (pss->trailerField == NULL || ASN1_INTEGER_get(pss->trailerField) == 1) &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
	    EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, mask) > 0 &&
	    EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)salt) > 0;
	RSA_PSS_PARAMS_free(pss);
	return good;
}

static bool is_signed_hash(const struct crl_sign *s, EVP_PKEY *key,
			   const struct crl_signed *of, const uint8_t *hash)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	bool good = ctx != NULL && EVP_PKEY_verify_init(ctx) > 0;

	if (good && s->key == EVP_PKEY_RSA_PSS)
		good = set_pss(ctx, s);
	else if (good && s->key == EVP_PKEY_RSA)
		good = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0;
	good = good && EVP_PKEY_CTX_set_signature_md(ctx, s->hash) > 0 &&
	       EVP_PKEY_verify(ctx, of->signature, of->len, hash,
			       (size_t)EVP_MD_get_size(s->hash)) == 1;
	EVP_PKEY_CTX_free(ctx);
	return good;
}

/* The file is mapped, not read: its pages are the system's, and it lets go of them. */
static bool is_signed_whole(EVP_PKEY *key, const struct crl_signed *of)
{
	const size_t size = (size_t)(of->at + of->size);
	uint8_t *all = mmap(NULL, size, PROT_READ, MAP_SHARED, of->der, 0);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good;

	good = all != MAP_FAILED && ctx != NULL &&
	       EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
	       EVP_DigestVerify(ctx, of->signature, of->len, all + of->at,
				(size_t)of->size) == 1;
	EVP_MD_CTX_free(ctx);
	if (all != MAP_FAILED)
		munmap(all, size);
	return good;
}

static int judge(struct crl_sign *s, EVP_PKEY *key, const struct crl_signed *of,
		 const uint8_t *hash, struct err *e)
{
	char name[64];

	name_of(s->algorithm, name, sizeof(name));
	if (key == NULL) {
		cannot(s,
		       "this OpenSSL cannot read the CA's key; the CRL is signed with",
		       name);
		ERR_clear_error();
		return 0;
	}
	if (!fits(s, key))
		return err_set(e, ERR_TRUST,
			       "it is signed with %s, not with the CA's key", name);
	if (s->hash == NULL && of->der < 0) {
		cannot(s, "it is nowhere to be read again, which is needed for", name);
		return 0;
	}
	if (s->hash != NULL ? is_signed_hash(s, key, of, hash)
			    : is_signed_whole(key, of))
		return 0;
	return key_openssl_err(e, ERR_TRUST, "its signature is not by the CA's key");
}

int crl_sign_end(struct crl_sign *s, X509 *ca, const struct crl_signed *of,
		 struct err *e)
{
	uint8_t hash[EVP_MAX_MD_SIZE] = { 0 };
	unsigned len = 0;

	if (s->ctx != NULL && EVP_DigestFinal_ex(s->ctx, hash, &len) != 1)
		return key_openssl_err(e, ERR_SYS, "hash");
	if (s->why[0] != '\0')
		return 0;
	return judge(s, X509_get0_pubkey(ca), of, hash, e);
}
