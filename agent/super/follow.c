#include "agent/super/follow.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "agent/role/log.h"
#include "agent/role/request.h"
#include "agent/super/super.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

#define PAUSE_MS 1000
#define PAUSES   4 /* as long as a look took, at least */
#define CTRL_C   3

struct follow {
	bool on_screen;
	bool has_keys;
	struct termios before; /* of the keyboard */
	struct winsize size;
	struct buf shown; /* owned */
	bool any;         /* was shown */
	int sigfd;        /* owned */
};

/* -------- looking */

static int take_text(int fd, struct buf *text, struct err *e)
{
	char part[8192];
	ssize_t n;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(e, "what status said");
	while ((n = read(fd, part, sizeof(part))) > 0)
		buf_add(text, part, (size_t)n);
	return n < 0 ? err_sys(e, "what status said") : 0;
}

/* Exit status of the command; what it says is in `text`. */
static int look(const struct request *r, const char *path, struct buf *text,
		struct err *e)
{
	AUTO_FD int to = memfd_create("everleaf-status", MFD_CLOEXEC);
	AUTO_FD int out = dup(STDOUT_FILENO);
	int status;

	if (to < 0 || out < 0)
		return err_sys(e, "memory for what status says");
	fflush(stdout);
	dup2(to, STDOUT_FILENO);
	status = supervise(r, path);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	TRY(take_text(to, text, e));
	return status;
}

/* -------- showing */

static bool is_resized(struct follow *w)
{
	struct winsize now = { .ws_row = 24 };

	if (!w->on_screen)
		return false;
	(void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &now);
	if (memcmp(&now, &w->size, sizeof(now)) == 0)
		return false;
	w->size = now;
	return true;
}

/* Lines that are wider than the screen are cut by it. */
static void draw(const struct follow *w, const struct buf *text)
{
	const char *line = text->data == NULL ? "" : text->data;
	const unsigned room = w->size.ws_row > 2 ? w->size.ws_row - 2u : 1;
	unsigned n = 0, left = 0;

	fputs("\033[?7l\033[H\033[2J", stdout);
	for (const char *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
		if (n++ < room)
			fwrite(line, 1, (size_t)(end + 1 - line), stdout);
		else
			left++;
	if (left > 0)
		printf("... and %u lines more", left);
	fputs("\033[?7h", stdout);
	fflush(stdout);
}

/* Once it can be written to; false: somebody wants it to end. */
static bool has_room(const struct follow *w)
{
	struct pollfd p[] = { { .fd = STDOUT_FILENO, .events = POLLOUT },
			      { .fd = w->sigfd, .events = POLLIN } };

	while (poll(p, 2, -1) < 0 && errno == EINTR)
		continue;
	return p[1].revents == 0;
}

/* In pieces for which there is room, pipe(7): one that nobody reads holds nothing up. */
static void print(const struct follow *w, const struct buf *text)
{
	if (w->any && has_room(w))
		putchar('\n');
	for (size_t at = 0; at < text->len && has_room(w); at += PIPE_BUF / 2) {
		const size_t left = text->len - at;

		fwrite(text->data + at, 1, left < PIPE_BUF / 2 ? left : PIPE_BUF / 2,
		       stdout);
		fflush(stdout);
	}
}

static void show(struct follow *w, struct buf *text)
{
	const bool resized = is_resized(w);
	const bool same =
	    w->any && text->len == w->shown.len &&
	    (text->len == 0 || memcmp(text->data, w->shown.data, text->len) == 0);

	if (same && !resized)
		return;
	if (w->on_screen)
		draw(w, text);
	else
		print(w, text);
	fflush(stdout);
	w->any = true;
	buf_done(&w->shown);
	w->shown = *text;
	*text = (struct buf){ 0 };
}

/* -------- the end */

/* True: somebody wants it to end. */
static bool wait_for_end(const struct follow *w, int64_t ms)
{
	struct pollfd p[] = {
		{ .fd = w->sigfd, .events = POLLIN },
		{ .fd = w->has_keys ? STDIN_FILENO : -1, .events = POLLIN },
	};
	const int64_t until = clock_boot_ms() + ms;
	char key = 'q';

	for (int64_t left = ms; left > 0; left = until - clock_boot_ms()) {
		if (poll(p, 2, (int)left) <= 0)
			continue;
		if (p[0].revents != 0)
			return true;
		if (read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' || key == CTRL_C)
			return true;
	}
	return false;
}

static int begin(struct follow *w, unsigned flags, struct err *e)
{
	struct termios keys;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	w->sigfd = signalfd(-1, &set, SFD_CLOEXEC);
	if (w->sigfd < 0)
		return err_sys(e, "signalfd");
	w->on_screen = (flags & REQUEST_TTY) != 0;
	w->has_keys = w->on_screen && tcgetattr(STDIN_FILENO, &w->before) == 0;
	if (!w->has_keys)
		return 0;
	keys = w->before;
	keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &keys);
	return 0;
}

static void finish(struct follow *w)
{
	if (w->has_keys)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &w->before);
	if (w->on_screen && w->any)
		putchar('\n');
	auto_fd_(&w->sigfd);
	buf_done(&w->shown);
}

static int go_on(struct follow *w, const struct request *r, const char *path,
		 struct err *e)
{
	struct request next = *r;
	int64_t took = 0;

	do {
		const int64_t began = clock_boot_ms();
		AUTO_BUF struct buf text = { 0 };
		const int status = look(&next, path, &text, e);

		if (status < 0)
			return status;
		show(w, &text);
		if (status != EXIT_SUCCESS && (r->flags & REQUEST_CHECK) == 0)
			return status;
		next.flags |= REQUEST_QUIET; /* what is to be warned of has been said */
		took = clock_boot_ms() - began;
	} while (ferror(stdout) == 0 && /* else who reads it has had enough */
		 !wait_for_end(w, took * PAUSES > PAUSE_MS ? took * PAUSES
							   : (int64_t)PAUSE_MS));
	return EXIT_SUCCESS;
}

int follow(const struct request *r, const char *path)
{
	struct follow w = { .sigfd = -1 };
	struct err e;
	int status = begin(&w, r->flags, &e);

	if (status == 0)
		status = go_on(&w, r, path, &e);
	finish(&w);
	if (status >= 0)
		return status;
	log_error("%s", e.text);
	return EXIT_FAILURE;
}
