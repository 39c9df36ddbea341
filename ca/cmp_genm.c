#include "ca/cmp_genm.h"

#include <openssl/cmp.h>
#include <openssl/err.h>

#include "base/err.h"
#include "base/key.h"
#include "ca/cmp_task.h"
#include "ca/crl_der.h"

/* -- values -- */

#if OPENSSL_VERSION_NUMBER < 0x30200000L

#define ID_ROOT_CA_CERT "1.3.6.1.5.5.7.4.20" /* id-it-rootCaCert, RFC 9480 2.2 */

/* Built for 3.0, run with a later one: what stands in a value is another type there. */
static bool has_values(void)
{
	return OpenSSL_version_num() < 0x30200000L;
}

static void value_done(ASN1_TYPE **value)
{
	ASN1_TYPE_free(*value);
}

static void type_done(ASN1_OBJECT **type)
{
	ASN1_OBJECT_free(*type);
}

#define AUTO_VALUE __attribute__((cleanup(value_done)))
#define AUTO_TYPE  __attribute__((cleanup(type_done)))

/* A SEQUENCE of certificates, some of them with a tag before it, which says what they are:
 * so does who has signed them. */
static void take_all(const OSSL_CMP_ITAV *itav, STACK_OF(X509) * all)
{
	const ASN1_TYPE *value = has_values() ? OSSL_CMP_ITAV_get0_value(itav) : NULL;
	struct der d = { NULL, 0 }, certs, tagged;
	const uint8_t *at;
	uint8_t tag;

	if (value != NULL && value->type == V_ASN1_SEQUENCE)
		d = (struct der){
			ASN1_STRING_get0_data(value->value.sequence),
			(size_t)ASN1_STRING_length(value->value.sequence),
		};
	if (!der_take(&d, DER_SEQUENCE, &certs))
		return;
	for (at = certs.at; der_next(&certs, &tag, &tagged); at = certs.at) {
		X509 *cert;

		if ((tag & V_ASN1_PRIVATE) == V_ASN1_CONTEXT_SPECIFIC)
			at = tagged.at;
		cert = d2i_X509(NULL, &at, certs.at - at);
		if (cert == NULL || sk_X509_push(all, cert) <= 0) {
			X509_free(cert);
			return;
		}
	}
}

static void take_cas(const OSSL_CMP_ITAV *itav, STACK_OF(X509) * cas)
{
	take_all(itav, cas);
}

static void take_update(const OSSL_CMP_ITAV *itav, STACK_OF(X509) * all)
{
	take_all(itav, all);
}

static OSSL_CMP_ITAV *ask_update(X509 *root)
{
	AUTO_TYPE ASN1_OBJECT *type = OBJ_txt2obj(ID_ROOT_CA_CERT, 1);
	AUTO_VALUE ASN1_TYPE *value =
	    has_values() ? ASN1_TYPE_pack_sequence(ASN1_ITEM_rptr(X509), root, NULL)
			 : NULL;
	OSSL_CMP_ITAV *ask = value == NULL ? NULL : OSSL_CMP_ITAV_create(type, value);

	if (ask != NULL) {
		type = NULL;
		value = NULL;
	}
	return ask;
}

#else

static void take_cas(const OSSL_CMP_ITAV *itav, STACK_OF(X509) * cas)
{
	STACK_OF(X509) *all = NULL;

	if (OSSL_CMP_ITAV_get0_caCerts(itav, &all) == 1)
		X509_add_certs(cas, all, X509_ADD_FLAG_UP_REF | X509_ADD_FLAG_NO_DUP);
}

static void take_update(const OSSL_CMP_ITAV *itav, STACK_OF(X509) * all)
{
	X509 *certs[3] = { NULL, NULL, NULL };

	OSSL_CMP_ITAV_get0_rootCaKeyUpdate(itav, &certs[0], &certs[1], &certs[2]);
	for (size_t i = 0; i < 3; i++)
		if (certs[i] != NULL)
			X509_add_cert(all, certs[i], X509_ADD_FLAG_UP_REF);
}

static OSSL_CMP_ITAV *ask_update(X509 *root)
{
	return OSSL_CMP_ITAV_new_rootCaCert(root);
}

#endif

/* -- a transaction -- */

static void itav_free(OSSL_CMP_ITAV *itav)
{
	OSSL_CMP_ITAV_free(itav);
}

/* Of what it answers, values of that type; `ask` is owned. A value that is not there, or
 * is none, tells nothing. */
static int ask_for(struct cmp_task *t, OSSL_CMP_ITAV *ask, int nid,
		   void take(const OSSL_CMP_ITAV *, STACK_OF(X509) *),
		   STACK_OF(X509) * all, struct err *e)
{
	STACK_OF(OSSL_CMP_ITAV) * told;

	if (ask == NULL || OSSL_CMP_CTX_push0_genm_ITAV(t->ctx, ask) != 1) {
		OSSL_CMP_ITAV_free(ask);
		return key_openssl_err(e, ERR_SYS, "genm");
	}
	told = OSSL_CMP_exec_GENM_ses(t->ctx);
	if (told == NULL)
		return cmp_task_failed(t, "genm", e);
	for (int i = 0; i < sk_OSSL_CMP_ITAV_num(told); i++) {
		const OSSL_CMP_ITAV *itav = sk_OSSL_CMP_ITAV_value(told, i);

		if (OBJ_obj2nid(OSSL_CMP_ITAV_get0_type(itav)) == nid)
			take(itav, all);
	}
	sk_OSSL_CMP_ITAV_pop_free(told, itav_free);
	ERR_clear_error();
	return 0;
}

int cmp_genm_cas(struct cmp_task *t, struct err *e)
{
	OSSL_CMP_ITAV *ask = OSSL_CMP_ITAV_create(OBJ_nid2obj(NID_id_it_caCerts), NULL);

	return ask_for(t, ask, NID_id_it_caCerts, take_cas, t->cas, e);
}

int cmp_genm_update(struct cmp_task *t, X509 *root, STACK_OF(X509) * all, struct err *e)
{
	return ask_for(t, ask_update(root), NID_id_it_rootCaKeyUpdate, take_update, all,
		       e);
}
