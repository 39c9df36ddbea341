/*
 * swap SECONDS all|folder|names FOLDER ELSEWHERE [NAME...]: for so long put into FOLDER, in
 * the place of each NAME and of the draft beside it, what leads elsewhere or never ends
 * ("names"), swap FOLDER itself with a link to ELSEWHERE and with another folder
 * ("folder"), or do both. In the end FOLDER is what it was, without those names. Says how
 * often it did what.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct place {
	const char *folder;
	const char *elsewhere;
	char link[1024];  /* to elsewhere */
	char other[1024]; /* a folder */
};

static void plant_link(const struct place *p, const char *at)
{
	char victim[2048];

	snprintf(victim, sizeof(victim), "%s/victim", p->elsewhere);
	(void)!symlink(victim, at);
}

static void plant_second_name(const struct place *p, const char *at)
{
	char victim[2048];

	snprintf(victim, sizeof(victim), "%s/victim", p->elsewhere);
	(void)!link(victim, at);
}

static void plant_fifo(const struct place *p, const char *at)
{
	(void)p;
	(void)!mkfifo(at, 0666);
}

/* One that swallows all, and one that never ends. Only root can. */
static void plant_device(const struct place *p, const char *at)
{
	(void)p;
	(void)!mknod(at, S_IFCHR | 0666, makedev(1, rand() % 2 == 0 ? 3 : 5));
}

static void plant_folder(const struct place *p, const char *at)
{
	(void)p;
	(void)!mkdir(at, 0777);
}

static void plant_file(const struct place *p, const char *at)
{
	int fd = open(at, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	(void)p;
	if (fd < 0)
		return;
	(void)!write(fd, "planted\n", 8);
	close(fd);
}

static void plant_socket(const struct place *p, const char *at)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)p;
	if (strlen(at) < sizeof(a.sun_path)) {
		memcpy(a.sun_path, at, strlen(at) + 1);
		(void)!bind(fd, (struct sockaddr *)&a, sizeof(a));
	}
	close(fd);
}

static void plant_nothing(const struct place *p, const char *at)
{
	(void)p;
	(void)at;
}

static void (*const plants[])(const struct place *p, const char *at) = {
	plant_link,   plant_second_name, plant_fifo,   plant_device,
	plant_folder, plant_file,        plant_socket, plant_nothing,
};

#define PLANTS (sizeof(plants) / sizeof(*plants))

/* Now and then for a while, so that others come by. */
static void wait_a_little(void)
{
	struct timespec t = { .tv_nsec = 1000L * (rand() % 2000) };

	if (rand() % 4 == 0)
		nanosleep(&t, NULL);
}

static void plant(const struct place *p, const char *name)
{
	char at[2048];

	snprintf(at, sizeof(at), rand() % 2 == 0 ? "%s/%s" : "%s/.%s.everleaf",
		 p->folder, name);
	(void)remove(at);
	plants[(size_t)rand() % PLANTS](p, at);
	wait_a_little();
}

static void exchange(const struct place *p)
{
	const char *with = rand() % 2 == 0 ? p->link : p->other;

	if (renameat2(AT_FDCWD, p->folder, AT_FDCWD, with, RENAME_EXCHANGE) < 0)
		return;
	wait_a_little();
	if (renameat2(AT_FDCWD, p->folder, AT_FDCWD, with, RENAME_EXCHANGE) < 0)
		perror("swap back");
}

static void tidy(const struct place *p, char *const names[], int n)
{
	char at[2048];

	for (int i = 0; i < n; i++) {
		snprintf(at, sizeof(at), "%s/%s", p->folder, names[i]);
		(void)remove(at);
		snprintf(at, sizeof(at), "%s/.%s.everleaf", p->folder, names[i]);
		(void)remove(at);
	}
	unlink(p->link);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool plants_now(const char *what)
{
	return strcmp(what, "names") == 0 ||
	       (strcmp(what, "all") == 0 && rand() % 4 != 0);
}

int main(int argc, char **argv)
{
	struct place p = { .folder = argc > 4 ? argv[3] : "" };
	unsigned n_planted = 0, n_swapped = 0;
	double end;

	if (argc < 5 || (argc == 5 && strcmp(argv[2], "folder") != 0))
		return 2;
	p.elsewhere = argv[4];
	end = now() + atof(argv[1]);
	snprintf(p.link, sizeof(p.link), "%.1000s.link", p.folder);
	snprintf(p.other, sizeof(p.other), "%.1000s.other", p.folder);
	if (symlink(p.elsewhere, p.link) < 0 || mkdir(p.other, 0755) < 0)
		return 1;
	srand((unsigned)getpid());
	while (now() < end) {
		if (plants_now(argv[2])) {
			plant(&p, argv[5 + rand() % (argc - 5)]);
			n_planted++;
		} else {
			exchange(&p);
			n_swapped++;
		}
	}
	tidy(&p, argv + 5, argc - 5);
	printf("%u planted, %u swapped\n", n_planted, n_swapped);
	return 0;
}
