/* everleaf: the command line, and the supervisor. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/command/commands.h"
#include "agent/command/complete.h"
#include "agent/command/confirm.h"
#include "agent/role/log.h"
#include "agent/role/output.h"
#include "agent/role/roles.h"
#include "agent/role/version.h"
#include "agent/super/follow.h"
#include "agent/super/super.h"
#include "base/auto.h"
#include "base/mem.h"

static char *default_config(void)
{
	const char *dir = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");

	if (geteuid() == 0)
		return xstrdup("/etc/everleaf/everleaf.conf");
	if (dir != NULL && dir[0] == '/')
		return xasprintf("%s/everleaf/everleaf.conf", dir);
	return xasprintf("%s/.config/everleaf/everleaf.conf", home == NULL ? "" : home);
}

static int run_help(int argc, char **argv)
{
	const struct command_row *row = argc > 0 ? command_called(argv[0]) : NULL;

	if (argc > 0 && row == NULL) {
		fprintf(stderr, "everleaf: there is no command \"%s\"\n", argv[0]);
		return EXIT_USAGE;
	}
	if (row == NULL)
		commands_help(stdout);
	else
		command_help(stdout, row);
	return EXIT_SUCCESS;
}

/* The libraries are in the roles, most of them in the agent. */
static int run_version(void)
{
	AUTO_FREE char *folder = super_programs();
	AUTO_FREE char *agent = xasprintf(ROLE_PROGRAM, folder, role_name(ROLE_AGENT));

	printf("everleaf %s\n", EVERLEAF_VERSION);
	fflush(stdout);
	execl(agent, agent, VERSION_WORD, (char *)NULL);
	fprintf(stderr, "everleaf: %s: %s\n", agent, strerror(errno));
	return EXIT_FAILURE;
}

/* Nothing is wrong with a line that is not complete. */
static int run_complete(const char *config, int argc, char **argv)
{
	const struct completion want = complete(argc, argv);
	const char *named = want.config != NULL ? want.config : config;
	AUTO_FREE char *path = named == NULL ? default_config() : xstrdup(named);
	const char *names[] = { want.word };
	const struct request r = { .command = COMMAND_CHECK,
				   .flags = REQUEST_NAMES,
				   .step = want.names,
				   .names = names,
				   .n_names = 1 };

	if (want.names != COMPLETE_NONE)
		supervise(&r, path);
	return EXIT_SUCCESS;
}

static bool asks_for_help(char **argv)
{
	for (; *argv != NULL && strcmp(*argv, "--") != 0; argv++)
		if (strcmp(*argv, "--help") == 0 || strcmp(*argv, "-h") == 0)
			return true;
	return false;
}

static int run_command(const char *config, unsigned flags, int argc, char **argv)
{
	const struct command_row *row = command_called(argv[0]);
	AUTO_FREE char *path = config == NULL ? default_config() : xstrdup(config);
	struct request r = { .flags = flags };
	int rc;

	if (row == NULL) {
		fprintf(stderr, "everleaf: there is no command \"%s\"\n\n", argv[0]);
		commands_help(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(row->word, "help") == 0)
		return run_help(argc - 1, argv + 1);
	if (strcmp(row->word, "complete") == 0)
		return run_complete(config, argc - 1, argv + 1);
	if (asks_for_help(argv + 1))
		return run_help(1, argv);
	rc = command_parse(row, argc - 1, argv + 1, &r);
	if (rc == 0 && strcmp(row->word, "version") == 0)
		rc = run_version();
	else if (rc == 0 && (r.flags & REQUEST_WATCH) != 0)
		rc = follow(&r, path);
	else if (rc == 0)
		rc = confirm(&r, STDIN_FILENO) ? supervise(&r, path) : EXIT_USAGE;
	command_done(&r);
	return rc;
}

static unsigned terminal_flags(void)
{
	const char *no_color = getenv("NO_COLOR");

	if (!isatty(STDOUT_FILENO))
		return 0;
	if (no_color != NULL && no_color[0] != '\0')
		return REQUEST_TTY;
	return REQUEST_TTY | REQUEST_COLOR;
}

/* getopt(3) has said which. */
static int wrong_option(void)
{
	fputs("see everleaf help\n", stderr);
	return EXIT_USAGE;
}

/* What is closed would be the first thing that is opened: it is something that can neither
 * be written to nor has anything in it. */
static void close_gaps(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static const struct option long_options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static int run(int argc, char **argv)
{
	const char *config = NULL;
	unsigned flags = terminal_flags();
	int c;

	while ((c = getopt_long(argc, argv, "+c:vqh", long_options, NULL)) != -1) {
		if (c == 'c')
			config = optarg;
		else if (c == 'v')
			flags |= REQUEST_VERBOSE;
		else if (c == 'q')
			flags |= REQUEST_QUIET;
		else if (c == 'h')
			return run_help(0, NULL);
		else if (c == 'V')
			return run_version();
		else
			return wrong_option();
	}
	log_setup(LOG_TEXT,
		  (flags & REQUEST_VERBOSE) != 0 ? LEVEL_DEBUG
		  : (flags & REQUEST_QUIET) != 0 ? LEVEL_ERROR
						 : LEVEL_INFO,
		  "supervisor");
	if (optind >= argc) {
		commands_help(stderr);
		return EXIT_USAGE;
	}
	return run_command(config, flags, argc - optind, argv + optind);
}

int main(int argc, char **argv)
{
	close_gaps();
	output_begin();
	signal(SIGPIPE, SIG_IGN); /* who reads no more ends nothing that was begun */
	return role_printed(run(argc, argv), true);
}
