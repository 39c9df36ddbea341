/*
 * crl: a large CRL, and what it costs to look at it.
 *
 *     crl make N CRL CA       N entries of 16 octets each, ECDSA P-256, and the CA's PEM
 *     crl scan CRL CA OWN     as everleaf's worker does; OWN serials are looked for, of
 *                             which every tenth stands on it
 *     crl load CRL CA         as a program does that calls d2i_X509_CRL(),
 *                             X509_CRL_verify() and X509_CRL_get0_by_serial()
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "ca/crl.h"

#define PIECE (256 * 1024)

/* A serial number that looks drawn; each i has its own. */
static void serial_of(unsigned i, unsigned char to[16])
{
	uint64_t x = (i + 1) * 0x9e3779b97f4a7c15ULL;

	for (int k = 0; k < 16; k++) {
		x ^= x >> 29;
		x *= 0xbf58476d1ce4e5b9ULL;
		to[k] = (unsigned char)(x >> 56);
	}
	to[0] = (unsigned char)((to[0] & 0x3f) | 0x40);
}

static void head(struct buf *to, unsigned char tag, size_t len)
{
	unsigned char h[6] = { tag,
			       0x84,
			       (unsigned char)(len >> 24),
			       (unsigned char)(len >> 16),
			       (unsigned char)(len >> 8),
			       (unsigned char)len };

	if (len >= 1 << 24) {
		buf_add(to, h, 6);
		return;
	}
	if (len < 128) {
		h[1] = (unsigned char)len;
		buf_add(to, h, 2);
		return;
	}
	h[0] = tag;
	h[1] = len < 256 ? 0x81 : len < 65536 ? 0x82 : 0x83;
	buf_add(to, h, 2);
	for (int at = len < 256 ? 5 : len < 65536 ? 4 : 3; at < 6; at++)
		buf_add(to, &h[at], 1);
}

static void entries(struct buf *to, unsigned n)
{
	static const unsigned char rest[] = "\x17\x0d"
					    "261120000000Z";
	unsigned char e[2 + 2 + 16 + 15] = { 0x30, 33, 0x02, 16 };

	for (unsigned i = 0; i < n; i++) {
		serial_of(i, e + 4);
		memcpy(e + 20, rest, 15);
		buf_add(to, e, sizeof(e));
	}
}

static X509 *make_ca(EVP_PKEY *key)
{
	X509 *ca = X509_new();
	X509_NAME *name = X509_get_subject_name(ca);

	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
				   (const unsigned char *)"A Busy CA", -1, -1, 0);
	X509_set_issuer_name(ca, name);
	X509_set_pubkey(ca, key);
	X509_gmtime_adj(X509_getm_notBefore(ca), -3600);
	X509_gmtime_adj(X509_getm_notAfter(ca), 3600 * 24 * 30);
	X509_sign(ca, key, EVP_sha256());
	return ca;
}

static void add_time(struct buf *to, int64_t at)
{
	ASN1_TIME *t = ASN1_TIME_set(NULL, (time_t)at);
	unsigned char *der = NULL;
	int len = i2d_ASN1_TIME(t, &der);

	buf_add(to, der, (size_t)len);
	OPENSSL_free(der);
	ASN1_TIME_free(t);
}

static void wrap(struct buf *to, unsigned char tag, const struct buf *what)
{
	head(to, tag, what->len);
	buf_add(to, what->data, what->len);
}

static int put_file(const char *path, const struct buf *b)
{
	FILE *f = fopen(path, "w");
	int bad = f == NULL || fwrite(b->data, 1, b->len, f) != b->len;

	return f == NULL || fclose(f) != 0 || bad;
}

static int make(unsigned n, const char *path, const char *ca_path)
{
	static const char alg[] = "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *ca = make_ca(key);
	struct buf list = { 0 }, tbs = { 0 }, signed_ = { 0 }, all = { 0 }, crl = { 0 };
	unsigned char sig[256] = { 0 };
	const unsigned char *name;
	size_t len, sig_len = sizeof(sig) - 1;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	FILE *f = fopen(ca_path, "w");

	X509_NAME_get0_der(X509_get_subject_name(ca), &name, &len);
	buf_add(&tbs, "\x02\x01\x01", 3);
	buf_add(&tbs, alg, sizeof(alg) - 1);
	buf_add(&tbs, name, len);
	add_time(&tbs, clock_now() - 60);
	add_time(&tbs, clock_now() + 86400);
	entries(&list, n);
	wrap(&tbs, 0x30, &list);
	wrap(&signed_, 0x30, &tbs);
	EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key);
	EVP_DigestSign(ctx, sig + 1, &sig_len, (unsigned char *)signed_.data,
		       signed_.len);
	buf_add(&signed_, alg, sizeof(alg) - 1);
	buf_add(&all, sig, sig_len + 1);
	wrap(&signed_, 0x03, &all);
	wrap(&crl, 0x30, &signed_);
	return f == NULL || PEM_write_X509(f, ca) != 1 || fclose(f) != 0 ||
	       put_file(path, &crl);
}

static X509 *read_ca(const char *path)
{
	FILE *f = fopen(path, "r");
	X509 *ca = f == NULL ? NULL : PEM_read_X509(f, NULL, NULL, NULL);

	if (ca == NULL)
		exit(2);
	fclose(f);
	return ca;
}

static int scan(const char *path, const char *ca, unsigned n)
{
	static char piece[PIECE];
	struct crl_want want = { .ca = read_ca(ca), .now = clock_now() };
	uint64_t *own = calloc(n + 1, sizeof(*own));
	struct crl_scan *s = NULL;
	struct crl_facts facts;
	struct err e;
	unsigned char serial[16];
	int fd = open(path, O_RDONLY), rc;
	size_t n_hits;
	ssize_t got = 0;

	for (unsigned i = 0; i < n; i++) {
		serial_of(i % 10 == 0 ? i * 7 : 100000000 + i, serial);
		own[i] = crl_serial_key(serial, sizeof(serial));
	}
	want.serials = own;
	want.n_serials = n;
	rc = crl_scan_new(&want, NULL, NULL, &s, &e);
	while (rc == 0 && (got = read(fd, piece, sizeof(piece))) > 0)
		rc = crl_scan_feed(s, piece, (size_t)got, &e);
	if (rc == 0)
		rc = crl_scan_end(s, fd, &facts, &e);
	if (rc < 0) {
		fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	crl_scan_hits(s, &n_hits);
	fprintf(stderr, "%llu entries, %zu ours%s\n",
		(unsigned long long)facts.n_entries, n_hits,
		facts.more ? " and more" : "");
	return 0;
}

static int load(const char *path, const char *ca)
{
	FILE *f = fopen(path, "r");
	X509_CRL *crl = f == NULL ? NULL : d2i_X509_CRL_fp(f, NULL);
	X509_REVOKED *found = NULL;
	ASN1_INTEGER *one = ASN1_INTEGER_new();

	ASN1_INTEGER_set(one, 1);
	return crl == NULL ||
	       X509_CRL_verify(crl, X509_get0_pubkey(read_ca(ca))) != 1 ||
	       X509_CRL_get0_by_serial(crl, &found, one) != 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "make") == 0)
		return make((unsigned)strtoul(argv[2], NULL, 10), argv[3], argv[4]);
	if (argc == 5 && strcmp(argv[1], "scan") == 0)
		return scan(argv[2], argv[3], (unsigned)strtoul(argv[4], NULL, 10));
	if (argc == 4 && strcmp(argv[1], "load") == 0)
		return load(argv[2], argv[3]);
	fputs("usage: crl make N CRL CA | scan CRL CA OWN | load CRL CA\n", stderr);
	return 2;
}
