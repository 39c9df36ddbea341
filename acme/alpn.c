#include "acme/alpn.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <openssl/asn1.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/general.h"
#include "base/hash.h"
#include "base/key.h"
#include "base/names.h"
#include "base/x509.h"

#define OID_IDENTIFIER "1.3.6.1.5.5.7.1.31" /* id-pe-acmeIdentifier, RFC 8737 6.1 */

#define DAY_S 86400 /* before and after now: clocks differ, and nobody looks */

/* -- a ClientHello -- */

/* = RFC 8737 3 "The ACME server MUST provide an ALPN extension with the single protocol
 * name "acme-tls/1" and an SNI extension containing only the domain name being
 * validated" [ALPN] */
bool alpn_is_asked(const uint8_t *ext, size_t len)
{
	static const uint8_t only[] = "\x00\x0b\x0a" ALPN_PROTOCOL;

	return len == sizeof(only) - 1 && memcmp(ext, only, len) == 0;
}

/* Some write the name of an address with its final dot, as RFC 8738 6 does itself. */
bool alpn_read_sni(const uint8_t *ext, size_t len, char sni[DNS_NAME_SIZE])
{
	const size_t n = len < 5 ? 0 : len - 5;

	/* Its length, that of the only entry, which is a host name. */
	if (n == 0 || n >= DNS_NAME_SIZE || (size_t)(ext[0] << 8 | ext[1]) != n + 3 ||
	    ext[2] != 0 || (size_t)(ext[3] << 8 | ext[4]) != n ||
	    memchr(ext + 5, '\0', n) != NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		sni[i] = (char)tolower(ext[5 + i]);
	sni[n > 1 && sni[n - 1] == '.' ? n - 1 : n] = '\0';
	return true;
}

/* -- addresses -- */

static void reverse_of_v4(const uint8_t a[4], char sni[DNS_NAME_SIZE])
{
	snprintf(sni, DNS_NAME_SIZE, "%u.%u.%u.%u.in-addr.arpa", a[3], a[2], a[1],
		 a[0]);
}

static void reverse_of_v6(const uint8_t a[16], char sni[DNS_NAME_SIZE])
{
	for (int i = 15; i >= 0; i--, sni += 4)
		snprintf(sni, 5, "%x.%x.", a[i] & 0xfu, (unsigned)a[i] >> 4);
	memcpy(sni, "ip6.arpa", sizeof("ip6.arpa"));
}

/* = RFC 8738 6 "the server MUST instead use the IN-ADDR.ARPA [RFC1034] or IP6.ARPA
 * [RFC3596] reverse mapping of the IP address as the HostName field value" */
void alpn_sni_of(const char *name, char sni[DNS_NAME_SIZE])
{
	uint8_t address[16];

	if (inet_pton(AF_INET, name, address) == 1)
		reverse_of_v4(address, sni);
	else if (inet_pton(AF_INET6, name, address) == 1)
		reverse_of_v6(address, sni);
	else
		snprintf(sni, DNS_NAME_SIZE, "%s",
			 strlen(name) < DNS_NAME_SIZE ? name : "");
}

/* -- the certificate -- */

/* = RFC 8737 3 "The subjectAlternativeName extension MUST contain a single dNSName entry
 * where the value is the domain name being validated." [dNSName] Or an iPAddress
 * (RFC 8738 6). */
static int add_name(X509 *cert, const char *name, struct err *e)
{
	struct name one = { .value = NULL };
	AUTO_FREE char *canonical = NULL;
	GENERAL_NAMES *all = NULL;
	int rc;

	TRY(names_parse(name, &one.kind, &canonical, e));
	if ((one.kind != NAME_DNS && one.kind != NAME_IP) || canonical[0] == '*')
		return err_set(e, ERR_PROTO, "%s: it cannot be asked for by TLS", name);
	one.value = canonical;
	TRY(general_names(&one, 1, &all, e));
	rc = X509_add1_ext_i2d(cert, NID_subject_alt_name, all, 0, X509V3_ADD_DEFAULT);
	GENERAL_NAMES_free(all);
	return rc == 1 ? 0 : key_openssl_err(e, ERR_SYS, "its name");
}

/* = RFC 8737 3 "The acmeIdentifier extension MUST contain the SHA-256 digest [FIPS180-4]
 * of the key authorization [RFC8555] for the challenge. The acmeIdentifier extension MUST
 * be critical" [acmeIdentifier] */
static int add_identifier(X509 *cert, const char *authorization, struct err *e)
{
	uint8_t value[2 + HASH_LEN] = { V_ASN1_OCTET_STRING, HASH_LEN };
	ASN1_OBJECT *oid = OBJ_txt2obj(OID_IDENTIFIER, 1);
	ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	X509_EXTENSION *ext = NULL;
	int ok = 0;

	hash_all(authorization, strlen(authorization), value + 2);
	if (oid != NULL && octets != NULL &&
	    ASN1_OCTET_STRING_set(octets, value, sizeof(value)) == 1)
		ext = X509_EXTENSION_create_by_OBJ(NULL, oid, 1, octets);
	if (ext != NULL)
		ok = X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(octets);
	ASN1_OBJECT_free(oid);
	return ok == 1 ? 0 : key_openssl_err(e, ERR_SYS, "its acmeIdentifier");
}

/* Who looks at it with a tool sees what it is. */
static bool set_subject(X509 *cert)
{
	X509_NAME *subject = X509_get_subject_name(cert);

	return X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_ASC,
					  (const unsigned char *)"tls-alpn-01", -1, -1,
					  0) == 1 &&
	       X509_set_issuer_name(cert, subject) == 1;
}

int alpn_certificate(EVP_PKEY *key, const char *name, const char *authorization,
		     X509 **made, struct err *e)
{
	AUTO_X509 X509 *cert = X509_new();
	const int64_t now = clock_now();

	if (cert == NULL || X509_set_version(cert, X509_VERSION_3) != 1 ||
	    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) != 1 ||
	    ASN1_TIME_set(X509_getm_notBefore(cert), now - DAY_S) == NULL ||
	    ASN1_TIME_set(X509_getm_notAfter(cert), now + DAY_S) == NULL ||
	    !set_subject(cert) || X509_set_pubkey(cert, key) != 1)
		return key_openssl_err(e, ERR_SYS, "new certificate");
	TRY(add_name(cert, name, e));
	TRY(add_identifier(cert, authorization, e));
	if (X509_sign(cert, key, key_digest(key)) <= 0)
		return key_openssl_err(e, ERR_SYS, "sign certificate");
	*made = TAKE(cert);
	return 0;
}
