/*
 * control: what a command is told by an agent that it asks, and that somebody else has taken
 * over. The first octet says how it asks, and whether anything can be printed; then come the
 * messages. Time passes when it waits.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>

#include "agent/role/control.h"
#include "agent/role/version.h"
#include "tests/fuzz/messages.h"
#include "tests/fuzz/quiet.h"
#include "tests/scratch.h"

enum { WORDS = 1, LATER = 10 /* s */, SILENT = 254 /* how a message does not come */ };

static struct {
	void *scratch;
	struct buf words[WORDS];
	struct fuzz f;
	bool runs;
	bool full;          /* what it writes to is */
	bool lost;          /* something was to be printed */
	int64_t s;          /* how far time has come */
	int listener, conn; /* -1: nobody has connected */
} stage = { .listener = -1, .conn = -1 };

static void stage_end(void)
{
	buf_done(&stage.words[0]);
	scratch_out(&stage.scratch);
}

static void stage_begin(void)
{
	signal(SIGPIPE, SIG_IGN);
	if (scratch_in(&stage.scratch) < 0)
		abort();
	buf_puts(&stage.words[0], EVERLEAF_VERSION);
	atexit(stage_end);
}

/* -- an agent -- */

static void hang_up(int *fd)
{
	auto_fd_(fd);
	*fd = -1;
}

/* Whoever asks does so by a request. */
static void hear(void)
{
	AUTO_MSG struct msg in = MSG_NONE;
	const int fd =
	    accept4(stage.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct request r = { .flags = 0 };
	struct err e;

	if (fd < 0)
		return;
	hang_up(&stage.conn);
	stage.conn = fd;
	if (msg_recv(fd, &in, &e) < 0) /* it only looks who is there */
		return;
	assert(in.type == CONTROL_ASK);
	assert(strcmp(msg_get_str(&in), EVERLEAF_VERSION) == 0);
	request_get(&in, &r);
	assert(msg_end(&in, &e) == 0);
	request_done(&r);
}

static int some_text(void)
{
	const int fd = memfd_create("said", MFD_CLOEXEC);

	assert(fd >= 0 && pwrite(fd, "said", 4, 0) == 4);
	return fd;
}

/* The next message, or the connection ends; at the end of the input there is no agent any
 * more, or it would be asked again and again. */
static void tell(void)
{
	AUTO_MSG struct msg m = MSG_NONE;
	uint8_t how = 0;
	struct err e;

	if (!message_next(&stage.f, stage.words, WORDS, &m, &how) || how % 4 == 3) {
		hang_up(&stage.conn);
		if (stage.f.len == 0)
			hang_up(&stage.listener);
		return;
	}
	if (how == SILENT)
		return;
	if (how % 4 == 1)
		m.fd = some_text();
	if (stage.conn >= 0)
		(void)msg_offer(stage.conn, &m, &e);
}

/* -- the calls that wait, what time it is, and what is passed on -- */

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	int rc;

	if (!stage.runs)
		return (int)syscall(SYS_poll, fds, n, timeout);
	hear();
	rc = (int)syscall(SYS_poll, fds, n, 0);
	if (rc != 0)
		return rc;
	stage.s += LATER;
	if (n > 0)
		tell();
	return (int)syscall(SYS_poll, fds, n, 0);
}

int clock_gettime(clockid_t id, struct timespec *t)
{
	if (!stage.runs || id != CLOCK_BOOTTIME)
		return (int)syscall(SYS_clock_gettime, id, t);
	*t = (struct timespec){ .tv_sec = 1000 + stage.s };
	return 0;
}

ssize_t write(int fd, const void *data, size_t len)
{
	if (stage.runs && stage.full && (fd == STDOUT_FILENO || fd == STDERR_FILENO)) {
		stage.lost = stage.lost || fd == STDOUT_FILENO;
		errno = ENOSPC;
		return -1;
	}
	if (stage.runs && (fd == STDOUT_FILENO || fd == STDERR_FILENO))
		return (ssize_t)len;
	return syscall(SYS_write, fd, data, len);
}

/* -- asking -- */

static void listen_at(const struct sockaddr_un *sa)
{
	stage.listener =
	    socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	(void)unlink(sa->sun_path);
	assert(bind(stage.listener, (const struct sockaddr *)sa, sizeof(*sa)) == 0);
	assert(listen(stage.listener, 16) == 0);
}

enum { HOW_FULL = 0x80 };

/* What was asked for and cannot be printed is no success. */
static void ask(const char *dir, const char *path, uint8_t how)
{
	const struct request r = { .command =
				       how % 2 == 0 ? COMMAND_STATUS : COMMAND_RENEW };
	struct err e = { .text = "" };
	int64_t pid, since;
	int status;

	if (how % 4 < 2) {
		status = control_ask(dir, &r, &e);
		if (status < 0)
			message_refused(&e);
	} else {
		status = control_glance(dir, path, &r, &e);
		if (status < 0 && status != ERR_BUSY)
			message_refused(&e);
	}
	assert(!stage.lost || r.command != COMMAND_STATUS || status != EXIT_SUCCESS);
	control_look(dir, &pid, &since);
	assert(pid == (stage.listener < 0 ? 0 : getpid()));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct sockaddr_un sa;
	const char *dir;
	struct err e;
	uint8_t how;

	if (stage.scratch == NULL)
		stage_begin();
	stage.f = (struct fuzz){ data, len };
	stage.s = 0;
	how = fuzz_byte(&stage.f);
	stage.full = (how & HOW_FULL) != 0;
	stage.lost = false;
	dir = ((const struct scratch *)stage.scratch)->path;
	assert(control_address(dir, &sa, &e) == 0);
	listen_at(&sa);
	stage.runs = true;
	ask(dir, sa.sun_path, how);
	stage.runs = false;
	hang_up(&stage.listener);
	hang_up(&stage.conn);
	return 0;
}
