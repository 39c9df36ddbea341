#include "store/pending.h"

#include <errno.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "store/generation.h"
#include "store/place.h"

#define LIMIT_KEY 16384 /* RSA-4096 takes 3.3 kB */

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

static bool is_of(const EVP_PKEY *key, enum key_type type)
{
	return key != NULL && key_type_of(key) == type;
}

int pending_find(int root, const char *name, enum key_type type, int reuse,
		 EVP_PKEY **key, struct err *e)
{
	AUTO_KEY EVP_PKEY *waiting = NULL;
	AUTO_KEY EVP_PKEY *live = NULL;
	AUTO_BUF struct buf pem = { 0 };

	TRY(load_any(pending_load, root, name, &waiting, e));
	if (waiting != NULL || reuse)
		TRY(load_any(live_key, root, name, &live, e));
	*key = NULL;
	if (is_of(waiting, type) &&
	    (reuse || live == NULL || !key_same_public(waiting, live))) {
		*key = TAKE(waiting);
	} else if (reuse && is_of(live, type)) {
		TRY(key_to_pem(live, &pem, e));
		TRY(pending_keep(root, name, &pem, e));
		*key = TAKE(live);
	}
	return 0;
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

int pending_drop(int root, const char *name, struct err *e)
{
	AUTO_FD int dir = -1;

	TRY(place_open(root, PLACE_ARCHIVE, name, &dir, e));
	return dir < 0 ? 0 : place_remove(dir, PLACE_PENDING, e);
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

int pending_sweep(int root, const char *name, struct err *e)
{
	AUTO_FD int dir = -1;
	bool wanted = false;

	TRY(place_open(root, PLACE_ARCHIVE, name, &dir, e));
	if (dir < 0)
		return 0;
	TRY(file_sweep(dir, PLACE_PENDING, e));
	TRY(is_wanted(root, name, dir, &wanted, e));
	return wanted ? 0 : place_remove(dir, PLACE_PENDING, e);
}
