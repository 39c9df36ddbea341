/* cli: a command line, a word in each line of the input. What is wrong is said on stderr,
 * which goes nowhere; what is right passes to the roles as it is. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/command/commands.h"
#include "agent/command/complete.h"
#include "base/auto.h"
#include "base/msg.h"
#include "tests/fuzz/fuzz.h"

#define WORDS 40

static void pass_on(const struct request *r)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct request got;

	assert(r->command <= COMMANDS && r->n_names <= WORDS);
	if (r->command == COMMANDS)
		return;
	msg_begin(&m, 1, 1);
	request_put(&m, r);
	assert(!m.broken);
	request_get(&m, &got);
	assert(!m.broken && m.at == m.len && got.n_names == r->n_names);
	assert(got.flags == r->flags && got.generation == r->generation);
	for (size_t i = 0; i < r->n_names; i++)
		assert(strcmp(got.names[i], r->names[i]) == 0);
	request_done(&got);
}

static void parse(int argc, char **argv)
{
	const struct command_row *row = command_called(argv[0]);
	struct request r = { .flags = 0 };

	(void)complete(argc, argv);
	if (row == NULL)
		return;
	if (command_parse(row, argc - 1, argv + 1, &r) == 0)
		pass_on(&r);
	command_done(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	FILE *const out = stdout, *const err = stderr;
	FILE *nowhere = fopen("/dev/null", "w");
	struct fuzz f = { data, len };
	char *argv[WORDS + 1] = { NULL };
	int argc = 0;

	while (argc < WORDS && f.len > 0)
		argv[argc++] = fuzz_text(&f, '\n');
	stdout = stderr = nowhere;
	/* Files are not opened: some would wait. */
	if (argc > 0 && (len == 0 || memchr(data, '/', len) == NULL))
		parse(argc, argv);
	stdout = out;
	stderr = err;
	fclose(nowhere);
	while (argc > 0)
		free(argv[--argc]);
	return 0;
}
