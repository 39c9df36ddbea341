#include "agent/inspect/inspect_p12.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pkcs12.h>

#include "agent/inspect/inspect.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/key.h"
#include "base/mem.h"

struct p12 {
	struct inspect *in;
	uint32_t input;
	size_t item; /* index of the item itself */
	PKCS12 *p12;
	const char *password;
	bool legacy; /* something is encrypted in a way that OpenSSL 3 has put aside */
	struct buf seal;
};

/* What encrypts: "PBES2 (AES-256-CBC)", "pbeWithSHA1And40BitRC2-CBC". */
static void add_algorithm(struct p12 *p, const X509_ALGOR *algorithm)
{
	const ASN1_OBJECT *oid;
	const void *parameter;
	int type;
	char name[80];

	X509_ALGOR_get0(&oid, &type, &parameter, algorithm);
	OBJ_obj2txt(name, sizeof(name), oid, 0);
	if (strstr(p->seal.data == NULL ? "" : p->seal.data, name) != NULL)
		return;
	buf_printf(&p->seal, "%s%s", p->seal.len > 0 ? ", " : "", name);
	p->legacy = p->legacy || strncmp(name, "pbeWithSHA1And", 14) == 0;
}

static void add_mac(struct p12 *p)
{
	const ASN1_INTEGER *rounds = NULL;
	const X509_ALGOR *algorithm = NULL;

	if (PKCS12_mac_present(p->p12) != 1)
		return;
	PKCS12_get0_mac(NULL, &algorithm, NULL, &rounds, p->p12);
	add_algorithm(p, algorithm);
	if (rounds != NULL)
		buf_printf(&p->seal, " %ld times", ASN1_INTEGER_get(rounds));
}

static struct inspect_item *add_item(struct p12 *p, enum inspect_kind kind)
{
	return inspect_item(p->in, kind, p->input, "PKCS#12");
}

static void add_key(struct p12 *p, const PKCS8_PRIV_KEY_INFO *info)
{
	struct inspect_item *item;
	EVP_PKEY *key = info == NULL ? NULL : EVP_PKCS82PKEY(info);

	item = key == NULL ? NULL : add_item(p, ITEM_KEY);
	if (item != NULL)
		item->key = key;
	else
		EVP_PKEY_free(key);
}

static void add_sealed_key(struct p12 *p, const PKCS12_SAFEBAG *bag)
{
	PKCS8_PRIV_KEY_INFO *info = NULL;
	const X509_ALGOR *algorithm;

	X509_SIG_get0(PKCS12_SAFEBAG_get0_pkcs8(bag), &algorithm, NULL);
	add_algorithm(p, algorithm);
	if (p->password != NULL)
		info = PKCS12_decrypt_skey(bag, p->password, (int)strlen(p->password));
	add_key(p, info);
	PKCS8_PRIV_KEY_INFO_free(info);
}

static void add_bag(struct p12 *p, const PKCS12_SAFEBAG *bag)
{
	struct inspect_item *item;
	X509 *cert;

	switch (PKCS12_SAFEBAG_get_nid(bag)) {
	case NID_keyBag:
		add_key(p, PKCS12_SAFEBAG_get0_p8inf(bag));
		break;
	case NID_pkcs8ShroudedKeyBag:
		add_sealed_key(p, bag);
		break;
	case NID_certBag:
		cert = PKCS12_SAFEBAG_get_bag_nid(bag) == NID_x509Certificate
			   ? PKCS12_SAFEBAG_get1_cert(bag)
			   : NULL;
		item = cert == NULL ? NULL : add_item(p, ITEM_CERT);
		if (item != NULL)
			item->cert = cert;
		else
			X509_free(cert);
		break;
	default: /* CRLs, secrets of others, bags of bags: nobody writes them */
		break;
	}
}

static void add_part(struct p12 *p, PKCS7 *part)
{
	STACK_OF(PKCS12_SAFEBAG) *bags = NULL;

	if (PKCS7_type_is_data(part)) {
		bags = PKCS12_unpack_p7data(part);
	} else if (PKCS7_type_is_encrypted(part) && part->d.encrypted != NULL) {
		add_algorithm(p, part->d.encrypted->enc_data->algorithm);
		if (p->password != NULL)
			bags = PKCS12_unpack_p7encdata(part, p->password,
						       (int)strlen(p->password));
	}
	for (int i = 0; i < sk_PKCS12_SAFEBAG_num(bags); i++)
		add_bag(p, sk_PKCS12_SAFEBAG_value(bags, i));
	sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	ERR_clear_error();
}

/* Which password its checksum was made with: ours, or none at all. */
static const char *find_password(const struct p12 *p)
{
	const char *ours = p->in->password;

	if (PKCS12_mac_present(p->p12) != 1)
		return ours == NULL ? "" : ours;
	if (ours != NULL)
		return PKCS12_verify_mac(p->p12, ours, (int)strlen(ours)) == 1 ? ours
									       : NULL;
	if (PKCS12_verify_mac(p->p12, "", 0) == 1 ||
	    PKCS12_verify_mac(p->p12, NULL, 0) == 1)
		return "";
	return NULL;
}

static void say(const struct p12 *p, bool found)
{
	struct inspect *in = p->in;
	struct inspect_item *item = &in->items[p->item];

	item->sealed = p->password == NULL;
	if (p->password == NULL && in->password == NULL)
		inspect_say_of(in, FOUND_PASSWORD_NEEDED, item,
			       "it is encrypted, and no password was given");
	else if (p->password == NULL)
		inspect_say_of(in, FOUND_PASSWORD_WRONG, item,
			       "the password does not open it");
	else if (p->password[0] == '\0' && found)
		inspect_say_of(in, FOUND_PASSWORD_EMPTY, item,
			       "it opens without a password");
	if (p->legacy)
		inspect_say_of(in, FOUND_P12_LEGACY, item,
			       "it is encrypted in the way of the nineties%s",
			       found || p->password == NULL
				   ? ""
				   : ", which is not read here");
}

bool inspect_p12(struct inspect *in, uint32_t input, const unsigned char *der, long len)
{
	const unsigned char *at = der;
	PKCS12 *p12 = d2i_PKCS12(NULL, &at, len);
	struct p12 p = { .in = in, .input = input, .p12 = p12, .item = in->n_items };
	STACK_OF(PKCS7) *parts = p12 == NULL ? NULL : PKCS12_unpack_authsafes(p12);

	if (parts == NULL || inspect_item(in, ITEM_P12, input, "DER") == NULL) {
		sk_PKCS7_pop_free(parts, PKCS7_free);
		PKCS12_free(p12);
		ERR_clear_error();
		return false;
	}
	p.password = find_password(&p);
	for (int i = 0; i < sk_PKCS7_num(parts); i++)
		add_part(&p, sk_PKCS7_value(parts, i));
	add_mac(&p);
	in->items[p.item].seal = buf_take(&p.seal);
	say(&p, in->n_items > p.item + 1);
	sk_PKCS7_pop_free(parts, PKCS7_free);
	PKCS12_free(p12);
	ERR_clear_error();
	return true;
}
