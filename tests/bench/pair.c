/*
 * pair: what a command costs, alone or beside another one.
 *
 *     pair [-n N] [-x STATUS] [-1] [-m] NAME COMMAND [ARG...] [-- NAME COMMAND [ARG...]]
 *
 * Runs A B A B … N times (default 9) after one round that does not count (-1: once,
 * without one; and -n 5 behind it: so often without one), and prints a
 * row of a Markdown table for each: the medians of wall and CPU time in ms, the latter of
 * all processes that the command has waited for, and the largest resident set of any of
 * them; then the ratio of the first to the second. Pairs, so that a disk or a
 * machine that is busy for a while is busy for both. Ends with 1 if a run does not
 * end with STATUS (default 0; -1: any).
 *
 * With -m a run may be ended by timeout(1), status 124: it would have taken more. Where
 * that is so of the median, the row says "more than".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNS_MAX 1000
#define CUT      124 /* what timeout(1) ends with */

struct side {
	const char *name;
	char **argv;
	double wall[RUNS_MAX];
	double cpu[RUNS_MAX];
	long rss_kb;
	int cut; /* runs that were ended */
};

struct plan {
	int runs;
	int warm;   /* rounds before them that do not count */
	int status; /* that each run must end with; -1: any */
	bool more;  /* ... or 124 */
};

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double ms(struct timeval t)
{
	return (double)t.tv_sec * 1e3 + (double)t.tv_usec / 1e3;
}

static void run(struct side *s, const struct plan *p, int i)
{
	double begin = now_ms();
	struct rusage used;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 0);
		dup2(null, 1);
		if (getenv("PAIR_LOUD") == NULL)
			dup2(null, 2);
		execvp(s->argv[0], s->argv);
		_exit(127);
	}
	if (wait4(pid, &status, 0, &used) < 0 || !WIFEXITED(status) ||
	    WEXITSTATUS(status) == 127 ||
	    (p->status >= 0 && WEXITSTATUS(status) != p->status &&
	     !(p->more && WEXITSTATUS(status) == CUT))) {
		fprintf(stderr, "pair: %s: status %d\n", s->name, status >> 8);
		exit(1);
	}
	if (i < 0)
		return;
	s->wall[i] = now_ms() - begin;
	s->cut += WEXITSTATUS(status) == CUT;
	s->cpu[i] = ms(used.ru_utime) + ms(used.ru_stime);
	if (used.ru_maxrss > s->rss_kb)
		s->rss_kb = used.ru_maxrss;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof(*v), by_size);
	return n % 2 == 1 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* Those that were ended are the longest. */
static bool is_more(const struct side *s, const struct plan *p)
{
	return p->more && s->cut > 0 && s->cut * 2 >= p->runs;
}

static void print(struct side *sides, int n_sides, const struct plan *p)
{
	const int n = p->runs;

	for (int k = 0; k < n_sides; k++) {
		const char *more = is_more(&sides[k], p) ? "more than " : "";

		printf("| %s | %s%.1f | %s%.1f | %.1f |\n", sides[k].name, more,
		       median(sides[k].wall, n), more, median(sides[k].cpu, n),
		       (double)sides[k].rss_kb / 1024);
	}
	if (n_sides == 2) {
		const char *less = is_more(&sides[1], p) ? "less than " : "";

		printf("| ratio | %s%.2f | %s%.2f | |\n", less,
		       median(sides[0].wall, n) / median(sides[1].wall, n), less,
		       median(sides[0].cpu, n) / median(sides[1].cpu, n));
	}
}

static int usage(void)
{
	fputs("pair [-n N] [-x STATUS] [-1] [-m] NAME COMMAND... "
	      "[-- NAME COMMAND...]\n",
	      stderr);
	return 2;
}

static int options(int argc, char **argv, struct plan *p)
{
	int c;

	while ((c = getopt(argc, argv, "+n:x:1m")) != -1) {
		if (c == 'n')
			p->runs = (int)strtol(optarg, NULL, 10);
		else if (c == 'x')
			p->status = (int)strtol(optarg, NULL, 10);
		else if (c == '1')
			*p = (struct plan){ .runs = 1,
					    .status = p->status,
					    .more = p->more };
		else if (c == 'm')
			p->more = true;
		else
			return -1;
	}
	return argc - optind < 2 || p->runs < 1 || p->runs > RUNS_MAX ? -1 : 0;
}

int main(int argc, char **argv)
{
	static struct side sides[2];
	struct plan p = { .runs = 9, .warm = 1 };
	int n_sides = 1;

	if (options(argc, argv, &p) < 0)
		return usage();
	sides[0] = (struct side){ .name = argv[optind], .argv = argv + optind + 1 };
	for (int i = optind; i < argc - 2; i++)
		if (strcmp(argv[i], "--") == 0 && n_sides == 1) {
			argv[i] = NULL;
			sides[1].name = argv[i + 1];
			sides[1].argv = argv + i + 2;
			n_sides = 2;
		}
	for (int i = -p.warm; i < p.runs; i++)
		for (int k = 0; k < n_sides; k++)
			run(&sides[k], &p, i);
	print(sides, n_sides, &p);
	return 0;
}
