#include "store/account.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/origin.h"
#include "base/text.h"
#include "store/place.h"

#define KEY_FILE  "account.key"
#define NEXT_FILE "next.key"
#define URL_FILE  "account.json"
#define CA_FILE   "directory"

#define LIMIT_FILE LIMIT_KEY_BYTES

/* In the order in which they go: no crash may leave a URL that has no key. */
static const char *const files[] = { URL_FILE, NEXT_FILE, KEY_FILE, CA_FILE };

#define N_FILES (sizeof(files) / sizeof(files[0]))

/* *dir is -1 if there is nothing of `issuer`. */
static int open_found(int root, const char *issuer, int *dir, struct err *e)
{
	return place_find(root, PLACE_ACCOUNTS, issuer, dir, e);
}

static int open_made(int root, const char *issuer, int *dir, struct err *e)
{
	AUTO_FD int shelf = -1;

	TRY(place_check(issuer, e));
	TRY(place_dir(root, PLACE_ACCOUNTS, 0700, &shelf, e));
	return place_dir(shelf, issuer, 0700, dir, e);
}

static int write_file(int dir, const char *name, const struct buf *b, struct err *e)
{
	const struct file_access access = { FILE_KEEP, FILE_KEEP, 0600 };

	return file_write(dir, name, b->data, b->len, &access, e);
}

/* Fine if it is not there. */
static int remove_file(int dir, const char *name, struct err *e)
{
	if (unlinkat(dir, name, 0) < 0)
		return errno == ENOENT ? 0 : err_sys(e, "remove %s", name);
	return fsync(dir) < 0 ? err_sys(e, "sync the folder of %s", name) : 0;
}

/* *key is NULL if there is no file. */
static int read_key(int dir, const char *name, EVP_PKEY **key, struct err *e)
{
	AUTO_BUF struct buf pem = { 0 };

	if (file_read(dir, name, LIMIT_FILE, &pem, e) < 0)
		return e->sysno == ENOENT ? 0 : e->code;
	if (key_from_pem(pem.data, pem.len, key, e) == 0)
		return 0;
	return err_set(e, ERR_CONFIG,
		       "%s is no key: put back the right one, or remove it, and the "
		       "account is lost",
		       name);
}

static bool is_url(const char *url)
{
	size_t i = 0;

	while (url[i] > ' ' && url[i] <= '~' && url[i] != '"' && url[i] != '\\')
		i++;
	return i > 0 && url[i] == '\0';
}

static void put_document(struct buf *out, const char *url)
{
	struct json j;

	json_begin(&j, out);
	json_open(&j, NULL, '{');
	json_int(&j, "version", 1);
	json_str(&j, "url", url);
	json_close(&j);
	json_end(&j);
}

/* Only as we write it, byte for byte: nothing is parsed here. */
static int read_url(int dir, char **url, struct err *e)
{
	AUTO_BUF struct buf there = { 0 };
	AUTO_BUF struct buf frame = { 0 };
	AUTO_BUF struct buf again = { 0 };
	AUTO_FREE char *got = NULL;

	if (file_read(dir, URL_FILE, LIMIT_FILE, &there, e) < 0)
		return e->sysno == ENOENT ? 0 : e->code;
	put_document(&frame, "");
	if (there.len <= frame.len)
		return 0;
	got = xstrndup(there.data + frame.len - 2, there.len - frame.len);
	put_document(&again, got);
	if (is_url(got) && again.len == there.len &&
	    memcmp(again.data, there.data, there.len) == 0)
		*url = TAKE(got);
	return 0;
}

/* -- of which CA -- */

#define HASH_SHOWN 8 /* bytes: what nobody meets by chance */

static bool is_line(const struct buf *b, const char *line)
{
	return b->len == strlen(line) && memcmp(b->data, line, b->len) == 0;
}

static int has_folder(int root, const char *name, bool *has, struct err *e)
{
	AUTO_FD int dir = -1;

	TRY(open_found(root, name, &dir, e));
	*has = dir >= 0;
	return 0;
}

static int is_of(int root, const char *name, const char *directory, bool *is,
		 struct err *e)
{
	AUTO_FREE char *line = xasprintf("%s\n", directory);
	AUTO_BUF struct buf said = { 0 };
	AUTO_FREE char *url = NULL;
	AUTO_FD int dir = -1;

	*is = true;
	TRY(open_found(root, name, &dir, e));
	if (dir < 0)
		return 0;
	if (file_read(dir, CA_FILE, LIMIT_FILE, &said, e) == 0) {
		*is = is_line(&said, line);
		return 0;
	}
	if (e->sysno != ENOENT)
		return e->code;
	TRY(read_url(dir, &url, e));
	*is = url == NULL || origin_same(url, directory);
	return 0;
}

static void put_hashed(const char *issuer, const char *directory, struct buf *out)
{
	char hex[2 * HASH_SHOWN + 1];
	uint8_t sum[HASH_LEN];

	hash_all(directory, strlen(directory), sum);
	text_hex(hex, sum, HASH_SHOWN);
	buf_printf(out, "%s@%s", issuer, hex);
}

int account_folder(int root, const char *issuer, const char *directory,
		   struct buf *folder, struct err *e)
{
	AUTO_BUF struct buf hashed = { 0 };
	bool has, is;

	put_hashed(issuer, directory, &hashed);
	TRY(has_folder(root, hashed.data, &has, e));
	TRY(is_of(root, issuer, directory, &is, e));
	buf_puts(folder, has || !is ? hashed.data : issuer);
	return 0;
}

int account_claim(int root, const char *issuer, const char *directory, struct err *e)
{
	AUTO_FREE char *line = xasprintf("%s\n", directory);
	AUTO_BUF struct buf there = { 0 };
	AUTO_FD int dir = -1;

	TRY(open_made(root, issuer, &dir, e));
	if (file_read(dir, CA_FILE, LIMIT_FILE, &there, e) == 0 &&
	    is_line(&there, line))
		return 0;
	buf_done(&there);
	buf_puts(&there, line);
	if (write_file(dir, CA_FILE, &there, e) < 0)
		return err_wrap(e, PLACE_ACCOUNTS "/%s", issuer);
	return 0;
}

/* -- the account -- */

int account_load(int root, const char *issuer, struct account *a, struct err *e)
{
	AUTO_ACCOUNT struct account got = { .key = NULL };
	AUTO_FD int dir = -1;

	TRY(open_found(root, issuer, &dir, e));
	if (dir >= 0 && (read_key(dir, KEY_FILE, &got.key, e) < 0 ||
			 read_key(dir, NEXT_FILE, &got.next, e) < 0 ||
			 read_url(dir, &got.url, e) < 0))
		return err_wrap(e, PLACE_ACCOUNTS "/%s", issuer);
	if (got.key == NULL) /* nobody can speak for the rest */
		account_done(&got);
	*a = got;
	got = (struct account){ .key = NULL };
	return 0;
}

void account_done(struct account *a)
{
	EVP_PKEY_free(a->key);
	EVP_PKEY_free(a->next);
	free(a->url);
	*a = (struct account){ .key = NULL };
}

static int make_key(int dir, const char *name, enum key_type type, EVP_PKEY **key,
		    struct err *e)
{
	AUTO_KEY EVP_PKEY *made = NULL;
	AUTO_BUF struct buf pem = { 0 };

	TRY(key_make(type, &made, e));
	TRY(key_to_pem(made, &pem, e));
	TRY(write_file(dir, name, &pem, e));
	EVP_PKEY_free(*key);
	*key = TAKE(made);
	return 0;
}

int account_make_key(int root, const char *issuer, enum key_type type,
		     struct account *a, struct err *e)
{
	AUTO_FD int dir = -1;

	TRY(open_made(root, issuer, &dir, e));
	/* No crash may leave the new key beside the URL of the old one. */
	if (remove_file(dir, URL_FILE, e) < 0 || remove_file(dir, NEXT_FILE, e) < 0 ||
	    make_key(dir, KEY_FILE, type, &a->key, e) < 0)
		return err_wrap(e, PLACE_ACCOUNTS "/%s", issuer);
	EVP_PKEY_free(TAKE(a->next));
	free(TAKE(a->url));
	return 0;
}

int account_save_url(int root, const char *issuer, const char *url, struct err *e)
{
	AUTO_BUF struct buf b = { 0 };
	AUTO_FD int dir = -1;

	if (!is_url(url))
		return err_set(e, ERR_PROTO, "the URL of the account is none");
	TRY(open_made(root, issuer, &dir, e));
	put_document(&b, url);
	if (write_file(dir, URL_FILE, &b, e) < 0)
		return err_wrap(e, PLACE_ACCOUNTS "/%s", issuer);
	return 0;
}

int account_make_next(int root, const char *issuer, enum key_type type,
		      struct account *a, struct err *e)
{
	AUTO_FD int dir = -1;

	TRY(open_made(root, issuer, &dir, e));
	if (make_key(dir, NEXT_FILE, type, &a->next, e) < 0)
		return err_wrap(e, PLACE_ACCOUNTS "/%s", issuer);
	return 0;
}

int account_take_next(int root, const char *issuer, struct err *e)
{
	AUTO_FD int dir = -1;

	TRY(open_found(root, issuer, &dir, e));
	if (dir < 0)
		return 0;
	if (renameat(dir, NEXT_FILE, dir, KEY_FILE) < 0)
		return errno == ENOENT
			   ? 0
			   : err_sys(e, "rename " NEXT_FILE " of %s", issuer);
	return fsync(dir) < 0 ? err_sys(e, "sync " PLACE_ACCOUNTS "/%s", issuer) : 0;
}

int account_drop_next(int root, const char *issuer, struct err *e)
{
	AUTO_FD int dir = -1;

	TRY(open_found(root, issuer, &dir, e));
	if (dir >= 0 && remove_file(dir, NEXT_FILE, e) < 0)
		return err_wrap(e, PLACE_ACCOUNTS "/%s", issuer);
	return 0;
}

int account_remove(int root, const char *issuer, struct err *e)
{
	AUTO_FD int dir = -1;

	TRY(open_found(root, issuer, &dir, e));
	for (size_t i = 0; dir >= 0 && i < N_FILES; i++)
		if (remove_file(dir, files[i], e) < 0)
			return err_wrap(e, PLACE_ACCOUNTS "/%s", issuer);
	return 0;
}

int account_sweep(int root, const char *issuer, struct err *e)
{
	AUTO_FD int dir = -1;

	TRY(open_found(root, issuer, &dir, e));
	for (size_t i = 0; dir >= 0 && i < N_FILES; i++)
		if (file_sweep(dir, files[i], e) < 0)
			return err_wrap(e, PLACE_ACCOUNTS "/%s", issuer);
	return 0;
}
