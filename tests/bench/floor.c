/*
 * floor: the least work that one renewal from the embedded CA can be: what everleaf is
 * measured against. One process, one library (libcrypto), no sandbox, no checks.
 *
 *     floor DIR [N]      N certificates (default 1) below DIR, one after the other
 *
 * The first call makes the CA. Each certificate then costs these writes that reach the
 * disk, counted with `strace -f -c -e trace=fsync,fdatasync build/bench/floor DIR`:
 *
 *     the pending key   file, the certificate's directory            2 fsync
 *     the CRL           crl.pem, crl.der, the directory after each    4
 *     the generation    six files, the stage, the archive             8
 *     the live link     its directory                                 1
 *     the state         two commits of one page                       2 fdatasync
 *
 * and one P-256 key made, the leaf and the CRL signed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#define DAY 86400

static int state = -1; /* the file that stands for the state database */

static void must(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int folder(int at, const char *name)
{
	int fd;

	(void)mkdirat(at, name, 0755);
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(fd >= 0, name);
	return fd;
}

static void sync_fd(int fd)
{
	must(fsync(fd) == 0, "fsync");
}

static void write_file(int dir, const char *name, BIO *content)
{
	char *data;
	long len = BIO_get_mem_data(content, &data);
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	must(fd >= 0 && write(fd, data, (size_t)len) == len, name);
	sync_fd(fd);
	close(fd);
}

/* As a file is replaced: beside it, then one rename. */
static void replace_file(int dir, const char *name, BIO *content)
{
	write_file(dir, ".next", content);
	must(renameat(dir, ".next", dir, name) == 0, name);
	sync_fd(dir);
}

static void commit(void)
{
	char page[4096] = { 0 };

	must(pwrite(state, page, sizeof(page), 0) == (ssize_t)sizeof(page), "state");
	must(fdatasync(state) == 0, "fdatasync");
}

static BIO *key_pem(EVP_PKEY *key)
{
	BIO *b = BIO_new(BIO_s_mem());

	must(PEM_write_bio_PKCS8PrivateKey(b, key, NULL, NULL, 0, NULL, NULL), "key");
	return b;
}

static BIO *cert_pem(X509 *cert)
{
	BIO *b = BIO_new(BIO_s_mem());

	must(PEM_write_bio_X509(b, cert), "certificate");
	return b;
}

static void extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *x;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	x = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	must(x != NULL && X509_add_ext(cert, x, -1), "extension");
	X509_EXTENSION_free(x);
}

/* `ca` NULL: a root of its own. */
static X509 *certificate(EVP_PKEY *key, const char *name, X509 *ca, EVP_PKEY *ca_key)
{
	X509 *cert = X509_new();
	X509 *issuer = ca == NULL ? cert : ca;
	unsigned char serial[16];

	RAND_bytes(serial, sizeof(serial));
	serial[0] &= 0x7f;
	X509_set_version(cert, X509_VERSION_3);
	BN_to_ASN1_INTEGER(BN_bin2bn(serial, sizeof(serial), NULL),
			   X509_get_serialNumber(cert));
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 30L * DAY);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
				   (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(issuer));
	extend(cert, issuer, NID_subject_key_identifier, "hash");
	if (ca == NULL) {
		extend(cert, issuer, NID_basic_constraints, "critical,CA:TRUE");
	} else {
		extend(cert, issuer, NID_authority_key_identifier, "keyid");
		extend(cert, issuer, NID_subject_alt_name, "DNS:a.example.org");
		extend(cert, issuer, NID_ext_key_usage, "serverAuth");
		extend(cert, issuer, NID_key_usage, "critical,digitalSignature");
	}
	must(X509_sign(cert, ca_key, EVP_sha256()) > 0, "sign");
	return cert;
}

static X509_CRL *revocations(X509 *ca, EVP_PKEY *ca_key)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *at = X509_gmtime_adj(NULL, 0);

	X509_CRL_set_version(crl, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca));
	X509_CRL_set1_lastUpdate(crl, at);
	X509_gmtime_adj(at, 7L * DAY);
	X509_CRL_set1_nextUpdate(crl, at);
	must(X509_CRL_sign(crl, ca_key, EVP_sha256()) > 0, "sign the CRL");
	ASN1_TIME_free(at);
	return crl;
}

static void write_crl(int dir, X509 *ca, EVP_PKEY *ca_key)
{
	X509_CRL *crl = revocations(ca, ca_key);
	BIO *pem = BIO_new(BIO_s_mem());
	BIO *der = BIO_new(BIO_s_mem());

	PEM_write_bio_X509_CRL(pem, crl);
	i2d_X509_CRL_bio(der, crl);
	replace_file(dir, "crl.pem", pem);
	replace_file(dir, "crl.der", der);
	BIO_free(pem);
	BIO_free(der);
	X509_CRL_free(crl);
}

static void open_ca(int dir, X509 **ca, EVP_PKEY **key)
{
	int fd = openat(dir, "root.key", O_RDONLY | O_CLOEXEC);
	FILE *in;

	if (fd < 0) {
		*key = EVP_EC_gen("P-256");
		*ca = certificate(*key, "Floor CA", NULL, *key);
		write_file(dir, "root.key", key_pem(*key));
		write_file(dir, "root.pem", cert_pem(*ca));
		return;
	}
	in = fdopen(fd, "r");
	*key = PEM_read_PrivateKey(in, NULL, NULL, NULL);
	fclose(in);
	in = fdopen(openat(dir, "root.pem", O_RDONLY | O_CLOEXEC), "r");
	*ca = PEM_read_X509(in, NULL, NULL, NULL);
	fclose(in);
	must(*key != NULL && *ca != NULL, "read the CA");
}

static void store(int dir, EVP_PKEY *key, X509 *leaf, X509 *ca, const char *number)
{
	BIO *chain = BIO_new(BIO_s_mem());
	BIO *meta = BIO_new(BIO_s_mem());
	int stage = folder(dir, ".stage");

	BIO_puts(meta, "{}\n");
	write_file(stage, "privkey.pem", key_pem(key));
	write_file(stage, "cert.pem", cert_pem(leaf));
	write_file(stage, "chain.pem", chain);
	write_file(stage, "fullchain.pem", cert_pem(leaf));
	write_file(stage, "ca.pem", cert_pem(ca));
	write_file(stage, "meta.json", meta);
	sync_fd(stage);
	must(renameat(dir, ".stage", dir, number) == 0, number);
	sync_fd(dir);
	close(stage);
}

static void renew(int root, int ca_dir, const char *name)
{
	int archive = folder(root, "archive");
	int dir = folder(archive, name);
	int live = folder(root, "live");
	char number[32], target[512], link[300];
	EVP_PKEY *ca_key, *key = EVP_EC_gen("P-256");
	X509 *ca, *leaf;

	replace_file(dir, ".pending", key_pem(key));
	open_ca(ca_dir, &ca, &ca_key);
	leaf = certificate(key, name, ca, ca_key);
	write_crl(ca_dir, ca, ca_key);
	snprintf(number, sizeof(number), "%ld-%d", random(), getpid());
	store(dir, key, leaf, ca, number);
	commit();
	snprintf(target, sizeof(target), "../archive/%s/%s", name, number);
	snprintf(link, sizeof(link), ".%s.next", name);
	must(symlinkat(target, live, link) == 0, "link");
	must(renameat(live, link, live, name) == 0, "live");
	sync_fd(live);
	commit();
	X509_free(leaf);
	X509_free(ca);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(key);
	close(live);
	close(dir);
	close(archive);
}

int main(int argc, char **argv)
{
	int n = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 1;
	int root, ca_dir;
	char name[32];

	must(argc > 1, "floor DIR [N]");
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	root = folder(AT_FDCWD, argv[1]);
	ca_dir = folder(root, "ca");
	state = openat(root, "state", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	must(state >= 0, "state");
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "c%06d", i);
		renew(root, ca_dir, name);
	}
	return 0;
}
