#include "store/generation.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "store/place.h"

#define NUMBER_MAX  9999999999u
#define NUMBER_LEN  10
#define TARGET_LEN  (sizeof("../" PLACE_ARCHIVE "//") + NAME_MAX + 20)
#define TARGET_HEAD "../" PLACE_ARCHIVE "/"

struct number_text {
	char s[24]; /* "0000000018" */
};

static struct number_text number_text(uint64_t number)
{
	struct number_text t;

	snprintf(t.s, sizeof(t.s), "%0*" PRIu64, NUMBER_LEN, number);
	return t;
}

/* 0 if `s` is not the name of a generation. */
static uint64_t number_of(const char *s)
{
	if (strlen(s) != NUMBER_LEN || strspn(s, "0123456789") != NUMBER_LEN)
		return 0;
	return strtoull(s, NULL, 10);
}

/* Not qsort(): there are few, and glibc's asks the system for its memory size. */
static void insert(uint64_t **numbers, size_t *n, uint64_t number)
{
	uint64_t *all = xrealloc(*numbers, *n + 1, sizeof(*all));
	size_t i = *n;

	for (; i > 0 && all[i - 1] > number; i--)
		all[i] = all[i - 1];
	all[i] = number;
	*numbers = all;
	*n += 1;
}

/* `dir` is archive/NAME. Reading moves a descriptor's place: the list has its own. */
static int list_numbers(int dir, uint64_t **numbers, size_t *n, struct err *e)
{
	AUTO_FREE uint64_t *all = NULL;
	AUTO_FD int fd = -1;
	AUTO_DIR DIR *d = NULL;
	const struct dirent *f;
	size_t count = 0;

	TRY(file_open_dir(dir, ".", &fd, e));
	d = fdopendir(fd);
	if (d == NULL)
		return err_sys(e, "list");
	(void)take_fd(&fd);
	while ((errno = 0, f = readdir(d)) != NULL) {
		uint64_t number = number_of(f->d_name);

		if (number > 0)
			insert(&all, &count, number);
	}
	if (errno != 0)
		return err_sys(e, "list");
	*numbers = TAKE(all);
	*n = count;
	return 0;
}

static int open_older(struct generation *g, struct err *e)
{
	AUTO_FREE uint64_t *numbers = NULL;
	size_t n = 0;

	g->number = 1;
	TRY(list_numbers(g->dir, &numbers, &n, e));
	if (n == 0)
		return 0;
	if (numbers[n - 1] >= NUMBER_MAX)
		return err_set(e, ERR_LIMIT, "no generation number is left");
	g->number = numbers[n - 1] + 1;
	return file_enter_dir(g->dir, number_text(numbers[n - 1]).s, &g->older, e);
}

static int begin(struct generation *g, int root, const char *name, struct err *e)
{
	TRY(place_make(root, PLACE_ARCHIVE, name, &g->dir, e));
	TRY(open_older(g, e));
	TRY(file_remove_dir(g->dir, PLACE_STAGE, e));
	return file_make_dir(g->dir, PLACE_STAGE, 0711, &g->stage, e);
}

static void close_all(struct generation *g)
{
	auto_fd_(&g->dir);
	auto_fd_(&g->stage);
	auto_fd_(&g->older);
	for (size_t i = 0; i < g->n_files; i++)
		auto_fd_(&g->files[i]);
	*g = (struct generation)GENERATION_NONE;
}

static void target_of(char target[TARGET_LEN], const char *name, uint64_t number)
{
	snprintf(target, TARGET_LEN, TARGET_HEAD "%s/%s", name, number_text(number).s);
}

static void next_name(char next[NAME_MAX + 1], const char *name)
{
	snprintf(next, NAME_MAX + 1, ".%s.next", name);
}

static int remove_link(int live, const char *link, struct err *e)
{
	if (unlinkat(live, link, 0) < 0 && errno != ENOENT)
		return err_sys(e, "remove " PLACE_LIVE "/%s", link);
	return 0;
}

static int move_link(int live, const char *name, const char *target, struct err *e)
{
	char next[NAME_MAX + 1];

	next_name(next, name);
	TRY(remove_link(live, next, e));
	if (symlinkat(target, live, next) < 0)
		return err_sys(e, "link " PLACE_LIVE "/%s", next);
	if (renameat(live, next, live, name) < 0) {
		err_sys(e, "rename " PLACE_LIVE "/%s to %s", next, name);
		(void)unlinkat(live, next, 0);
		return ERR_SYS;
	}
	return 0;
}

/* What is being removed, or could not be: it is tried again. */
static int remove_old(int dir, struct err *e)
{
	AUTO_FD int fd = -1;
	AUTO_DIR DIR *d = NULL;
	const struct dirent *f;
	struct err why;
	int rc = 0;

	TRY(file_open_dir(dir, ".", &fd, e));
	d = fdopendir(fd);
	if (d == NULL)
		return err_sys(e, "list");
	(void)take_fd(&fd);
	while ((f = readdir(d)) != NULL)
		if (strncmp(f->d_name, PLACE_OLD, strlen(PLACE_OLD)) == 0 &&
		    file_remove_dir(dir, f->d_name, &why) < 0 && rc == 0) {
			*e = why;
			rc = e->code;
		}
	return rc;
}

/* A number means a whole generation: it is given up before the first file goes. */
static int remove_number(int dir, uint64_t number, struct err *e)
{
	const struct number_text t = number_text(number);
	char old[NAME_MAX + 1];

	snprintf(old, sizeof(old), PLACE_OLD ".%s", t.s);
	if (renameat(dir, t.s, dir, old) < 0)
		return err_sys(e, "rename %s to %s", t.s, old);
	return file_remove_dir(dir, old, e);
}

/* All but `held`, past those that cannot be: the first reason. */
static int remove_numbers(int dir, const uint64_t *numbers, size_t n, uint64_t held,
			  struct err *e)
{
	struct err why;
	int rc = 0;

	for (size_t i = 0; i < n; i++)
		if (numbers[i] != held && remove_number(dir, numbers[i], &why) < 0 &&
		    rc == 0) {
			*e = why;
			rc = e->code;
		}
	return rc;
}

/* The number in what live/NAME points to; 0 if it is not one of ours. */
static uint64_t number_in(const char *target, const char *name)
{
	size_t head = strlen(TARGET_HEAD), len = strlen(name);

	if (strncmp(target, TARGET_HEAD, head) != 0 ||
	    strncmp(target + head, name, len) != 0 || target[head + len] != '/')
		return 0;
	return number_of(target + head + len + 1);
}

/* First the live link, so that no one is led into a folder that is half gone. */
static int forget_link(int root, const char *name, struct err *e)
{
	AUTO_FD int live = -1;
	char next[NAME_MAX + 1];

	next_name(next, name);
	TRY(file_open_dir(root, PLACE_LIVE, &live, e));
	TRY(remove_link(live, next, e));
	if (!file_exists(live, name))
		return 0;
	TRY(remove_link(live, name, e));
	if (fsync(live) < 0)
		return err_sys(e, "sync " PLACE_LIVE);
	return 0;
}

static int forget_numbers(int dir, struct err *e)
{
	AUTO_FREE uint64_t *numbers = NULL;
	size_t n = 0;

	TRY(remove_old(dir, e));
	TRY(list_numbers(dir, &numbers, &n, e));
	TRY(remove_numbers(dir, numbers, n, 0, e));
	TRY(file_remove_dir(dir, PLACE_STAGE, e));
	TRY(place_remove(dir, PLACE_PENDING, e));
	return place_remove(dir, PLACE_NEXT, e);
}

int generation_begin(struct generation *g, int root, const char *name, struct err *e)
{
	*g = (struct generation)GENERATION_NONE;
	if (begin(g, root, name, e) < 0) {
		generation_drop(g);
		return err_wrap(e, "%s", name);
	}
	return 0;
}

int generation_add(struct generation *g, const char *file, const void *data, size_t len,
		   const struct file_access *access, struct err *e)
{
	assert(g->n_files < GENERATION_FILES);
	TRY(file_create(g->stage, file, data, len, access, g->older,
			&g->files[g->n_files], e));
	g->n_files++;
	return 0;
}

int generation_number(struct generation *g, struct err *e)
{
	for (size_t i = 0; i < g->n_files; i++)
		TRY(file_settle(&g->files[i], "a file of " PLACE_STAGE, e));
	if (fsync(g->stage) < 0)
		return err_sys(e, "sync " PLACE_STAGE);
	if (renameat(g->dir, PLACE_STAGE, g->dir, number_text(g->number).s) < 0)
		return err_sys(e, "rename " PLACE_STAGE " to %s",
			       number_text(g->number).s);
	close(take_fd(&g->stage));
	return 0;
}

int generation_keep(struct generation *g, uint64_t *number, struct err *e)
{
	if (g->stage >= 0)
		TRY(generation_number(g, e));
	if (fsync(g->dir) < 0)
		return err_sys(e, "sync the directory of %s", number_text(g->number).s);
	*number = g->number;
	close_all(g);
	return 0;
}

void generation_drop(struct generation *g)
{
	struct err ignored;

	if (g->dir >= 0)
		(void)file_remove_dir(g->dir, PLACE_STAGE, &ignored);
	close_all(g);
}

int generation_turn(int root, const char *name, uint64_t number, struct err *e)
{
	AUTO_FD int live = -1, dir = -1;
	char target[TARGET_LEN];

	TRY(generation_open(root, name, number, &dir, e));
	TRY(file_open_dir(root, PLACE_LIVE, &live, e));
	target_of(target, name, number);
	return move_link(live, name, target, e);
}

int generation_settle(int root, struct err *e)
{
	AUTO_FD int live = -1;

	TRY(file_open_dir(root, PLACE_LIVE, &live, e));
	return fsync(live) < 0 ? err_sys(e, "sync " PLACE_LIVE) : 0;
}

int generation_live(int root, const char *name, uint64_t number, struct err *e)
{
	TRY(generation_turn(root, name, number, e));
	return generation_settle(root, e);
}

int generation_current(int root, const char *name, uint64_t *number, struct err *e)
{
	AUTO_FD int live = -1;
	char target[TARGET_LEN];
	uint64_t found;
	ssize_t n;

	TRY(place_check(name, e));
	TRY(file_enter_dir(root, PLACE_LIVE, &live, e));
	n = readlinkat(live, name, target, sizeof(target) - 1);
	if (n < 0 && errno == ENOENT) {
		*number = 0;
		return 0;
	}
	if (n < 0 && errno == EINVAL) {
		err_set(e, ERR_CONFIG, PLACE_LIVE "/%s is not a link", name);
		e->sysno = EINVAL;
		return ERR_CONFIG;
	}
	if (n < 0)
		return err_sys(e, "read " PLACE_LIVE "/%s", name);
	target[n] = '\0';
	found = number_in(target, name);
	if (found == 0)
		return err_set(e, ERR_CONFIG,
			       PLACE_LIVE "/%s leads to %.200s, which is no generation "
					  "of %s",
			       name, target, name);
	*number = file_exists(live, target) ? found : 0;
	return 0;
}

int generation_yields(int root, const char *name, bool over_link, struct err *e)
{
	uint64_t number;
	struct err why;

	if (generation_current(root, name, &number, &why) == 0 ||
	    why.code != ERR_CONFIG || (over_link && why.sysno != EINVAL))
		return 0;
	return err_set(e, ERR_SYS, "%s: left as it is", why.text);
}

int generation_list(int root, const char *name, uint64_t **numbers, size_t *n,
		    struct err *e)
{
	AUTO_FD int dir = -1;

	TRY(place_open(root, PLACE_ARCHIVE, name, &dir, e));
	if (dir < 0) {
		*numbers = NULL;
		*n = 0;
		return 0;
	}
	if (list_numbers(dir, numbers, n, e) < 0)
		return err_wrap(e, PLACE_ARCHIVE "/%s", name);
	return 0;
}

int generation_prune(int root, const char *name, unsigned keep, uint64_t held,
		     struct err *e)
{
	AUTO_FREE uint64_t *numbers = NULL;
	AUTO_FD int dir = -1;
	uint64_t live = 0;
	struct err told;
	size_t n = 0;

	TRY(generation_current(root, name, &live, e));
	TRY(place_open(root, PLACE_ARCHIVE, name, &dir, e));
	if (dir < 0 || live == 0)
		return 0;
	(void)remove_old(dir, &told); /* that it cannot be has been said */
	TRY(list_numbers(dir, &numbers, &n, e));
	while (n > 0 && numbers[n - 1] >= live)
		n--;
	keep -= keep > 0; /* the live one is one of those */
	if (remove_numbers(dir, numbers, n > keep ? n - keep : 0, held, e) < 0)
		return err_wrap(e,
				"prune %s: not all of it can be removed, the next "
				"renewal tries again",
				name);
	return 0;
}

int generation_forget(int root, const char *name, struct err *e)
{
	AUTO_FD int archive = -1, dir = -1;

	TRY(place_open(root, PLACE_ARCHIVE, name, &dir, e));
	TRY(forget_link(root, name, e));
	if (dir < 0)
		return 0;
	if (forget_numbers(dir, e) < 0)
		return err_wrap(e, "forget %s", name);
	TRY(file_open_dir(root, PLACE_ARCHIVE, &archive, e));
	TRY(file_remove_dir(archive, name, e));
	if (fsync(archive) < 0)
		return err_sys(e, "sync " PLACE_ARCHIVE);
	return 0;
}

int generation_sweep(int root, const char *name, struct err *e)
{
	AUTO_FD int live = -1, dir = -1;
	char next[NAME_MAX + 1];

	TRY(place_open(root, PLACE_ARCHIVE, name, &dir, e));
	if (dir >= 0) {
		TRY(file_remove_dir(dir, PLACE_STAGE, e));
		(void)remove_old(dir, e); /* that it cannot be has been said */
	}
	next_name(next, name);
	TRY(file_open_dir(root, PLACE_LIVE, &live, e));
	return remove_link(live, next, e);
}

int generation_open(int root, const char *name, uint64_t number, int *dir,
		    struct err *e)
{
	char path[TARGET_LEN];

	TRY(place_check(name, e));
	target_of(path, name, number);
	if (file_enter_dir(root, path + strlen("../"), dir, e) == 0)
		return 0;
	if (e->sysno != ENOENT)
		return e->code;
	return err_set(e, ERR_CONFIG, "%s has no generation %" PRIu64, name, number);
}
