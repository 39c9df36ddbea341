#include "tests/help/hostile.h"

#include <errno.h>
#include <fts.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);

	return value == NULL || *value == '\0' ? otherwise : strtoull(value, NULL, 10);
}

uint32_t hostile_messages(uint32_t sample)
{
	return (uint32_t)from_environment("HOSTILE_MESSAGES", sample);
}

uint64_t hostile_seed(void)
{
	return from_environment("HOSTILE_SEED", 1);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void put_entry(const FTSENT *f, const char *path, struct buf *seen)
{
	const struct stat *st = f->fts_statp;

	buf_printf(seen, "%s %o %u:%u %ju %jd %jd.%09ld\n", path, st->st_mode,
		   st->st_uid, st->st_gid, (uintmax_t)st->st_ino, (intmax_t)st->st_size,
		   (intmax_t)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

void hostile_look(const char *top, bool (*is_ours)(const char *path), struct buf *seen)
{
	char *const paths[] = { (char *)(uintptr_t)top, NULL };
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	const size_t skip = strlen(top) + 1;
	FTSENT *f;

	assert_non_null(fts);
	while ((f = fts_read(fts)) != NULL)
		if (f->fts_info != FTS_DP && f->fts_info != FTS_NS &&
		    f->fts_pathlen > skip && !is_ours(f->fts_path + skip))
			put_entry(f, f->fts_path + skip, seen);
	fts_close(fts);
}

#define KEPT 65536

void hostile_hear(int fd, struct buf *said)
{
	char text[4096];
	ssize_t n;

	while ((n = read(fd, text, sizeof(text))) > 0) {
		if (said->len > KEPT && !hostile_is_fault(said))
			buf_done(said);
		buf_add(said, text, (size_t)n);
	}
}

bool hostile_is_fault(const struct buf *said)
{
	return said->len > 0 && (strstr(said->data, "Sanitizer") != NULL ||
				 strstr(said->data, "runtime error:") != NULL ||
				 strstr(said->data, "Assertion") != NULL);
}
