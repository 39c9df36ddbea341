#include "agent/command/commands.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acme/account.h"
#include "agent/role/reason.h"
#include "agent/role/roles.h"
#include "base/auto.h"
#include "base/mem.h"
#include "base/text.h"

#define SPAN   "SPAN"
#define LONG_S (36500 * INT64_C(86400)) /* nobody waits longer */

static bool take_wait(struct request *r, const char *value)
{
	if (!text_span(value, &r->wait_s))
		return false;
	if (r->wait_s > LONG_S)
		r->wait_s = LONG_S;
	return true;
}

static bool take_warn(struct request *r, const char *value)
{
	return text_span(value, &r->warn_s);
}

static bool take_crit(struct request *r, const char *value)
{
	return text_span(value, &r->crit_s);
}

static bool take_days(struct request *r, const char *value)
{
	uint64_t days;

	if (!text_u64(value, 36500, &days))
		return false;
	r->days = (int64_t)days;
	return true;
}

static bool take_password_file(struct request *r, const char *value)
{
	r->secret = value;
	return true;
}

static bool take_reason(struct request *r, const char *value)
{
	return reason_read(value, &r->reason);
}

enum option {
	OPTION_FORCE,
	OPTION_ALL,
	OPTION_DRY_RUN,
	OPTION_WAIT,
	OPTION_JSON,
	OPTION_WATCH,
	OPTION_CHECK,
	OPTION_WARN,
	OPTION_CRIT,
	OPTION_DAYS,
	OPTION_REASON,
	OPTION_REPLACE,
	OPTION_BY_KEY,
	OPTION_YES,
	OPTION_PASSWORD_FILE,
	OPTION_UPDATE,
	OPTION_ONLINE,
	OPTION_LOG,
	OPTIONS,
};

static const struct command_option options[OPTIONS] = {
	[OPTION_FORCE] = { "--force", NULL, "now, though it is not due", REQUEST_FORCE,
			   NULL, NULL },
	[OPTION_ALL] = { "--all", NULL, "with --force: all certificates", REQUEST_ALL,
			 NULL, NULL },
	[OPTION_DRY_RUN] = { "--dry-run", NULL,
			     "say what would be done, change nothing", REQUEST_DRY_RUN,
			     NULL, NULL },
	[OPTION_WAIT] = { "--wait", SPAN, "how long to wait for a CA (5m)", 0,
			  take_wait, NULL },
	[OPTION_JSON] = { "--json", NULL, "print one JSON document", REQUEST_JSON, NULL,
			  NULL },
	[OPTION_WATCH] = { "--watch", NULL, "again whenever it changes, until q",
			   REQUEST_WATCH, NULL, NULL },
	[OPTION_CHECK] = { "--check", NULL,
			   "one line and an exit status for monitoring", REQUEST_CHECK,
			   NULL, NULL },
	[OPTION_WARN] = { "--warn", SPAN, "with --check: warn when less is left", 0,
			  take_warn, NULL },
	[OPTION_CRIT] = { "--crit", SPAN, "with --check: critical when less is left", 0,
			  take_crit, NULL },
	[OPTION_DAYS] = { "--days", "N", "only what happens in the next N days", 0,
			  take_days, NULL },
	[OPTION_REASON] = { "--reason", "REASON",
			    "why, as in RFC 5280 5.3.1: superseded, ..., or a number",
			    0, take_reason, reason_words },
	[OPTION_REPLACE] = { "--replace", NULL,
			     "first get and install a new one, with a new key",
			     REQUEST_REPLACE, NULL, NULL },
	[OPTION_BY_KEY] = { "--by-key", NULL,
			    "sign with the certificate's key, not the account's",
			    REQUEST_BY_KEY, NULL, NULL },
	[OPTION_YES] = { "--yes", NULL, "deactivate without asking", REQUEST_YES, NULL,
			 NULL },
	[OPTION_PASSWORD_FILE] = { "--password-file", "FILE",
				   "its first line opens what is encrypted", 0,
				   take_password_file, NULL },
	[OPTION_UPDATE] = { "--update", NULL, "look for newer ones now", REQUEST_UPDATE,
			    NULL, NULL },
	[OPTION_ONLINE] = { "--online", NULL,
			    "also whether CAs answer, and what they will find in DNS",
			    REQUEST_ONLINE, NULL, NULL },
	[OPTION_LOG] = { "--log", NULL, "only what is wrong, a line of a log each",
			 REQUEST_LOG, NULL, NULL },
};

static int take_rollback(struct request *r, int argc, char **argv)
{
	r->n_names = 1;
	if (argc == 1 ||
	    (text_u64(argv[1], UINT64_MAX, &r->generation) && r->generation != 0))
		return 0;
	fprintf(stderr,
		"everleaf: rollback: \"%s\" is not the number of a generation\n",
		argv[1]);
	return EXIT_USAGE;
}

/* A CSR is read by the caller, with the caller's rights; "-" is standard input. */
static int read_csr(struct request *r, const char *path)
{
	AUTO_FD int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO)
						: open(path, O_RDONLY | O_CLOEXEC);
	AUTO_FREE char *text = xcalloc(LIMIT_REQUEST_INPUT + 1, 1);
	size_t len = 0;
	ssize_t n = 1;

	while (fd >= 0 && n > 0 && len <= LIMIT_REQUEST_INPUT) {
		n = read(fd, text + len, LIMIT_REQUEST_INPUT + 1 - len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (len > 0 && len <= LIMIT_REQUEST_INPUT) {
		r->input = TAKE(text); /* command_done() */
		return 0;
	}
	fprintf(stderr, "everleaf: %s: cannot be read as a CSR (at most %d bytes)\n",
		path, LIMIT_REQUEST_INPUT);
	return EXIT_USAGE;
}

static int take_account(struct request *r, int argc, char **argv)
{
	static const char *const words[ACCOUNT_STEPS] = {
		[ACCOUNT_SHOW] = "show",
		[ACCOUNT_REGISTER] = "register",
		[ACCOUNT_UPDATE] = "update",
		[ACCOUNT_ROLLOVER] = "rollover",
		[ACCOUNT_DEACTIVATE] = "deactivate",
	};

	(void)argc;
	r->n_names = 1;
	for (r->step = 0; r->step < ACCOUNT_STEPS; r->step++)
		if (strcmp(argv[1], words[r->step]) == 0)
			return 0;
	fprintf(stderr, "everleaf: account: expected ISSUER show, register, update, "
			"rollover or deactivate\n");
	return EXIT_USAGE;
}

static int take_ca(struct request *r, int argc, char **argv)
{
	static const struct {
		const char *word;
		int argc;
		enum command command;
	} actions[] = {
		{ "init", 2, COMMAND_CA_INIT },         { "sign", 3, COMMAND_CA_SIGN },
		{ "revoke", 3, COMMAND_CA_REVOKE },     { "crl", 2, COMMAND_CA_CRL },
		{ "rollover", 2, COMMAND_CA_ROLLOVER },
	};

	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		if (strcmp(argv[1], actions[i].word) != 0 || argc != actions[i].argc)
			continue;
		r->command = actions[i].command;
		r->n_names = 1;
		if (r->command == COMMAND_CA_REVOKE)
			r->names[r->n_names++] = argv[2];
		return r->command == COMMAND_CA_SIGN ? read_csr(r, argv[2]) : 0;
	}
	fprintf(stderr, "everleaf: ca: expected NAME init, NAME sign CSR, NAME revoke "
			"SERIAL, NAME crl or NAME rollover\n");
	return EXIT_USAGE;
}

#define BIT(option) (1u << (option))

static const struct command_row rows[] = {
	{ "agent", "", "watch and renew until stopped, in the foreground", NULL,
	  COMMAND_AGENT, 0, 0, 0, NULL },
	{ "renew", "[NAME...]", "do what is due now, then stop",
	  "With --force also the named ones that are not due (or --all). Exit status 1 "
	  "if\n"
	  "any certificate could not be brought to what the configuration asks for.\n",
	  COMMAND_RENEW, 0, LIMIT_REQUEST_NAMES,
	  BIT(OPTION_FORCE) | BIT(OPTION_ALL) | BIT(OPTION_DRY_RUN) | BIT(OPTION_WAIT) |
	      BIT(OPTION_JSON),
	  NULL },
	{ "status", "[NAME...]", "show each certificate, its state and what comes next",
	  "With --check: one line, exit status 0, 1 (warning) or 2 (critical).\n",
	  COMMAND_STATUS, 0, LIMIT_REQUEST_NAMES,
	  BIT(OPTION_JSON) | BIT(OPTION_WATCH) | BIT(OPTION_CHECK) | BIT(OPTION_WARN) |
	      BIT(OPTION_CRIT),
	  NULL },
	{ "plan", "", "say what will be done, when and why; change nothing", NULL,
	  COMMAND_PLAN, 0, 0, BIT(OPTION_DAYS) | BIT(OPTION_JSON), NULL },
	{ "check", "", "find every mistake in the configuration",
	  "With --online: exit status 1 if a CA does not answer, a name has no address "
	  "where\none is needed, or CAA records do not let its CA issue.\n",
	  COMMAND_CHECK, 0, 0, BIT(OPTION_ONLINE), NULL },
	{ "history", "[NAME...]", "show what happened", NULL, COMMAND_HISTORY, 0,
	  LIMIT_REQUEST_NAMES, BIT(OPTION_JSON), NULL },
	{ "rollback", "NAME [GENERATION]",
	  "make an earlier generation live and run the hooks",
	  "It stands until the next renewal moment.\n", COMMAND_ROLLBACK, 1, 2, 0,
	  take_rollback },
	{ "forget", "NAME", "drop what is kept of a certificate no longer configured",
	  NULL, COMMAND_FORGET, 1, 1, 0, NULL },
	{ "ca", "ISSUER init|sign CSR|revoke SERIAL|crl|rollover",
	  "the embedded CA of an issuer of type \"local\"",
	  "sign and crl print PEM. CSR is a file, - for standard input. rollover makes "
	  "the\nnext root key, that signs from a day later; with --force, at once.\n",
	  COMMAND_NONE, 2, 3, BIT(OPTION_REASON) | BIT(OPTION_FORCE), take_ca },
	{ "account", "ISSUER show|register|update|rollover|deactivate",
	  "the account at an ACME issuer",
	  "update tells the CA the contacts of the configuration; rollover gives the "
	  "account\n"
	  "a new key; deactivate gives it up for ever.\n",
	  COMMAND_ACCOUNT, 2, 2, BIT(OPTION_YES), take_account },
	{ "revoke", "NAME", "revoke the live certificate at its CA",
	  "Without --replace it stays live, and is replaced by the next run.\n",
	  COMMAND_REVOKE, 1, 1,
	  BIT(OPTION_REASON) | BIT(OPTION_REPLACE) | BIT(OPTION_BY_KEY), NULL },
	{ "inspect", "FILE|HOST:PORT|URL...",
	  "explain files and endpoints: certificates, keys, chains, ...",
	  "What is in them, what belongs together, what is wrong and what to do. FILE: "
	  "PEM,\nDER or PKCS#12, - for standard input. URL: https://, smtp://, "
	  "ldap://, "
	  "... Exit\nstatus 1 if anything is wrong. Needs no configuration.\n",
	  COMMAND_INSPECT, 1, LIMIT_INSPECT_FILES,
	  BIT(OPTION_JSON) | BIT(OPTION_LOG) | BIT(OPTION_PASSWORD_FILE), NULL },
	{ "crl", "[NAME...]", "show the CRLs that are watched, or fetch them now",
	  "Exit status 1 if one is missing, old, or could not be looked for.\n",
	  COMMAND_CRL, 0, LIMIT_REQUEST_NAMES, BIT(OPTION_UPDATE) | BIT(OPTION_JSON),
	  NULL },
	{ "version", "", "the version, and those of the libraries", NULL, COMMAND_NONE,
	  0, 0, 0, NULL },
	{ "complete", "WORD...", "what may come next, for the completion of the shells",
	  NULL, COMMAND_NONE, 0, LIMIT_REQUEST_NAMES, 0, NULL },
	{ "help", "[COMMAND]", "this list, or more about one command", NULL,
	  COMMAND_NONE, 0, 1, 0, NULL },
};

_Static_assert(OPTIONS == COMMAND_OPTIONS, "commands.h");

#define N_ROWS (sizeof(rows) / sizeof(*rows))

const struct command_row *command_called(const char *word)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if (strcmp(rows[i].word, word) == 0)
			return &rows[i];
	return NULL;
}

const struct command_row *command_at(size_t i)
{
	return i < N_ROWS ? &rows[i] : NULL;
}

const struct command_option *command_option_at(const struct command_row *row, size_t i)
{
	return (row->options & BIT(i)) != 0 ? &options[i] : NULL;
}

const struct command_option *command_option_called(const struct command_row *row,
						   const char *word)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if ((row->options & BIT(i)) != 0 && strcmp(options[i].word, word) == 0)
			return &options[i];
	return NULL;
}

void commands_help(FILE *to)
{
	fputs("usage: everleaf [-c FILE] [-v|-q] COMMAND [ARGUMENT...]\n\n", to);
	for (size_t i = 0; i < N_ROWS; i++)
		fprintf(to, "  %-9s %s\n", rows[i].word, rows[i].help);
	fputs("\n  -c FILE   the configuration (/etc/everleaf/everleaf.conf)\n"
	      "  -v, -q    say more, say only what is wrong\n\n"
	      "These options come before the command, its own behind it.\n"
	      "Manual: everleaf(8), everleaf.conf(5), everleaf-hooks(7)\n",
	      to);
}

static void usage(FILE *to, const struct command_row *row)
{
	fprintf(to, "usage: everleaf %s%s%s%s\n", row->word,
		row->arguments[0] == '\0' ? "" : " ", row->arguments,
		row->options == 0 ? "" : " [OPTION...]");
}

void command_help(FILE *to, const struct command_row *row)
{
	usage(to, row);
	fprintf(to, "\n%s\n", row->help);
	if (row->more != NULL)
		fprintf(to, "%s", row->more);
	if (row->options != 0)
		fputc('\n', to);
	for (unsigned i = 0; i < OPTIONS; i++) {
		char left[32];

		if ((row->options & BIT(i)) == 0)
			continue;
		snprintf(left, sizeof(left), "%s%s%s", options[i].word,
			 options[i].value == NULL ? "" : " ",
			 options[i].value == NULL ? "" : options[i].value);
		fprintf(to, "  %-20s %s\n", left, options[i].help);
	}
}

static void not_a_value(const struct command_row *row, const struct command_option *o,
			const char *value)
{
	fprintf(stderr, "everleaf: %s: %s: found \"%s\", expected %s%s", row->word,
		o->word, value, o->value,
		strcmp(o->value, SPAN) == 0 ? ", such as 14d, 12h or 5m" : "");
	for (size_t i = 0; o->values != NULL && o->values[i] != NULL; i++)
		fprintf(stderr, "%s%s", i == 0 ? " (" : ", ", o->values[i]);
	fprintf(stderr, "%s; see everleaf help %s\n", o->values != NULL ? ")" : "",
		row->word);
}

/* Those of the whole program stand elsewhere. */
static void unknown_option(const struct command_row *row, const char *word)
{
	static const char *const before[] = { "-c", "-v", "-q" };

	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		if (strcmp(word, before[i]) != 0)
			continue;
		fprintf(stderr,
			"everleaf: %s: %s comes before the command: everleaf %s%s %s\n",
			row->word, word, word, i == 0 ? " FILE" : "", row->word);
		return;
	}
	fprintf(stderr, "everleaf: %s: unknown option %s; see everleaf help %s\n",
		row->word, word, row->word);
}

/* One option with its value: "--wait 5m" or "--wait=5m". Returns how many words it took,
 * 0: it is wrong. */
static int parse_option(const struct command_row *row, int argc, char **argv,
			struct request *r)
{
	const size_t len = strcspn(argv[0], "=");
	AUTO_FREE char *word = xasprintf("%.*s", (int)len, argv[0]);
	const bool has_value = argv[0][len] == '=';
	const struct command_option *o = command_option_called(row, word);
	const char *value = has_value ? argv[0] + len + 1 : argc > 1 ? argv[1] : "";

	if (o == NULL || (has_value && o->take == NULL)) {
		unknown_option(row, argv[0]);
		return 0;
	}
	r->flags |= o->flag;
	if (o->take == NULL || o->take(r, value))
		return o->take == NULL || has_value ? 1 : 2;
	not_a_value(row, o, value);
	return 0;
}

static int check_request(const struct command_row *row, size_t n, struct request *r)
{
	const char *wrong = NULL;

	if (n < row->min)
		wrong = "something is missing";
	if (n > row->max)
		wrong = "too many arguments";
	if ((r->flags & REQUEST_FORCE) != 0 && n == 0 && (r->flags & REQUEST_ALL) == 0)
		wrong = "--force needs the names of certificates, or --all";
	if ((r->flags & REQUEST_ALL) != 0 && n > 0)
		wrong = "either names or --all";
	if ((r->flags & REQUEST_JSON) != 0 && (r->flags & REQUEST_LOG) != 0)
		wrong = "either --json or --log";
	if ((r->warn_s >= 0 || r->crit_s >= 0) && (r->flags & REQUEST_CHECK) == 0)
		wrong = "--warn and --crit need --check";
	if (r->warn_s >= 0 && r->warn_s < r->crit_s)
		wrong = "--warn is less than --crit, and would never warn";
	if (wrong == NULL)
		return 0;
	fprintf(stderr, "everleaf: %s: %s\n", row->word, wrong);
	usage(stderr, row);
	return EXIT_USAGE;
}

int command_parse(const struct command_row *row, int argc, char **argv,
		  struct request *r)
{
	AUTO_FREE char **words = xcalloc((size_t)argc + 1, sizeof(char *));
	bool more = true; /* options: until "--" */
	int n = 0;
	int rc;

	r->command = row->command;
	r->wait_s = 300;
	r->warn_s = r->crit_s = r->days = -1;
	for (int i = 0; i < argc;) {
		int took = 1;

		if (more && strcmp(argv[i], "--") == 0)
			more = false;
		else if (more && argv[i][0] == '-' && argv[i][1] != '\0')
			took = parse_option(row, argc - i, argv + i, r);
		else
			words[n++] = argv[i]; /* "-" is a file */
		if (took == 0)
			return EXIT_USAGE;
		i += took;
	}
	r->names = xcalloc((size_t)n + 1, sizeof(*r->names));
	for (int i = 0; i < n; i++)
		r->names[r->n_names++] = words[i];
	rc = check_request(row, (size_t)n, r);
	if (rc == 0 && row->take != NULL)
		rc = row->take(r, n, words);
	return rc;
}

void command_done(struct request *r)
{
	free(r->names);
	free((void *)(uintptr_t)r->input);
	*r = (struct request){ 0 };
}
