/*
 * commands: the words of the command line. One table makes the help, checks the options
 * and fills the request; nothing else parses argv.
 */
#pragma once

#include <stdio.h>

#include "agent/role/request.h"

/* An option of some commands; `value` names what follows it, NULL: nothing. */
struct command_option {
	const char *word;
	const char *value;
	const char *help;
	unsigned flag; /* REQUEST_* that it sets */
	/* Take the value; false: it is not one. */
	bool (*take)(struct request *r, const char *value);
	const char *const *values; /* words it may be, NULL at the end; NULL: any */
};

struct command_row {
	const char *word;
	const char *arguments; /* "[NAME...]" */
	const char *help;      /* one line */
	const char *more;      /* what `help COMMAND` adds; NULL: nothing */
	enum command command;
	size_t min; /* arguments */
	size_t max;
	unsigned options; /* 1u << index in the table of options */
	/* Arguments that are not names; NULL: all are names of certificates. */
	int (*take)(struct request *r, int argc, char **argv);
};

#define COMMAND_NONE    COMMANDS /* help, version: done by main itself */
#define COMMAND_OPTIONS 18       /* in the table of options */

const struct command_row *command_called(const char *word); /* NULL: none is */
const struct command_row *command_at(size_t i);             /* NULL: no more */

/* The option number `i` < COMMAND_OPTIONS, or that of this name; NULL: the command has
 * it not. */
const struct command_option *command_option_at(const struct command_row *row, size_t i);
const struct command_option *command_option_called(const struct command_row *row,
						   const char *word);

void commands_help(FILE *to);
void command_help(FILE *to, const struct command_row *row);

/* Fill `r` from what follows the command's word. 0, or EXIT_USAGE with a line said. The
 * names are borrowed from argv; command_done() frees the rest in either case. */
int command_parse(const struct command_row *row, int argc, char **argv,
		  struct request *r);
void command_done(struct request *r);
