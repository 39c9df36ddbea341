#include "store/pending.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/pem.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/text.h"
#include "store/generation.h"
#include "store/place.h"

#define LIMIT_KEY (16384 + LIMIT_CSR_BYTES) /* RSA-4096 takes 3.3 kB */

/* A TLSA record's first three fields, and how long all of it is, with the line's end. */
#define TLSA_HEAD "3 1 1 "
#define TLSA_LEN  (sizeof(TLSA_HEAD) - 1 + 2 * HASH_LEN + 1)

/* *key is NULL if there is no file; ERR_SYS is the disk, anything else the content. */
static int read_key(int dir, const char *path, EVP_PKEY **key, struct err *e)
{
	AUTO_BUF struct buf pem = { 0 };

	*key = NULL;
	if (file_read(dir, path, LIMIT_KEY, &pem, e) < 0)
		return e->sysno == ENOENT ? 0 : e->code;
	if (key_from_pem(pem.data, pem.len, key, e) < 0)
		return err_wrap(e, "%s", path);
	return 0;
}

/* Of generation `number`; 0: there is none. */
static int key_of(int root, const char *name, uint64_t number, EVP_PKEY **key,
		  struct err *e)
{
	AUTO_FD int dir = -1;

	*key = NULL;
	if (number == 0)
		return 0;
	TRY(generation_open(root, name, number, &dir, e));
	return read_key(dir, "privkey.pem", key, e);
}

static int live_key(int root, const char *name, EVP_PKEY **key, struct err *e)
{
	uint64_t number = 0;

	TRY(generation_current(root, name, &number, e));
	return key_of(root, name, number, key, e);
}

static int newest_key(int root, const char *name, EVP_PKEY **key, struct err *e)
{
	AUTO_FREE uint64_t *numbers = NULL;
	size_t n = 0;

	TRY(generation_list(root, name, &numbers, &n, e));
	return key_of(root, name, n == 0 ? 0 : numbers[n - 1], key, e);
}

/* What cannot be read as a key is no key: here, that is never a reason to stop. */
static int load_any(int (*load)(int root, const char *name, EVP_PKEY **key,
				struct err *e),
		    int root, const char *name, EVP_PKEY **key, struct err *e)
{
	if (load(root, name, key, e) == 0)
		return 0;
	*key = NULL;
	return e->code == ERR_SYS ? ERR_SYS : 0;
}

int pending_keep(int root, const char *name, const struct buf *pem, struct err *e)
{
	const struct file_access access = { FILE_KEEP, FILE_KEEP, 0600 };
	AUTO_FD int dir = -1;

	TRY(place_make(root, PLACE_ARCHIVE, name, &dir, e));
	return file_write(dir, PLACE_PENDING, pem->data, pem->len, &access, e);
}

int pending_load(int root, const char *name, EVP_PKEY **key, struct err *e)
{
	AUTO_FD int dir = -1;

	*key = NULL;
	TRY(place_open(root, PLACE_ARCHIVE, name, &dir, e));
	if (dir < 0)
		return 0;
	return read_key(dir, PLACE_PENDING, key, e);
}

int pending_request(int root, const char *name, X509_REQ **csr, struct err *e)
{
	AUTO_BUF struct buf pem = { 0 };
	AUTO_FD int dir = -1;
	const char *at;

	*csr = NULL;
	TRY(place_open(root, PLACE_ARCHIVE, name, &dir, e));
	if (dir < 0)
		return 0;
	if (file_read(dir, PLACE_PENDING, LIMIT_KEY, &pem, e) < 0)
		return e->sysno == ENOENT ? 0 : e->code;
	at = pem.len == 0 ? NULL
			  : strstr(pem.data, "-----BEGIN " PEM_STRING_X509_REQ "-----");
	return at == NULL ? 0 : csr_from_pem(at, strlen(at), csr, e);
}

static int drop(int dir, bool announces, struct err *e)
{
	TRY(place_remove(dir, PLACE_PENDING, e));
	return announces ? 0 : place_remove(dir, PLACE_NEXT, e);
}

int pending_drop(int root, const char *name, bool announces, struct err *e)
{
	AUTO_FD int dir = -1;

	TRY(place_open(root, PLACE_ARCHIVE, name, &dir, e));
	return dir < 0 ? 0 : drop(dir, announces, e);
}

static bool is_record(const struct buf *text)
{
	const size_t head = sizeof(TLSA_HEAD) - 1;

	return text->len == TLSA_LEN && memcmp(text->data, TLSA_HEAD, head) == 0 &&
	       strspn(text->data + head, "0123456789abcdef") == 2 * HASH_LEN &&
	       text->data[TLSA_LEN - 1] == '\n';
}

int pending_announced(int root, const char *name, char hex[PENDING_HEX], struct err *e)
{
	AUTO_BUF struct buf text = { 0 };
	AUTO_FD int dir = -1;

	hex[0] = '\0';
	TRY(place_open(root, PLACE_ARCHIVE, name, &dir, e));
	if (dir < 0 || !file_exists(dir, PLACE_NEXT))
		return 0;
	if (file_read(dir, PLACE_NEXT, TLSA_LEN, &text, e) < 0)
		return e->code == ERR_LIMIT ? 0 : e->code;
	if (is_record(&text))
		snprintf(hex, PENDING_HEX, "%.*s", 2 * HASH_LEN,
			 text.data + sizeof(TLSA_HEAD) - 1);
	return 0;
}

static void record_of(const struct buf *spki, char hex[PENDING_HEX])
{
	uint8_t sum[HASH_LEN];

	hash_all(spki->data, spki->len, sum);
	text_hex(hex, sum, sizeof(sum));
}

int pending_announce(int root, const char *name, const struct buf *spki, struct err *e)
{
	const struct file_access access = { FILE_KEEP, FILE_KEEP, 0644 };
	char hex[PENDING_HEX], before[PENDING_HEX];
	AUTO_BUF struct buf text = { 0 };
	AUTO_FD int dir = -1;

	record_of(spki, hex);
	if (pending_announced(root, name, before, e) == 0 && strcmp(hex, before) == 0)
		return 0;
	buf_printf(&text, TLSA_HEAD "%s\n", hex);
	TRY(place_make(root, PLACE_ARCHIVE, name, &dir, e));
	return file_write(dir, PLACE_NEXT, text.data, text.len, &access, e);
}

/* -- asked for -- */

static bool is_of(const EVP_PKEY *key, enum key_type type)
{
	return key != NULL && key_type_of(key) == type;
}

static int is_announced(int root, const char *name, const EVP_PKEY *key,
			bool *announced, struct err *e)
{
	AUTO_BUF struct buf spki = { 0 };
	char hex[PENDING_HEX], said[PENDING_HEX];

	TRY(key_to_spki(key, &spki, e));
	record_of(&spki, hex);
	TRY(pending_announced(root, name, said, e));
	*announced = strcmp(hex, said) == 0;
	return 0;
}

/* A crash came after its generation was stored and before anybody knew of it; or that was
 * rolled back, and another one is asked for: who has published it waits for this one. */
static int unused_key(int root, const char *name, EVP_PKEY **key, struct err *e)
{
	AUTO_KEY EVP_PKEY *newest = NULL;
	AUTO_KEY EVP_PKEY *live = NULL;
	bool announced = false;

	TRY(load_any(newest_key, root, name, &newest, e));
	TRY(load_any(live_key, root, name, &live, e));
	if (newest == NULL || (live != NULL && key_same_public(newest, live)))
		return 0;
	TRY(is_announced(root, name, newest, &announced, e));
	if (announced)
		*key = TAKE(newest);
	return 0;
}

static int used_again(int root, const char *name, enum pending_reuse reuse,
		      EVP_PKEY **key, struct err *e)
{
	*key = NULL;
	if (reuse == REUSE_LIVE)
		return load_any(live_key, root, name, key, e);
	return reuse == REUSE_ANNOUNCED ? unused_key(root, name, key, e) : 0;
}

static int find_waiting(int root, const char *name, enum key_type type,
			enum pending_reuse reuse, EVP_PKEY **key, struct err *e)
{
	AUTO_KEY EVP_PKEY *waiting = NULL;
	AUTO_KEY EVP_PKEY *live = NULL;

	*key = NULL;
	TRY(load_any(pending_load, root, name, &waiting, e));
	if (!is_of(waiting, type))
		return 0;
	if (reuse != REUSE_LIVE)
		TRY(load_any(live_key, root, name, &live, e));
	if (live == NULL || !key_same_public(waiting, live))
		*key = TAKE(waiting);
	return 0;
}

int pending_find(int root, const char *name, enum key_type type,
		 enum pending_reuse reuse, EVP_PKEY **key, struct err *e)
{
	AUTO_KEY EVP_PKEY *again = NULL;
	AUTO_BUF struct buf pem = { 0 };

	TRY(find_waiting(root, name, type, reuse, key, e));
	if (*key != NULL)
		return 0;
	TRY(used_again(root, name, reuse, &again, e));
	if (!is_of(again, type))
		return 0;
	TRY(key_to_pem(again, &pem, e));
	TRY(pending_keep(root, name, &pem, e));
	*key = TAKE(again);
	return 0;
}

/* What is in a generation does not wait any more: a crash came before pending_drop(), or
 * a power cut that took it back. */
static int is_wanted(int root, const char *name, int dir, bool *wanted, struct err *e)
{
	AUTO_KEY EVP_PKEY *waiting = NULL;
	AUTO_KEY EVP_PKEY *newest = NULL;

	*wanted = file_exists(dir, PLACE_PENDING);
	if (!*wanted)
		return 0;
	TRY(load_any(pending_load, root, name, &waiting, e));
	TRY(load_any(newest_key, root, name, &newest, e));
	*wanted =
	    waiting == NULL || newest == NULL || !key_same_public(waiting, newest);
	return 0;
}

int pending_sweep(int root, const char *name, bool announces, struct err *e)
{
	AUTO_FD int dir = -1;
	bool wanted = false;

	TRY(place_open(root, PLACE_ARCHIVE, name, &dir, e));
	if (dir < 0)
		return 0;
	TRY(file_sweep(dir, PLACE_PENDING, e));
	TRY(file_sweep(dir, PLACE_NEXT, e));
	TRY(is_wanted(root, name, dir, &wanted, e));
	return wanted ? 0 : drop(dir, announces, e);
}
