/*
 * json [PATH]: is standard input one JSON document (RFC 8259)? Prints what stands at PATH,
 * such as "certificates.0.name": a string as it is, anything else as JSON; the length of
 * an array or object for "certificates.#". Ends with 1 if it is not JSON or not there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

static const json_t *member(const json_t *at, const char *word)
{
	if (json_is_array(at))
		return json_array_get(at, strtoul(word, NULL, 10));
	return json_object_get(at, word);
}

static int print_length(const json_t *at)
{
	printf("%zu\n", json_is_array(at) ? json_array_size(at) : json_object_size(at));
	return EXIT_SUCCESS;
}

static int print(const json_t *at)
{
	if (json_is_string(at))
		puts(json_string_value(at));
	else if (json_dumpf(at, stdout, JSON_COMPACT | JSON_ENCODE_ANY) == 0)
		putchar('\n');
	return EXIT_SUCCESS;
}

static int find(const json_t *at, char *path)
{
	char *rest = path;
	char *word;

	while ((word = strsep(&rest, ".")) != NULL) {
		if (strcmp(word, "#") == 0)
			return print_length(at);
		at = member(at, word);
		if (at == NULL) {
			fprintf(stderr, "json: there is no \"%s\"\n", word);
			return EXIT_FAILURE;
		}
	}
	return print(at);
}

int main(int argc, char **argv)
{
	json_error_t error;
	json_t *root = json_loadf(stdin, JSON_REJECT_DUPLICATES, &error);
	int status = EXIT_SUCCESS;

	if (root == NULL) {
		fprintf(stderr, "json: line %d: %s\n", error.line, error.text);
		return EXIT_FAILURE;
	}
	if (argc > 1)
		status = find(root, argv[1]);
	json_decref(root);
	return status;
}
