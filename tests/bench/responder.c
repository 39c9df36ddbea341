/*
 * responder: one responder role that waits, to be measured beside a running agent.
 *
 *     responder PROGRAM SNAPSHOT UID
 *
 * Starts PROGRAM, the responder's, as its supervisor would: with the sealed snapshot at
 * the path SNAPSHOT (/proc/PID/fd/N of the supervisor), a listening socket, and UID to
 * become. Says its process id, then waits until its own stdin ends.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/responder/responder.h"
#include "agent/role/messages.h"
#include "agent/role/roles.h"
#include "base/auto.h"
#include "base/err.h"

static int listening(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0 || listen(fd, 16) < 0)
		return -1;
	return fd;
}

static void child(const char *program, int super, int snapshot, int peer)
{
	const int fds[] = { super, snapshot, peer };
	int high[3];

	for (int i = 0; i < 3; i++)
		high[i] = fcntl(fds[i], F_DUPFD, 64);
	for (int i = 0; i < 3; i++)
		dup2(high[i], ROLE_FD_SUPERVISOR + i);
	close_range(ROLE_FD_PEER + 1, ~0u, 0);
	execle(program, "everleaf-responder", (char *)NULL, (char *[]){ NULL });
	_exit(127);
}

static int begin(int sock, uint32_t uid, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;
	const struct role_start start = {
		.request = { .command = COMMAND_AGENT },
		.host_id = "bench",
		.uid = uid,
		.gid = uid,
		.is_root = geteuid() == 0,
		.home_state = "/",
		.home_runtime = "/",
		.hooks_dir = "/",
		.config_path = "/",
	};

	role_start_put(&m, &start);
	TRY(msg_send(sock, &m, e));
	msg_begin(&m, RESPONDER_LISTEN, 0);
	msg_put_u64(&m, SERVES_CHALLENGES);
	m.fd = listening();
	TRY(msg_send(sock, &m, e));
	msg_begin(&m, RESPONDER_READY, 0);
	return msg_send(sock, &m, e);
}

int main(int argc, char **argv)
{
	int super[2], peer[2], snapshot;
	struct err e;
	pid_t pid;

	if (argc < 4)
		return 2;
	snapshot = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (snapshot < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, super) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, peer) < 0) {
		perror("responder");
		return 1;
	}
	pid = fork();
	if (pid == 0)
		child(argv[1], super[1], snapshot, peer[1]);
	if (begin(super[0], (uint32_t)strtoul(argv[3], NULL, 10), &e) < 0) {
		fprintf(stderr, "responder: %s\n", e.text);
		return 1;
	}
	printf("%d\n", (int)pid);
	fflush(stdout);
	/* What holds its sockets until stdin ends shall share no library with it. */
	fcntl(super[0], F_SETFD, 0);
	fcntl(peer[0], F_SETFD, 0);
	execlp("cat", "cat", (char *)NULL);
	return 1;
}
