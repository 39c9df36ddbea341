/*
 * replay: what libFuzzer's main() does with files, for builds without it: each file, and
 * each file of each folder, is one input of the target that this is linked to.
 *
 *     replay [--in KIND] PATH...
 *
 * With KIND (agent, keeper, ...) all is done in the sandbox of such a role, as which the
 * first input has been taken once before, to set up what roles set up: a call that the role
 * may not make ends it with SIGSYS.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/sandbox.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX (1 << 20)

struct input {
	uint8_t *
	    data; /* owned; no longer than it is, so that what is read behind is seen */
	size_t len;
};

struct inputs {
	struct input *all; /* owned */
	size_t n;
};

static void add(struct inputs *in, const char *path)
{
	AUTO_FREE uint8_t *all = xcalloc(1, INPUT_MAX);
	FILE *f = fopen(path, "r");
	struct input *i;

	if (f == NULL) {
		perror(path);
		return;
	}
	in->all = xrealloc(in->all, in->n + 1, sizeof(*in->all));
	i = &in->all[in->n++];
	i->len = fread(all, 1, INPUT_MAX, f);
	fclose(f);
	i->data = xcalloc(1, i->len + (i->len == 0));
	memcpy(i->data, all, i->len);
}

static void add_folder(struct inputs *in, const char *path)
{
	struct dirent **entries = NULL;
	const int n = scandir(path, &entries, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		AUTO_FREE char *file = xasprintf("%s/%s", path, entries[i]->d_name);

		if (entries[i]->d_name[0] != '.')
			add(in, file);
		free(entries[i]);
	}
	free(entries);
}

static int enter(const char *kind, struct err *e)
{
	static const char *const kinds[SANDBOX_KINDS] = {
		[SANDBOX_CONFIG] = "config",       [SANDBOX_AGENT] = "agent",
		[SANDBOX_KEEPER] = "keeper",       [SANDBOX_WORKER] = "worker",
		[SANDBOX_RESPONDER] = "responder",
	};
	struct sandbox box = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
	unsigned missing;

	while (box.kind < SANDBOX_KINDS && strcmp(kinds[box.kind], kind) != 0)
		box.kind++;
	if (box.kind == SANDBOX_KINDS)
		return err_set(e, ERR_CONFIG, "no sandbox is called %s", kind);
	return sandbox_enter(&box, &missing, e);
}

int main(int argc, char **argv)
{
	const char *kind = argc > 2 && strcmp(argv[1], "--in") == 0 ? argv[2] : NULL;
	struct inputs in = { .n = 0 };
	struct err e;

	for (int i = kind == NULL ? 1 : 3; i < argc; i++) {
		struct stat st = { 0 };

		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
			add_folder(&in, argv[i]);
		else
			add(&in, argv[i]);
	}
	printf("%zu inputs\n", in.n);
	fflush(stdout);
	if (kind != NULL && in.n > 0) {
		LLVMFuzzerTestOneInput(in.all[0].data, in.all[0].len);
		if (enter(kind, &e) < 0) {
			fprintf(stderr, "%s\n", e.text);
			return EXIT_FAILURE;
		}
	}
	for (size_t i = 0; i < in.n; i++) {
		LLVMFuzzerTestOneInput(in.all[i].data, in.all[i].len);
		free(in.all[i].data);
	}
	free(in.all);
	return in.n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
