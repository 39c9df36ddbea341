/*
 * complete: what may come next on a command line, for the completion of the shells.
 *
 * `everleaf complete WORD...` gets the words of the line so far without the program's own;
 * the last one, perhaps empty, is the one to be completed. It prints what that may become,
 * a line each, a tab and what it means behind it. Commands, options and fixed words come
 * from the table that runs them (commands.h), certificates and issuers from the
 * configuration, which is read as `check` does and asks nobody. COMPLETE_FILE alone says
 * that a file is wanted, which the shell knows how to find.
 */
#pragma once

#include <stdbool.h>

struct spec;

#define COMPLETE_FILE "<file>"

/* Names in the configuration. */
enum complete_names {
	COMPLETE_NONE,
	COMPLETE_CERTS,
	COMPLETE_CRLS,
	COMPLETE_ACCOUNTS, /* issuers that have one */
	COMPLETE_CAS,      /* issuers that are ours */
};

/* What is wanted of the configuration `config` (borrowed from argv, NULL: the usual one)
 * to complete `word`. */
struct completion {
	enum complete_names names;
	const char *config;
	const char *word;
};

/* argv: the words, the one to be completed last. Prints what needs no configuration. */
struct completion complete(int argc, char **argv);

/* Print the names that `word` may become. */
void complete_names(const struct spec *s, enum complete_names names, const char *word);
