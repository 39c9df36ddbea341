#include "agent/keeper/keeper_places.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/keeper/keeper_roots.h"
#include "agent/role/spec.h"
#include "base/auto.h"
#include "base/mem.h"

static void add_place(struct keeper_places *p, char *path, bool holds)
{
	if ((p->n & (p->n - 1)) == 0) /* grow at each power of two */
		p->places =
		    xrealloc(p->places, p->n == 0 ? 1 : p->n * 2, sizeof(*p->places));
	p->places[p->n++] = (struct keeper_place){ .path = path, .holds = holds };
}

static int by_path(const void *a, const void *b)
{
	const struct keeper_place *x = a;
	const struct keeper_place *y = b;
	const int order = strcmp(x->path, y->path);

	return order != 0 ? order : (int)y->holds - (int)x->holds;
}

/* Sorted, those that hold something before the same on the way: the first one counts. */
static void unique(struct keeper_places *p)
{
	size_t kept = 0;

	if (p->n > 0)
		qsort(p->places, p->n, sizeof(*p->places), by_path);
	for (size_t i = 0; i < p->n; i++)
		if (kept > 0 &&
		    strcmp(p->places[kept - 1].path, p->places[i].path) == 0)
			free(p->places[i].path);
		else
			p->places[kept++] = p->places[i];
	p->n = kept;
}

/* All folders on the way to those that are there, but for the root. */
static void add_ways(struct keeper_places *p)
{
	const size_t n = p->n;

	for (size_t i = 0; i < n; i++) {
		const char *path = p->places[i].path;

		for (size_t len = strlen(path); len > 1; len--)
			if (path[len - 1] == '/')
				add_place(p, xstrndup(path, len - 1), false);
	}
	unique(p);
}

static int by_file(const void *a, const void *b)
{
	const struct keeper_file *x = a;
	const struct keeper_file *y = b;

	return strcmp(x->path, y->path);
}

static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return xstrndup(path,
			slash == NULL || slash == path ? 1 : (size_t)(slash - path));
}

static void add_file(struct keeper_places *p, const struct spec *s,
		     const struct spec_file *f, uint32_t cert)
{
	const char *password = spec_text(s, f->password_file);

	p->files[p->n_files++] = (struct keeper_file){ spec_text(s, f->path), cert };
	add_place(p, spec_file_folder(s, f), true);
	if (password == NULL)
		return;
	p->files[p->n_files++] = (struct keeper_file){ password, cert };
	add_place(p, folder_of(password), true);
}

/* What a file with roots follows. */
static void add_anchors(struct keeper_places *p, const struct spec *s, uint32_t cert)
{
	const struct list issuers = s->certs[cert].issuers;

	for (uint32_t i = 0; i < issuers.n; i++) {
		const char *path = spec_anchors(s, s->numbers[issuers.first + i]);

		if (path == NULL)
			continue;
		p->files[p->n_files++] = (struct keeper_file){ path, cert };
		add_place(p, folder_of(path), true);
	}
}

void keeper_places_make(struct keeper_places *p, const struct spec *s)
{
	*p = (struct keeper_places){
		.files =
		    xcalloc(2 * (size_t)s->n[SPEC_FILES] + (size_t)s->n[SPEC_NUMBERS],
			    sizeof(*p->files)),
	};
	for (uint32_t i = 0; i < s->n[SPEC_CERTS]; i++) {
		const struct list files = s->certs[i].files;

		for (uint32_t k = 0; k < files.n; k++)
			add_file(p, s, &s->files[files.first + k], i);
		if (spec_holds_roots(s, &s->certs[i]))
			add_anchors(p, s, i);
	}
	for (uint32_t i = 0; i < s->n[SPEC_CRLS]; i++) {
		const struct list files = s->crls[i].files;

		for (uint32_t k = 0; k < files.n; k++)
			add_file(p, s, &s->files[files.first + k],
				 s->n[SPEC_CERTS] + i);
	}
	unique(p);
	add_ways(p);
	if (p->n_files > 0)
		qsort(p->files, p->n_files, sizeof(*p->files), by_file);
}

void keeper_places_done(struct keeper_places *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->places[i].path);
	free(p->places);
	free(p->files);
	*p = (struct keeper_places){ .n = 0 };
}

static void find(const struct keeper_places *p, const char *path,
		 void (*whose)(void *arg, uint32_t cert), void *arg)
{
	size_t low = 0, high = p->n_files;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (strcmp(p->files[mid].path, path) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < p->n_files && strcmp(p->files[low].path, path) == 0; low++)
		whose(arg, p->files[low].cert);
}

void keeper_places_find(const struct keeper_places *p, size_t i, const char *name,
			void (*whose)(void *arg, uint32_t cert), void *arg)
{
	const char *path = p->places[i].path;
	AUTO_FREE char *full = xasprintf("%s/%s", path, name);

	find(p, path, whose, arg); /* content "hashed": the folder is the file */
	find(p, full, whose, arg);
}

bool keeper_places_moved(struct keeper_place *place)
{
	const dev_t dev = place->dev;
	const ino_t ino = place->ino;
	struct stat st = { .st_dev = 0 };

	(void)stat(place->path, &st); /* none is another one, too */
	place->dev = st.st_dev;
	place->ino = st.st_ino;
	return st.st_dev != dev || st.st_ino != ino;
}
