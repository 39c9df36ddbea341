/*
 * scratch: a folder of its own for each test, gone afterwards.
 *
 *     cmocka_unit_test_setup_teardown(a_test, scratch_in, scratch_out)
 *
 * *state is then a struct scratch. Everything is looked at by the plain calls of the C
 * library, not by what is being tested.
 */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct scratch {
	char path[PATH_MAX];
	int fd; /* the folder, opened for reading */
};

static inline int scratch_in(void **state)
{
	struct scratch *s = test_calloc(1, sizeof(*s));
	const char *tmp = getenv("TMPDIR");

	snprintf(s->path, sizeof(s->path), "%s/everleaf-test.XXXXXX",
		 tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(s->path) == NULL)
		return -1;
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = s;
	return s->fd < 0 ? -1 : 0;
}

/* scratch_in(), with the folders of a state directory that the store does not make. */
static inline int store_in(void **state)
{
	struct scratch *s;

	if (scratch_in(state) < 0)
		return -1;
	s = *state;
	return mkdirat(s->fd, "archive", 0755) < 0 || mkdirat(s->fd, "live", 0755) < 0;
}

static inline int scratch_remove(const char *path, const struct stat *st, int type,
				 struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static inline int scratch_out(void **state)
{
	struct scratch *s = *state;
	int rc = nftw(s->path, scratch_remove, 8, FTW_DEPTH | FTW_PHYS);

	close(s->fd);
	test_free(s);
	return rc;
}

/* Write `text` as `path` below s, by the plainest means. */
static inline void scratch_put(const struct scratch *s, const char *path,
			       const char *text)
{
	int fd = openat(s->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* `path` below s is a file that holds `text`; links are followed, as servers do. */
static inline void scratch_expect(const struct scratch *s, const char *path,
				  const char *text)
{
	static char got[4096]; /* not on the stack: sanitizers keep a copy per call */
	int fd = openat(s->fd, path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		fail_msg("%s cannot be opened", path);
	n = read(fd, got, sizeof(got) - 1);
	close(fd);
	assert_true(n >= 0);
	got[n] = '\0';
	assert_string_equal(got, text);
}

/* What lstat(2) says of `path` below s. */
static inline struct stat scratch_stat(const struct scratch *s, const char *path)
{
	struct stat st;

	if (fstatat(s->fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("%s is not there", path);
	return st;
}

static inline int scratch_has(const struct scratch *s, const char *path)
{
	return faccessat(s->fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline void scratch_mkdir(const struct scratch *s, const char *path)
{
	assert_int_equal(mkdirat(s->fd, path, 0755), 0);
}

static inline void scratch_link(const struct scratch *s, const char *to,
				const char *path)
{
	assert_int_equal(symlinkat(to, s->fd, path), 0);
}

/* The number of entries of the folder `path` below s. */
static inline int scratch_count(const struct scratch *s, const char *path)
{
	static char full[PATH_MAX + 256];
	struct dirent **entries = NULL;
	int n;

	snprintf(full, sizeof(full), "%s/%s", s->path, path);
	n = scandir(full, &entries, NULL, NULL);
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
	return n - 2;
}

static inline int64_t mtime_ns(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* What someone who may write in a folder can put where a file of ours should go. */
enum plant {
	PLANT_LINK,
	PLANT_DANGLING,
	PLANT_FIFO,
	PLANT_DIR,
	PLANT_HARD_LINK,
	PLANTS,
};

static inline const char *plant_word(enum plant what)
{
	static const char *const words[PLANTS] = { "link", "dangling link", "fifo",
						   "directory", "hard link" };

	return words[what];
}

/* Plant `what` as `at` below s; where it is a link, it is one to "victim", which must
 * stay untouched, or to "nowhere", which must not come to be. */
static inline void plant(const struct scratch *s, enum plant what, const char *at)
{
	const char *up = strchr(at, '/') != NULL ? "../" : "";
	char to[32];

	scratch_put(s, "victim", "untouched");
	snprintf(to, sizeof(to), "%s%s", up,
		 what == PLANT_DANGLING ? "nowhere" : "victim");
	if (what == PLANT_LINK || what == PLANT_DANGLING)
		scratch_link(s, to, at);
	else if (what == PLANT_FIFO)
		assert_int_equal(mkfifoat(s->fd, at, 0666), 0);
	else if (what == PLANT_DIR)
		scratch_mkdir(s, at);
	else
		assert_int_equal(linkat(s->fd, "victim", s->fd, at, 0), 0);
}

static inline void unplant(const struct scratch *s, enum plant what, const char *at)
{
	assert_int_equal(unlinkat(s->fd, at, what == PLANT_DIR ? AT_REMOVEDIR : 0), 0);
}

/* Nothing was written through what was planted. */
static inline void plant_expect_harmless(const struct scratch *s)
{
	scratch_expect(s, "victim", "untouched");
	assert_false(scratch_has(s, "nowhere"));
}
