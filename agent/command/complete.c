#include "agent/command/complete.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/command/commands.h"
#include "agent/role/spec.h"
#include "base/auto.h"
#include "base/mem.h"

/* The words behind the command. */
struct line {
	const struct command_row *row;
	const char *words[3]; /* its first arguments, without options */
	size_t n;             /* arguments before `word` */
	const struct command_option
	    *value_of; /* `word` is its value; NULL: it is not */
	const char *word;
};

static void offer(const char *now, const char *word, const char *help)
{
	if (strncmp(word, now, strlen(now)) == 0)
		printf("%s\t%s\n", word, help);
}

static void offer_commands(const char *now)
{
	const struct command_row *row;

	for (size_t i = 0; (row = command_at(i)) != NULL; i++)
		offer(now, row->word, row->help);
}

static void offer_options(const struct line *l)
{
	const struct command_option *o;

	for (size_t i = 0; i < COMMAND_OPTIONS; i++)
		if ((o = command_option_at(l->row, i)) != NULL)
			offer(l->word, o->word, o->help);
}

static void offer_values(const struct line *l)
{
	const char *const *v = l->value_of->values;

	if (strcmp(l->value_of->value, "FILE") == 0)
		puts(COMPLETE_FILE);
	for (; v != NULL && *v != NULL; v++)
		offer(l->word, *v, "");
}

/* -- arguments, as the usage has them: "NAME [GENERATION]", "ISSUER show|update" -- */

static bool is_called(const char *at, size_t len, const char *name)
{
	return len >= strlen(name) && strncmp(at, name, strlen(name)) == 0;
}

/* "NAME", "[NAME...]", in capitals what it stands for. */
static enum complete_names offer_meant(const struct line *l, const char *at, size_t len)
{
	const size_t bracket = at[0] == '[';

	at += bracket;
	len -= bracket;
	if (is_called(at, len, "COMMAND"))
		offer_commands(l->word);
	if (is_called(at, len, "CSR") || is_called(at, len, "FILE"))
		puts(COMPLETE_FILE);
	if (is_called(at, len, "NAME"))
		return l->row->command == COMMAND_CRL ? COMPLETE_CRLS : COMPLETE_CERTS;
	if (is_called(at, len, "ISSUER"))
		return l->row->command == COMMAND_ACCOUNT ? COMPLETE_ACCOUNTS
							  : COMPLETE_CAS;
	return COMPLETE_NONE;
}

/* "init|sign CSR|crl": the words, or what follows the one that was chosen. */
static enum complete_names offer_choice(const struct line *l, const char *choices)
{
	enum complete_names names = COMPLETE_NONE;

	for (const char *at = choices; *at != '\0'; at += strspn(at, "|")) {
		const size_t all = strcspn(at, "|");
		const size_t first = strcspn(at, " |");
		AUTO_FREE char *word = xstrndup(at, first);

		if (l->n == 1 && islower((unsigned char)word[0]))
			offer(l->word, word, "");
		if (l->n == 2 && first < all && strcmp(word, l->words[1]) == 0)
			names = offer_meant(l, at + first + 1, all - first - 1);
		at += all;
	}
	return names;
}

static enum complete_names offer_arguments(const struct line *l)
{
	const char *arguments = l->row->arguments;
	const size_t first = strcspn(arguments, " ");
	const bool repeats = memchr(arguments, '.', first) != NULL;

	if (l->n == 0 || repeats)
		return offer_meant(l, arguments, first);
	return arguments[first] == '\0' ? COMPLETE_NONE
					: offer_choice(l, arguments + first + 1);
}

/* -- the line -- */

static void read_words(struct line *l, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		const struct command_option *o = command_option_called(l->row, argv[i]);

		if (o == NULL && l->n < sizeof(l->words) / sizeof(*l->words))
			l->words[l->n] = argv[i];
		l->n += o == NULL;
		if (o == NULL || o->take == NULL)
			continue;
		if (++i == argc)
			l->value_of = o;
	}
}

static enum complete_names offer_behind(const struct command_row *row, int argc,
					char **argv)
{
	struct line l = { .row = row, .word = argv[argc - 1] };

	read_words(&l, argc - 1, argv);
	if (l.value_of != NULL)
		offer_values(&l);
	else if (l.word[0] == '-')
		offer_options(&l);
	else
		return offer_arguments(&l);
	return COMPLETE_NONE;
}

struct completion complete(int argc, char **argv)
{
	struct completion want = { .names = COMPLETE_NONE };
	const struct command_row *row;
	int c, at = 0;

	if (argc == 0)
		return want;
	want.word = argv[argc - 1];
	/* As main does it; the last word is not complete. */
	while (at < argc - 1 && argv[at][0] == '-') {
		c = argv[at][1];
		if (c == 'c' && argv[at][2] == '\0' && at + 2 == argc) {
			puts(COMPLETE_FILE);
			return want;
		}
		if (c == 'c')
			want.config = argv[at][2] == '\0' ? argv[++at] : argv[at] + 2;
		at++;
	}
	if (at == argc - 1) {
		offer_commands(want.word);
		return want;
	}
	row = command_called(argv[at]);
	if (row != NULL)
		want.names = offer_behind(row, argc - at - 1, argv + at + 1);
	return want;
}

void complete_names(const struct spec *s, enum complete_names names, const char *word)
{
	const enum issuer_type type =
	    names == COMPLETE_CAS ? ISSUER_LOCAL : ISSUER_ACME;

	if (names == COMPLETE_CERTS)
		for (uint32_t i = 0; i < s->n[SPEC_CERTS]; i++)
			offer(word, spec_text(s, s->certs[i].name), "");
	else if (names == COMPLETE_CRLS)
		for (uint32_t i = 0; i < s->n[SPEC_CRLS]; i++)
			offer(word, spec_text(s, s->crls[i].name), "");
	else
		for (uint32_t i = 0; i < s->n[SPEC_ISSUERS]; i++)
			if (s->issuers[i].type == type)
				offer(word, spec_text(s, s->issuers[i].name), "");
}
