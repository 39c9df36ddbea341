/*
 * cmp_ca FOLDER LIFE_S REFERENCE SECRET [ROOT]: a CMP server on 127.0.0.1 that signs what it
 * is asked for, and errs as the last part of the path in the URL says. It prints "ready
 * PORT".
 *
 * FOLDER has ca.pem and ca.key, which sign; srv.pem and srv.key, which sign what is told to
 * who signs; other.pem and other.key of a stranger. Certificates are taken that lead to ROOT
 * (ca.pem), or to one of old.pem. Each message that comes is a line of FOLDER/asked: its
 * body and that last part; each certificate that is revoked one of FOLDER/revoked: serial
 * number, reason; each that is issued one of FOLDER/issued: "order" and the SHA-256 of its
 * key. Who is revoked may not sign. It ends with its standard input, if that is a pipe.
 *
 * The last part: fine; implicit, which confirms by itself; 400 401 403 404 409 500 503;
 * html, cut, endless, none; another (for another key), other (of another CA), extra (and
 * more certificates), reject-N with failInfo N; nogenm, and noupdate, which tells its CA
 * certificates and nothing of its roots; wait-N: to poll so often; replay: the answer to
 * somebody else; echo: the same pollRep twice; forgets: does, of what waits; put-off, with
 * OpenSSL 3.3: error messages that say "wait", of a revocation for an hour and then again.
 *
 * FOLDER/cas.pem, if it is there, is what caCerts says. FOLDER/update.pem is an old root,
 * and what is told of it: newWithNew, newWithOld, oldWithNew.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bn.h>
#include <openssl/cmp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/mem.h"

#define CONNS        256
#define TRANSACTIONS 256
#define MESSAGE_MAX  (1 << 20)

struct pair {
	X509 *cert;
	EVP_PKEY *key;
};

struct transaction {
	OSSL_CMP_SRV_CTX *srv; /* NULL: none */
	struct buf id;
	struct buf waits; /* the request, in DER */
	char label[32];
	int polls; /* that are still answered by "wait" */
};

struct conn {
	FILE *in; /* NULL: none */
	int fd;
};

static struct {
	const char *folder;
	long life_s;
	const char *reference;
	const char *secret;
	struct pair ca, srv, other;
	X509 *root;
	struct transaction all[TRANSACTIONS];
	unsigned next;
	struct conn conns[CONNS];
	struct buf last;    /* that was answered to an ir, cr, kur or p10cr */
	struct buf pollrep; /* ... to a pollReq */
} ca;

static _Noreturn void give_up(const char *what)
{
	fprintf(stderr, "cmp_ca: %s\n", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static FILE *open_in(const char *name, const char *mode)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", ca.folder, name);
	f = fopen(path, mode);
	if (f == NULL)
		give_up(path);
	return f;
}

static X509 *read_cert(const char *name)
{
	FILE *f = open_in(name, "r");
	X509 *cert = PEM_read_X509(f, NULL, NULL, NULL);

	fclose(f);
	return cert != NULL ? cert : (give_up(name), NULL);
}

static struct pair read_pair(const char *cert, const char *key)
{
	struct pair p = { .cert = read_cert(cert) };
	FILE *f = open_in(key, "r");

	p.key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	fclose(f);
	return p.key != NULL ? p : (give_up(key), p);
}

/* -- signing -- */

/* [6] of the template; OpenSSL 3.0 cannot be asked for it. */
static EVP_PKEY *template_key(const OSSL_CRMF_MSG *crm)
{
	unsigned char *der = NULL;
	const int n = i2d_OSSL_CRMF_CERTTEMPLATE(OSSL_CRMF_MSG_get0_tmpl(crm), &der);
	const unsigned char *at = der, *end;
	EVP_PKEY *key = NULL;
	long len;
	int tag, class;

	ASN1_get_object(&at, &len, &tag, &class, n);
	for (end = at + len; at < end && key == NULL; at += len) {
		unsigned char *first = der + (at - der);

		ASN1_get_object(&at, &len, &tag, &class, end - at);
		if (tag == 6 && class == V_ASN1_CONTEXT_SPECIFIC) {
			const unsigned char *spki = first;

			first[0] = V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED;
			key = d2i_PUBKEY(NULL, &spki, at + len - first);
		}
	}
	OPENSSL_free(der);
	return key;
}

static void add_extensions(X509 *cert, const struct pair *by,
			   const STACK_OF(X509_EXTENSION) * asked)
{
	static const char *const fixed[][2] = {
		{ "basicConstraints", "critical,CA:FALSE" },
		{ "keyUsage", "critical,digitalSignature" },
		{ "extendedKeyUsage", "serverAuth,clientAuth" },
		{ "subjectKeyIdentifier", "hash" },
		{ "authorityKeyIdentifier", "keyid" },
	};
	const int at =
	    asked == NULL ? -1 : X509v3_get_ext_by_NID(asked, NID_subject_alt_name, -1);
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, by->cert, cert, NULL, NULL, 0);
	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++) {
		X509_EXTENSION *ext =
		    X509V3_EXT_conf(NULL, &ctx, fixed[i][0], fixed[i][1]);

		X509_add_ext(cert, ext, -1);
		X509_EXTENSION_free(ext);
	}
	if (at >= 0)
		X509_add_ext(cert, X509v3_get_ext(asked, at), -1);
}

static X509 *sign(const struct pair *by, const X509_NAME *subject, EVP_PKEY *key,
		  const STACK_OF(X509_EXTENSION) * asked)
{
	X509 *cert = X509_new();
	unsigned char serial[16];
	BIGNUM *number;

	RAND_bytes(serial, sizeof(serial));
	serial[0] = (serial[0] & 0x7f) | 1;
	number = BN_bin2bn(serial, sizeof(serial), NULL);
	BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
	BN_free(number);
	X509_set_version(cert, 2);
	X509_set_issuer_name(cert, X509_get_subject_name(by->cert));
	if (subject != NULL)
		X509_set_subject_name(cert, subject);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), ca.life_s);
	X509_set_pubkey(cert, key);
	add_extensions(cert, by, asked);
	if (X509_sign(cert, by->key, EVP_sha256()) <= 0)
		give_up("sign");
	return cert;
}

/* -- what OpenSSL's server asks -- */

static const struct transaction *of(const OSSL_CMP_SRV_CTX *srv)
{
	return OSSL_CMP_SRV_CTX_get0_custom_ctx(srv);
}

static bool is(const struct transaction *t, const char *label)
{
	return strcmp(t->label, label) == 0;
}

static STACK_OF(X509) * stack_of(X509 *one, X509 *other)
{
	STACK_OF(X509) *all = sk_X509_new_null();

	X509_add_cert(all, one, X509_ADD_FLAG_UP_REF);
	if (other != NULL)
		X509_add_cert(all, other, X509_ADD_FLAG_UP_REF);
	return all;
}

static void note_key(EVP_PKEY *key)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned char *der = NULL;
	const int len = i2d_PUBKEY(key, &der);
	FILE *f = open_in("issued", "a");
	unsigned n = 0;

	if (len > 0)
		EVP_Digest(der, (size_t)len, sum, &n, EVP_sha256(), NULL);
	fputs("order ", f);
	for (unsigned i = 0; i < n; i++)
		fprintf(f, "%02x", sum[i]);
	fputs("\n", f);
	fclose(f);
	OPENSSL_free(der);
}

static X509 *issue(const struct transaction *t, const OSSL_CRMF_MSG *crm,
		   const X509_REQ *request)
{
	const struct pair *by = is(t, "other") ? &ca.other : &ca.ca;
	const OSSL_CRMF_CERTTEMPLATE *template =
	    crm == NULL ? NULL : OSSL_CRMF_MSG_get0_tmpl(crm);
	const X509_NAME *subject = template == NULL
				       ? X509_REQ_get_subject_name(request)
				       : OSSL_CRMF_CERTTEMPLATE_get0_subject(template);
	STACK_OF(X509_EXTENSION) *own =
	    template == NULL ? X509_REQ_get_extensions((X509_REQ *)(uintptr_t)request)
			     : NULL;
	EVP_PKEY *key = template == NULL
			    ? X509_REQ_get_pubkey((X509_REQ *)(uintptr_t)request)
			    : template_key(crm);
	X509 *cert = NULL;

	if (key != NULL)
		note_key(key);
	if (key != NULL)
		cert = sign(by, subject, is(t, "another") ? ca.other.key : key,
			    template == NULL
				? own
				: OSSL_CRMF_CERTTEMPLATE_get0_extensions(template));
	sk_X509_EXTENSION_pop_free(own, X509_EXTENSION_free);
	EVP_PKEY_free(key);
	return cert;
}

/* NULL: it is not. */
static OSSL_CMP_PKISI *rejected(const struct transaction *t)
{
	return strncmp(t->label, "reject-", 7) != 0
		   ? NULL
		   : OSSL_CMP_STATUSINFO_new(OSSL_CMP_PKISTATUS_rejection,
					     1 << atoi(t->label + 7), "not for\x1byou");
}

static OSSL_CMP_PKISI *on_request(OSSL_CMP_SRV_CTX *srv, const OSSL_CMP_MSG *asked,
				  int id, const OSSL_CRMF_MSG *crm,
				  const X509_REQ *request, X509 **cert,
				  STACK_OF(X509) * *chain, STACK_OF(X509) * *pubs)
{
	const struct transaction *t = of(srv);
	OSSL_CMP_PKISI *no;

	(void)asked;
	(void)id;
	if (t->polls > 0)
		return OSSL_CMP_STATUSINFO_new(OSSL_CMP_PKISTATUS_waiting, 0, NULL);
	no = rejected(t);
	if (no != NULL)
		return no;
	*cert = issue(t, crm, request);
	if (*cert == NULL)
		return OSSL_CMP_STATUSINFO_new(
		    OSSL_CMP_PKISTATUS_rejection,
		    1 << OSSL_CMP_PKIFAILUREINFO_badCertTemplate, "no key");
	*chain = is(t, "extra") ? stack_of(ca.other.cert, ca.ca.cert)
				: stack_of(ca.ca.cert, NULL);
	*pubs = stack_of(ca.root, NULL);
	return OSSL_CMP_STATUSINFO_new(OSSL_CMP_PKISTATUS_accepted, 0, NULL);
}

/* The caller's, for OPENSSL_free(). */
static char *hex_of(const ASN1_INTEGER *serial)
{
	BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
	char *hex = BN_bn2hex(number);

	BN_free(number);
	return hex;
}

static bool is_revoked(const char *serial)
{
	FILE *f = open_in("revoked", "a+");
	bool found = false;
	char line[256];

	rewind(f);
	while (fgets(line, sizeof(line), f) != NULL)
		found = found || strncmp(line, serial, strlen(serial)) == 0;
	fclose(f);
	return found;
}

static OSSL_CMP_PKISI *on_rr(OSSL_CMP_SRV_CTX *srv, const OSSL_CMP_MSG *asked,
			     const X509_NAME *issuer, const ASN1_INTEGER *serial)
{
	OSSL_CMP_PKISI *no = rejected(of(srv));
	char *hex;
	FILE *f;

	(void)asked;
	(void)issuer;
	if (no != NULL)
		return no;
	hex = hex_of(serial);
	f = open_in("revoked", "a");
	fprintf(f, "%s\n", hex);
	fclose(f);
	OPENSSL_free(hex);
	return OSSL_CMP_STATUSINFO_new(OSSL_CMP_PKISTATUS_accepted, 0, NULL);
}

/* Those of a file; NULL: it is not there. */
static STACK_OF(X509) * read_all(const char *name)
{
	STACK_OF(X509) *all = sk_X509_new_null();
	char path[512];
	X509 *cert;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", ca.folder, name);
	f = fopen(path, "r");
	while (f != NULL && (cert = PEM_read_X509(f, NULL, NULL, NULL)) != NULL)
		sk_X509_push(all, cert);
	ERR_clear_error();
	if (f != NULL)
		fclose(f);
	else
		sk_X509_free(all);
	return f == NULL ? NULL : all;
}

#if OPENSSL_VERSION_NUMBER < 0x30200000L
static void put(struct buf *out, int tag, int class, const void *data, size_t len)
{
	unsigned char head[16], *at = head;

	ASN1_put_object(&at, 1, (int)len, tag, class);
	buf_add(out, head, (size_t)(at - head));
	buf_add(out, data, len);
}

/* A SEQUENCE of them, `tagged` from the second on. */
static OSSL_CMP_ITAV *itav_of(ASN1_OBJECT *type, const STACK_OF(X509) * all,
			      bool tagged)
{
	struct buf in = { 0 }, out = { 0 };
	ASN1_TYPE *value = ASN1_TYPE_new();
	ASN1_STRING *text = ASN1_STRING_new();

	for (int i = 0; i < sk_X509_num(all); i++) {
		unsigned char *der = NULL;
		const int n = i2d_X509(sk_X509_value(all, i), &der);

		if (tagged && i > 0)
			put(&in, i - 1, V_ASN1_CONTEXT_SPECIFIC, der, (size_t)n);
		else
			buf_add(&in, der, (size_t)n);
		OPENSSL_free(der);
	}
	put(&out, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL, in.data, in.len);
	ASN1_STRING_set(text, out.data, (int)out.len);
	ASN1_TYPE_set(value, V_ASN1_SEQUENCE, text);
	buf_done(&in);
	buf_done(&out);
	return OSSL_CMP_ITAV_create(type, value);
}
#endif

/* RFC 9483 4.3.1: those of cas.pem, if it is there. */
static OSSL_CMP_ITAV *ca_certs(void)
{
	STACK_OF(X509) *all = read_all("cas.pem");
	OSSL_CMP_ITAV *itav;

	if (all == NULL)
		all = stack_of(ca.root, ca.ca.cert);
#if OPENSSL_VERSION_NUMBER < 0x30200000L
	itav = itav_of(OBJ_nid2obj(NID_id_it_caCerts), all, false);
#else
	itav = OSSL_CMP_ITAV_new_caCerts(all);
#endif
	sk_X509_pop_free(all, X509_free);
	return itav;
}

/* RFC 9483 4.3.2: of update.pem, the root that it is about, newWithNew, newWithOld and
 * oldWithNew, as far as they are there; nothing of another root. */
static OSSL_CMP_ITAV *update_of(const OSSL_CMP_ITAV *asked)
{
	STACK_OF(X509) *all = read_all("update.pem");
	OSSL_CMP_ITAV *itav = NULL;
	X509 *root;

#if OPENSSL_VERSION_NUMBER < 0x30200000L
	const ASN1_TYPE *value = OSSL_CMP_ITAV_get0_value(asked);
	const unsigned char *at = ASN1_STRING_get0_data(value->value.sequence);

	root = d2i_X509(NULL, &at, ASN1_STRING_length(value->value.sequence));
	if (sk_X509_num(all) > 1 && X509_cmp(root, sk_X509_value(all, 0)) == 0) {
		X509_free(sk_X509_shift(all));
		itav = itav_of(OBJ_nid2obj(NID_id_it_rootCaKeyUpdate), all, true);
	} else {
		itav =
		    OSSL_CMP_ITAV_create(OBJ_nid2obj(NID_id_it_rootCaKeyUpdate), NULL);
	}
	X509_free(root);
#else
	const bool is_it = OSSL_CMP_ITAV_get0_rootCaCert(asked, &root) == 1 &&
			   sk_X509_num(all) > 1 &&
			   X509_cmp(root, sk_X509_value(all, 0)) == 0;

	itav = OSSL_CMP_ITAV_new_rootCaKeyUpdate(is_it ? sk_X509_value(all, 1) : NULL,
						 is_it ? sk_X509_value(all, 2) : NULL,
						 is_it ? sk_X509_value(all, 3) : NULL);
#endif
	sk_X509_pop_free(all, X509_free);
	return itav;
}

static int on_genm(OSSL_CMP_SRV_CTX *srv, const OSSL_CMP_MSG *asked,
		   const STACK_OF(OSSL_CMP_ITAV) * in, STACK_OF(OSSL_CMP_ITAV) * *out)
{
	const OSSL_CMP_ITAV *one = sk_OSSL_CMP_ITAV_value(in, 0);
	const bool cas = OBJ_obj2nid(OSSL_CMP_ITAV_get0_type(one)) == NID_id_it_caCerts;

	(void)asked;
	if (is(of(srv), "nogenm") || (!cas && is(of(srv), "noupdate")))
		return 0;
	*out = sk_OSSL_CMP_ITAV_new_null();
	return sk_OSSL_CMP_ITAV_push(*out, cas ? ca_certs() : update_of(one));
}

static void on_error(OSSL_CMP_SRV_CTX *srv, const OSSL_CMP_MSG *asked,
		     const OSSL_CMP_PKISI *status, const ASN1_INTEGER *code,
		     const OSSL_CMP_PKIFREETEXT *details)
{
	(void)srv;
	(void)asked;
	(void)status;
	(void)code;
	(void)details;
}

static int on_conf(OSSL_CMP_SRV_CTX *srv, const OSSL_CMP_MSG *asked, int id,
		   const ASN1_OCTET_STRING *hash, const OSSL_CMP_PKISI *status)
{
	FILE *f = open_in("confirmed", "a");

	(void)srv;
	(void)asked;
	(void)id;
	(void)hash;
	(void)status;
	fputs("1\n", f);
	fclose(f);
	return 1;
}

static int on_poll(OSSL_CMP_SRV_CTX *srv, const OSSL_CMP_MSG *asked, int id,
		   OSSL_CMP_MSG **request, int64_t *after)
{
	struct transaction *t = OSSL_CMP_SRV_CTX_get0_custom_ctx(srv);
	const unsigned char *at = (const unsigned char *)t->waits.data;

	(void)asked;
	(void)id;
	*request = NULL;
	*after = t->waits.len == 0 ? 3600 : 1;
	if (--t->polls > 0 || t->waits.len == 0)
		return 1;
	*request = d2i_OSSL_CMP_MSG(NULL, &at, (long)t->waits.len);
	return *request != NULL;
}

static const char *body_of(const OSSL_CMP_MSG *msg)
{
	static const char *const words[] = {
		[0] = "ir",     [2] = "cr",        [4] = "p10cr",
		[7] = "kur",    [11] = "rr",       [21] = "genm",
		[23] = "error", [24] = "certConf", [25] = "pollReq",
	};
	const int body = OSSL_CMP_MSG_get_bodytype(msg);

	return body >= 0 && body <= 25 && words[body] != NULL ? words[body] : "?";
}

#if OPENSSL_VERSION_NUMBER >= 0x30300000L

/* RFC 9483 4.4: whatever is asked for may have to wait; a certificate no more, once it has. */
static int on_put_off(OSSL_CMP_SRV_CTX *srv, const OSSL_CMP_MSG *asked)
{
	const struct transaction *t = of(srv);
	const char *body = body_of(asked);

	return is(t, "put-off") && strcmp(body, "certConf") != 0 &&
	       (t->polls > 0 || t->waits.len == 0);
}

static int on_end(OSSL_CMP_SRV_CTX *srv, const ASN1_OCTET_STRING *id)
{
	(void)srv;
	(void)id;
	return 1;
}

#endif

/* -- transactions -- */

static void set_up(struct transaction *t)
{
	X509_STORE *store = X509_STORE_new();
	STACK_OF(X509) *old = read_all("old.pem");
	OSSL_CMP_CTX *ctx;

	t->srv = OSSL_CMP_SRV_CTX_new(NULL, NULL);
	if (OSSL_CMP_SRV_CTX_init(t->srv, t, on_request, on_rr, on_genm, on_error,
				  on_conf, on_poll) != 1)
		give_up("a transaction");
#if OPENSSL_VERSION_NUMBER >= 0x30300000L
	OSSL_CMP_SRV_CTX_init_trans(t->srv, on_put_off, on_end);
#endif
	OSSL_CMP_SRV_CTX_set_grant_implicit_confirm(t->srv, is(t, "implicit"));
	OSSL_CMP_SRV_CTX_set_send_unprotected_errors(t->srv, 1);
	ctx = OSSL_CMP_SRV_CTX_get0_cmp_ctx(t->srv);
	X509_STORE_add_cert(store, ca.root);
	for (int i = 0; i < sk_X509_num(old); i++)
		X509_STORE_add_cert(store, sk_X509_value(old, i));
	sk_X509_pop_free(old, X509_free);
	OSSL_CMP_CTX_set0_trustedStore(ctx, store);
	OSSL_CMP_CTX_set1_untrusted(ctx, stack_of(ca.ca.cert, NULL));
	OSSL_CMP_CTX_set1_referenceValue(ctx, (const unsigned char *)ca.reference,
					 (int)strlen(ca.reference));
	OSSL_CMP_CTX_set1_secretValue(ctx, (const unsigned char *)ca.secret,
				      (int)strlen(ca.secret));
	OSSL_CMP_CTX_set1_cert(ctx, ca.srv.cert);
	OSSL_CMP_CTX_set1_pkey(ctx, ca.srv.key);
	OSSL_CMP_CTX_set_option(ctx, OSSL_CMP_OPT_MAC_ALGNID, NID_hmacWithSHA256);
	OSSL_CMP_CTX_set_option(ctx, OSSL_CMP_OPT_OWF_ALGNID, NID_sha256);
}

static struct transaction *transaction_of(const OSSL_CMP_MSG *asked, const char *label)
{
	const ASN1_OCTET_STRING *id =
	    OSSL_CMP_HDR_get0_transactionID(OSSL_CMP_MSG_get0_header(asked));
	const size_t len = id == NULL ? 0 : (size_t)ASN1_STRING_length(id);
	struct transaction *t;

	for (unsigned i = 0; i < TRANSACTIONS; i++)
		if (ca.all[i].srv != NULL && ca.all[i].id.len == len && len > 0 &&
		    memcmp(ca.all[i].id.data, ASN1_STRING_get0_data(id), len) == 0)
			return &ca.all[i];
	t = &ca.all[ca.next++ % TRANSACTIONS];
	OSSL_CMP_SRV_CTX_free(t->srv);
	buf_done(&t->id);
	buf_done(&t->waits);
	snprintf(t->label, sizeof(t->label), "%s", label);
	t->polls = strncmp(label, "wait-", 5) == 0 ? atoi(label + 5) : 0;
	if (is(t, "echo") || is(t, "forgets"))
		t->polls = 3;
	if (is(t, "put-off"))
		t->polls = 2;
	if (len > 0)
		buf_add(&t->id, ASN1_STRING_get0_data(id), len);
	set_up(t);
	return t;
}

static void note(const OSSL_CMP_MSG *asked, const char *label)
{
	FILE *f = open_in("asked", "a");

	fprintf(f, "%s %s\n", body_of(asked), label);
	fclose(f);
}

/* Whoever has signed is in the first of the extra certificates (RFC 4210 5.1). */
static bool by_revoked(const struct buf *der)
{
	const unsigned char *begin = (const unsigned char *)der->data;
	bool found = false;

	/* What it is is not for the test to know twice: any certificate that is in it. */
	for (size_t i = 0; i + 4 < der->len && !found; i++) {
		const unsigned char *at = begin + i;
		X509 *cert = begin[i] == 0x30 && begin[i + 1] == 0x82
				 ? d2i_X509(NULL, &at, (long)(der->len - i))
				 : NULL;
		char *hex = cert == NULL ? NULL : hex_of(X509_get0_serialNumber(cert));

		found = hex != NULL && is_revoked(hex);
		OPENSSL_free(hex);
		X509_free(cert);
	}
	ERR_clear_error();
	return found;
}

/* -- HTTP -- */

static void say(FILE *to, int status, const char *headers, const void *body, size_t len)
{
	fprintf(to, "HTTP/1.1 %d X\r\n%sContent-Length: %zu\r\n\r\n", status, headers,
		len);
	if (len > 0)
		fwrite(body, 1, len, to);
	fflush(to);
}

static void say_message(FILE *to, const struct buf *der)
{
	say(to, 200, "Content-Type: application/pkixcmp\r\n", der->data, der->len);
}

/* True: the label has been served, without a message. */
static bool say_instead(FILE *to, const char *label)
{
	static const char page[] = "<html><body>Sign in</body></html>";
	static const char text[] = "Content-Type: text/plain\r\n";

	if (strlen(label) == 3 && strspn(label, "0123456789") == 3)
		say(to, atoi(label),
		    strcmp(label, "503") == 0 ? "Retry-After: 7200\r\n" : text,
		    "not for\x1byou", 11);
	else if (strcmp(label, "html") == 0)
		say(to, 200, "Content-Type: text/html\r\n", page, strlen(page));
	else if (strcmp(label, "none") == 0)
		say(to, 200, "Content-Type: application/pkixcmp\r\n", "", 0);
	else if (strcmp(label, "endless") == 0) {
		fprintf(to, "HTTP/1.1 200 X\r\n\r\n");
		for (int i = 0; i < 4096 && fwrite(page, 32, 1, to) == 1; i++)
			for (int k = 0; k < 64 && fwrite(page, 32, 1, to) == 1; k++)
				continue;
		shutdown(fileno(to), SHUT_RDWR);
	} else
		return false;
	return true;
}

static void answer(FILE *to, const struct buf *der, const char *label)
{
	const unsigned char *at = (const unsigned char *)der->data;
	OSSL_CMP_MSG *asked = d2i_OSSL_CMP_MSG(NULL, &at, (long)der->len), *said = NULL;
	unsigned char *data = NULL;
	struct buf out = { 0 };
	struct transaction *t;
	bool first, polls;

	if (asked == NULL) {
		say(to, 400, "", "", 0);
		return;
	}
	note(asked, label);
	first = strchr("ickp", body_of(asked)[0]) != NULL && body_of(asked)[1] != 'e' &&
		strcmp(body_of(asked), "pollReq") != 0;
	polls = strcmp(body_of(asked), "pollReq") == 0;
	t = transaction_of(asked, label);
	if (strcmp(label, "forgets") == 0 && polls && t->polls < 3)
		t = transaction_of(asked, "fine"), OSSL_CMP_SRV_CTX_free(t->srv),
		set_up(t);
	if (first && t->waits.len == 0)
		buf_add(&t->waits, der->data, der->len);
	if (by_revoked(der))
		snprintf(t->label, sizeof(t->label), "reject-10");
	said = OSSL_CMP_SRV_process_request(t->srv, asked);
	if (said != NULL) {
		const int n = i2d_OSSL_CMP_MSG(said, &data);

		buf_add(&out, data, (size_t)n);
	}
	if (first && strcmp(label, "replay") == 0)
		say_message(to, &ca.last);
	else if (polls && strcmp(label, "echo") == 0 && ca.pollrep.len > 0)
		say_message(to, &ca.pollrep);
	else if (said == NULL)
		say(to, 500, "", "", 0);
	else if (first && strcmp(label, "cut") == 0)
		out.len /= 2, say_message(to, &out);
	else
		say_message(to, &out);
	if (first) {
		buf_done(&ca.last);
		buf_add(&ca.last, out.data, out.len);
	} else if (polls) {
		buf_done(&ca.pollrep);
		buf_add(&ca.pollrep, out.data, out.len);
	}
	ERR_clear_error();
	buf_done(&out);
	OPENSSL_free(data);
	OSSL_CMP_MSG_free(asked);
	OSSL_CMP_MSG_free(said);
}

/* One request; false: the connection is over. */
static bool serve(struct conn *c)
{
	char line[4096], label[32] = "fine";
	struct buf der = { 0 };
	const char *slash;
	long len = -1;
	const int now = 1;

	/* Who sends head and body apart waits for this, with Nagle 40 ms. */
	setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &now, sizeof(now));
	if (fgets(line, sizeof(line), c->in) == NULL)
		return false;
	line[strcspn(line + 5, " ") + 5] = '\0';
	slash = strrchr(line, '/');
	if (slash != NULL && slash[1] != '\0')
		snprintf(label, sizeof(label), "%.31s", slash + 1);
	while (fgets(line, sizeof(line), c->in) != NULL && line[0] != '\r')
		if (strncasecmp(line, "content-length:", 15) == 0)
			len = atol(line + 15);
	if (len < 0 || len > MESSAGE_MAX)
		return false;
	for (int ch; len > 0 && (ch = getc(c->in)) != EOF; len--) {
		const char byte = (char)ch;

		buf_add(&der, &byte, 1);
	}
	fseek(c->in, 0, SEEK_CUR);
	if (!say_instead(c->in, label))
		answer(c->in, &der, label);
	buf_done(&der);
	return ferror(c->in) == 0;
}

static void take(int listening)
{
	const int fd = accept(listening, NULL, NULL);

	for (unsigned i = 0; i < CONNS; i++)
		if (ca.conns[i].in == NULL) {
			ca.conns[i] = (struct conn){ .in = fdopen(fd, "r+"), .fd = fd };
			return;
		}
	close(fd);
}

static void loop(int listening)
{
	struct pollfd p[CONNS + 2];
	struct stat st;
	const bool is_pipe = fstat(STDIN_FILENO, &st) == 0 && S_ISFIFO(st.st_mode);

	for (;;) {
		p[CONNS + 1] = (struct pollfd){ .fd = is_pipe ? STDIN_FILENO : -1 };
		p[CONNS] = (struct pollfd){ .fd = listening, .events = POLLIN };
		for (unsigned i = 0; i < CONNS; i++)
			p[i] = (struct pollfd){ .fd = ca.conns[i].in == NULL
							  ? -1
							  : ca.conns[i].fd,
						.events = POLLIN };
		if (poll(p, CONNS + 2, -1) < 0 || p[CONNS + 1].revents != 0)
			return;
		for (unsigned i = 0; i < CONNS; i++)
			if (p[i].fd >= 0 && p[i].revents != 0 && !serve(&ca.conns[i])) {
				fclose(ca.conns[i].in);
				ca.conns[i].in = NULL;
			}
		if (p[CONNS].revents != 0)
			take(listening);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(at);
	int fd;

	if (argc < 5)
		give_up("FOLDER LIFE_S REFERENCE SECRET [ROOT]");
	signal(SIGPIPE, SIG_IGN);
	ca.folder = argv[1];
	ca.life_s = atol(argv[2]);
	ca.reference = argv[3];
	ca.secret = argv[4];
	ca.ca = read_pair("ca.pem", "ca.key");
	ca.srv = read_pair("srv.pem", "srv.key");
	ca.other = read_pair("other.pem", "other.key");
	ca.root = argc > 5 ? read_cert(argv[5]) : ca.ca.cert;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)(void *)&at, sizeof(at)) < 0 ||
	    listen(fd, 64) < 0 ||
	    getsockname(fd, (struct sockaddr *)(void *)&at, &len) < 0)
		give_up("listen");
	printf("ready %d\n", ntohs(at.sin_port));
	fflush(stdout);
	loop(fd);
	return 1;
}
