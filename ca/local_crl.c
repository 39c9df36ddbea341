#include "ca/local_crl.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/x509v3.h>

#include "base/auto.h"
#include "base/crl.h"
#include "base/err.h"
#include "base/x509.h"
#include "ca/local.h"
#include "ca/local_ext.h"

#define AUTO_INTEGER __attribute__((cleanup(integer_done)))

static void integer_done(ASN1_INTEGER **n)
{
	ASN1_INTEGER_free(*n);
}

/* = RFC 5280 5.2.3 "conveys a monotonically increasing sequence number" */
static int add_number(X509_CRL *crl, const X509_CRL *old, struct err *e)
{
	AUTO_INTEGER ASN1_INTEGER *number = NULL;
	BIGNUM *n = NULL;
	int ok;

	if (old != NULL)
		number = X509_CRL_get_ext_d2i(old, NID_crl_number, NULL, NULL);
	if (old != NULL && number == NULL)
		return key_openssl_err(e, ERR_PROTO, "the old CRL has no number");
	n = number == NULL ? BN_new() : ASN1_INTEGER_to_BN(number, NULL);
	if (number == NULL)
		number = ASN1_INTEGER_new();
	ok = n != NULL && number != NULL && BN_add_word(n, 1) == 1 &&
	     BN_to_ASN1_INTEGER(n, number) != NULL &&
	     X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0,
				   X509V3_ADD_DEFAULT) == 1;
	BN_free(n);
	return ok ? 0 : key_openssl_err(e, ERR_SYS, "CRL number");
}

static int carry_over(X509_CRL *crl, X509_CRL *old, struct err *e)
{
	STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(old);

	for (int i = 0; i < sk_X509_REVOKED_num(entries); i++) {
		X509_REVOKED *entry;

		entry = X509_REVOKED_dup(sk_X509_REVOKED_value(entries, i));
		if (entry == NULL || X509_CRL_add0_revoked(crl, entry) != 1) {
			X509_REVOKED_free(entry);
			return key_openssl_err(e, ERR_SYS, "carry over an entry");
		}
	}
	return 0;
}

static int read_serial(const char *hex, ASN1_INTEGER **serial, struct err *e)
{
	size_t len = strspn(hex, "0123456789abcdefABCDEF");
	BIGNUM *n = NULL;

	/* = RFC 5280 4.1.2.2 "Conforming CAs MUST NOT use serialNumber values longer
	 * than 20 octets." */
	if (len == 0 || len > 40 || hex[len] != '\0')
		return err_set(e, ERR_CONFIG, "\"%.48s\" is no serial number", hex);
	if (BN_hex2bn(&n, hex) > 0)
		*serial = BN_to_ASN1_INTEGER(n, NULL);
	BN_free(n);
	return *serial != NULL ? 0 : key_openssl_err(e, ERR_SYS, "serial number");
}

/* = RFC 5280 5.3.1 "the reason code CRL entry extension SHOULD be absent instead of
 * using the unspecified (0) reasonCode value." */
static int add_reason(X509_REVOKED *entry, int reason, struct err *e)
{
	ASN1_ENUMERATED *value = ASN1_ENUMERATED_new();
	int ok;

	ok = value != NULL && ASN1_ENUMERATED_set(value, reason) == 1 &&
	     X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, value, 0,
				       X509V3_ADD_DEFAULT) == 1;
	ASN1_ENUMERATED_free(value);
	return ok ? 0 : key_openssl_err(e, ERR_SYS, "reason");
}

static int fill_entry(X509_REVOKED *entry, ASN1_INTEGER *serial, int reason,
		      int64_t now, struct err *e)
{
	ASN1_TIME *at = ASN1_TIME_set(NULL, now);
	int ok;

	ok = at != NULL && X509_REVOKED_set_serialNumber(entry, serial) == 1 &&
	     X509_REVOKED_set_revocationDate(entry, at) == 1;
	ASN1_TIME_free(at);
	if (!ok)
		return key_openssl_err(e, ERR_SYS, "CRL entry");
	return reason == 0 ? 0 : add_reason(entry, reason, e);
}

static int add_entry(X509_CRL *crl, ASN1_INTEGER *serial, int reason, int64_t now,
		     struct err *e)
{
	X509_REVOKED *entry = X509_REVOKED_new();

	if (entry == NULL)
		return key_openssl_err(e, ERR_SYS, "CRL entry");
	if (fill_entry(entry, serial, reason, now, e) < 0) {
		X509_REVOKED_free(entry);
		return e->code;
	}
	if (X509_CRL_add0_revoked(crl, entry) != 1) {
		X509_REVOKED_free(entry);
		return key_openssl_err(e, ERR_SYS, "CRL entry");
	}
	return 0;
}

static int put_on(X509_CRL *crl, X509_CRL *old, const char *hex, int reason,
		  int64_t now, struct err *e)
{
	AUTO_INTEGER ASN1_INTEGER *serial = NULL;
	X509_REVOKED *known;

	/* Not 6 to 8 (on hold, unused, taken back): what we revoke stays revoked. */
	if (reason < 0 || reason > 10 || (reason >= 6 && reason <= 8))
		return err_set(e, ERR_REFUSED, "%d is no reason to revoke", reason);
	TRY(read_serial(hex, &serial, e));
	if (old != NULL && X509_CRL_get0_by_serial(old, &known, serial) != 0)
		return 0;
	return add_entry(crl, serial, reason, now, e);
}

static int set_span(X509_CRL *crl, const X509_CRL *old, int64_t lifetime_s, int64_t now,
		    struct err *e)
{
	int64_t next = now + lifetime_s, promised = 0;
	ASN1_TIME *from, *to;
	int ok;

	if (old != NULL)
		TRY(x509_time(X509_CRL_get0_nextUpdate(old), &promised, e));
	from = ASN1_TIME_set(NULL, now - local_backdate(lifetime_s));
	to = ASN1_TIME_set(NULL, next > promised ? next : promised);
	ok = from != NULL && to != NULL && X509_CRL_set1_lastUpdate(crl, from) == 1 &&
	     X509_CRL_set1_nextUpdate(crl, to) == 1;
	ASN1_TIME_free(from);
	ASN1_TIME_free(to);
	return ok ? 0 : key_openssl_err(e, ERR_SYS, "its span");
}

/* All but the entries and the signature. */
static int begin(X509_CRL *crl, const struct local_profile *p,
		 const struct local_ca *ca, int64_t now, struct err *e)
{
	X509 *issuer = local_signer(ca);

	if (X509_CRL_set_version(crl, X509_CRL_VERSION_2) != 1 ||
	    X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer)) != 1)
		return key_openssl_err(e, ERR_SYS, "new CRL");
	TRY(set_span(crl, ca->crl, p->lifetime_s, now, e));
	TRY(local_ext_crl_aki(crl, issuer, e));
	return add_number(crl, ca->crl, e);
}

static int make_crl(X509_CRL *crl, const struct local_profile *p,
		    const struct local_ca *ca, const char *serial, int reason,
		    int64_t now, struct err *e)
{
	EVP_PKEY *key = local_signer_key(ca);

	TRY(begin(crl, p, ca, now, e));
	if (ca->crl != NULL)
		TRY(carry_over(crl, ca->crl, e));
	if (serial != NULL)
		TRY(put_on(crl, ca->crl, serial, reason, now, e));
	if (X509_CRL_sign(crl, key, key_digest(key)) <= 0)
		return key_openssl_err(e, ERR_SYS, "sign CRL");
	return 0;
}

int local_crl(const struct local_profile *p, struct local_ca *ca, const char *serial,
	      int reason, int64_t now, struct err *e)
{
	AUTO_CRL X509_CRL *crl = X509_CRL_new();

	if (crl == NULL)
		return key_openssl_err(e, ERR_SYS, "new CRL");
	if (make_crl(crl, p, ca, serial, reason, now, e) < 0)
		return err_wrap(e, "CRL");
	X509_CRL_free(ca->crl);
	ca->crl = TAKE(crl);
	return 0;
}

/* The root's CRL, beside that of the intermediate: same span, same number, no entry. */
static int make_root_crl(X509_CRL *crl, const struct local_ca *ca, struct err *e)
{
	AUTO_INTEGER ASN1_INTEGER *number =
	    X509_CRL_get_ext_d2i(ca->crl, NID_crl_number, NULL, NULL);

	if (number == NULL || X509_CRL_set_version(crl, X509_CRL_VERSION_2) != 1 ||
	    X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->root)) != 1 ||
	    X509_CRL_set1_lastUpdate(crl, X509_CRL_get0_lastUpdate(ca->crl)) != 1 ||
	    X509_CRL_set1_nextUpdate(crl, X509_CRL_get0_nextUpdate(ca->crl)) != 1 ||
	    X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, X509V3_ADD_DEFAULT) !=
		1)
		return key_openssl_err(e, ERR_SYS, "new CRL");
	TRY(local_ext_crl_aki(crl, ca->root, e));
	if (X509_CRL_sign(crl, ca->root_key, key_digest(ca->root_key)) <= 0)
		return key_openssl_err(e, ERR_SYS, "sign CRL");
	return 0;
}

int local_crl_to_pem(const struct local_ca *ca, struct buf *pem, struct err *e)
{
	AUTO_CRL X509_CRL *of_root = NULL;

	TRY(crl_to_pem(ca->crl, pem, e));
	if (ca->intermediate == NULL)
		return 0;
	of_root = X509_CRL_new();
	if (of_root == NULL)
		return key_openssl_err(e, ERR_SYS, "new CRL");
	if (make_root_crl(of_root, ca, e) < 0)
		return err_wrap(e, "CRL of the root");
	return crl_to_pem(of_root, pem, e);
}
