/*
 * replay: what libFuzzer's main() does with files, for builds without it: each file, and
 * each file of each folder, is one input of the target that this is linked to.
 *
 *     replay PATH...
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/mem.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX (1 << 20)

/* 0: it cannot be read. */
static unsigned one(const char *path)
{
	AUTO_FREE uint8_t *all = xcalloc(1, INPUT_MAX), *data = NULL;
	FILE *f = fopen(path, "r");
	size_t len;

	if (f == NULL) {
		perror(path);
		return 0;
	}
	len = fread(all, 1, INPUT_MAX, f);
	fclose(f);
	data =
	    xcalloc(1, len + (len == 0)); /* so that what is read behind it is seen */
	memcpy(data, all, len);
	LLVMFuzzerTestOneInput(data, len);
	return 1;
}

static unsigned folder(const char *path)
{
	struct dirent **entries = NULL;
	const int n = scandir(path, &entries, NULL, alphasort);
	unsigned ran = 0;

	for (int i = 0; i < n; i++) {
		AUTO_FREE char *file = xasprintf("%s/%s", path, entries[i]->d_name);

		if (entries[i]->d_name[0] != '.')
			ran += one(file);
		free(entries[i]);
	}
	free(entries);
	return ran;
}

int main(int argc, char **argv)
{
	unsigned ran = 0;

	for (int i = 1; i < argc; i++) {
		struct stat st = { 0 };

		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
			ran += folder(argv[i]);
		else
			ran += one(argv[i]);
	}
	printf("%u inputs\n", ran);
	return ran > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
