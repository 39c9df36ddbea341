/*
 * reader WAY PATH: read key and certificate again and again, as a server does when it is
 * told to, until SIGTERM. WAY is how:
 *
 *     combined   PATH is a file that holds both
 *     folder     PATH is opened once for both (O_PATH), then privkey.pem and cert.pem in it
 *     path       PATH/privkey.pem, then PATH/cert.pem
 *
 * Prints "started" after the first, and in the end
 *
 *     reads 4711
 *     changes 12     it was another certificate than the one before
 *     mixed 0        the key was not the certificate's
 *     row 0          the most of these one after the other
 *     torn 0         not a whole key and a whole certificate
 *     missing 0      there was nothing to open
 *
 * Only what differs from the last good pair is parsed: the rest costs what opening and
 * reading do.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/auto.h"

#define SIZE_MAX_FILE 65536 /* bytes; one of ours has 4,000 */

struct bytes {
	size_t len;
	char data[SIZE_MAX_FILE];
};

struct pair {
	struct bytes key, cert; /* combined: the same bytes */
};

struct reader {
	const char *path;
	bool (*read)(const struct reader *r, struct pair *p);
	unsigned long reads, changes, mixed, row, torn, missing;
};

static volatile sig_atomic_t ended;

static void on_term(int number)
{
	(void)number;
	ended = 1;
}

static bool read_file(int at, const char *name, struct bytes *b)
{
	AUTO_FD int fd = openat(at, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	b->len = 0;
	if (fd < 0)
		return false;
	while ((n = read(fd, b->data + b->len, sizeof(b->data) - b->len)) > 0)
		b->len += (size_t)n;
	return n == 0;
}

static bool read_combined(const struct reader *r, struct pair *p)
{
	if (!read_file(AT_FDCWD, r->path, &p->key))
		return false;
	p->cert.len = p->key.len;
	memcpy(p->cert.data, p->key.data, p->key.len);
	return true;
}

static bool read_folder(const struct reader *r, struct pair *p)
{
	AUTO_FD int dir = open(r->path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return dir >= 0 && read_file(dir, "privkey.pem", &p->key) &&
	       read_file(dir, "cert.pem", &p->cert);
}

static bool read_path(const struct reader *r, struct pair *p)
{
	char key[4096], cert[4096];

	snprintf(key, sizeof(key), "%s/privkey.pem", r->path);
	snprintf(cert, sizeof(cert), "%s/cert.pem", r->path);
	return read_file(AT_FDCWD, key, &p->key) && read_file(AT_FDCWD, cert, &p->cert);
}

static bool same(const struct bytes *a, const struct bytes *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

/* 1: they belong together, 0: not, -1: they are not whole. */
static int fits(const struct pair *p)
{
	BIO *key = BIO_new_mem_buf(p->key.data, (int)p->key.len);
	BIO *cert = BIO_new_mem_buf(p->cert.data, (int)p->cert.len);
	EVP_PKEY *k = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
	X509 *c = PEM_read_bio_X509(cert, NULL, NULL, NULL);
	int rc = k == NULL || c == NULL ? -1 : X509_check_private_key(c, k);

	X509_free(c);
	EVP_PKEY_free(k);
	BIO_free(cert);
	BIO_free(key);
	ERR_clear_error();
	return rc;
}

/* One read; *row is how many mixed ones there were just before it. */
static void look(struct reader *r, struct pair *now, struct pair *good,
		 unsigned long *row)
{
	int rc;

	r->reads++;
	if (!r->read(r, now)) {
		r->missing++;
		return;
	}
	if (same(&now->key, &good->key) && same(&now->cert, &good->cert)) {
		*row = 0;
		return;
	}
	rc = fits(now);
	if (rc < 0)
		r->torn++;
	if (rc == 0) {
		r->mixed++;
		r->row = ++*row > r->row ? *row : r->row;
	}
	if (rc <= 0)
		return;
	*row = 0;
	r->changes++;
	*good = *now;
}

static bool way_of(struct reader *r, const char *word)
{
	static const struct {
		const char *word;
		bool (*read)(const struct reader *r, struct pair *p);
	} ways[] = { { "combined", read_combined },
		     { "folder", read_folder },
		     { "path", read_path } };

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strcmp(word, ways[i].word) == 0)
			r->read = ways[i].read;
	return r->read != NULL;
}

int main(int argc, char **argv)
{
	static struct pair now, good;
	struct reader r = { .path = argc == 3 ? argv[2] : NULL };
	unsigned long row = 0;

	if (argc != 3 || !way_of(&r, argv[1])) {
		fprintf(stderr, "usage: reader combined|folder|path PATH\n");
		return 2;
	}
	signal(SIGTERM, on_term);
	while (ended == 0) {
		look(&r, &now, &good, &row);
		if (r.reads == 1) {
			printf("started\n");
			fflush(stdout);
		}
	}
	printf("reads %lu\nchanges %lu\nmixed %lu\nrow %lu\ntorn %lu\nmissing %lu\n",
	       r.reads, r.changes, r.mixed, r.row, r.torn, r.missing);
	return 0;
}
