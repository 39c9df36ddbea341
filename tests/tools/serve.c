/*
 * serve PORT PEM [follow]: a small HTTPS server on 127.0.0.1 that does what it is told, to
 * play a service that takes a new certificate late, or not at all. Port 0 is any free one.
 * It prints "ready PORT", then answers each connection with 200, one after the other.
 *
 *     SIGHUP   read PEM (key and chain in one file) again; what is bad is not taken
 *     SIGUSR1  close the port: connections are refused
 *     SIGUSR2  open the port again
 *     SIGTERM  end
 *
 * With `follow` it reads PEM for each connection, which it closes if there is none, and
 * ends when its stdin does.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#define PATIENCE_S 2 /* with a client that says nothing */

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"
			     "Connection: close\r\n\r\nok\n";

struct server {
	const char *pem;
	struct sockaddr_in at;
	SSL_CTX *ctx;
	int listening; /* -1: closed */
	int signals;
	bool follows;
};

static void take_pem(struct server *s)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (SSL_CTX_use_certificate_chain_file(ctx, s->pem) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, s->pem, SSL_FILETYPE_PEM) != 1) {
		ERR_print_errors_fp(stderr);
		SSL_CTX_free(ctx);
		return;
	}
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_free(s->ctx);
	s->ctx = ctx;
}

static void open_port(struct server *s)
{
	struct sockaddr *at = (struct sockaddr *)(void *)&s->at;
	socklen_t len = sizeof(s->at);
	const int on = 1;

	if (s->listening >= 0)
		return;
	s->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(s->listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(s->listening, at, len) != 0 || listen(s->listening, 64) != 0 ||
	    getsockname(s->listening, at, &len) != 0) {
		perror("serve: port");
		exit(EXIT_FAILURE);
	}
}

static void close_port(struct server *s)
{
	if (s->listening >= 0)
		close(s->listening);
	s->listening = -1;
}

static void serve_one(struct server *s)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	int fd = accept(s->listening, NULL, NULL);
	SSL *ssl;
	char request[1024];

	if (s->follows)
		take_pem(s);
	ssl = s->ctx == NULL ? NULL : SSL_new(s->ctx);
	if (fd >= 0 && ssl == NULL)
		close(fd);
	else if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		SSL_set_fd(ssl, fd);
		if (SSL_accept(ssl) == 1 &&
		    SSL_read(ssl, request, sizeof(request)) > 0 &&
		    SSL_write(ssl, answer, sizeof(answer) - 1) > 0)
			SSL_shutdown(ssl);
		close(fd);
	}
	ERR_clear_error();
	SSL_free(ssl);
}

/* False: it is told to end. */
static bool obey(struct server *s)
{
	struct signalfd_siginfo info;

	if (read(s->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return true;
	if (info.ssi_signo == SIGHUP)
		take_pem(s);
	else if (info.ssi_signo == SIGUSR1)
		close_port(s);
	else if (info.ssi_signo == SIGUSR2)
		open_port(s);
	return info.ssi_signo != SIGTERM;
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void run(struct server *s)
{
	for (;;) {
		struct pollfd fds[] = { { .fd = s->signals, .events = POLLIN },
					{ .fd = s->listening, .events = POLLIN },
					{ .fd = s->follows ? STDIN_FILENO : -1,
					  .events = POLLIN } };

		if (poll(fds, 3, -1) < 0)
			continue;
		if (fds[2].revents != 0 || (fds[0].revents != 0 && !obey(s)))
			return;
		if (fds[1].revents != 0 && s->listening >= 0)
			serve_one(s);
	}
}

int main(int argc, char **argv)
{
	struct server s = { .listening = -1 };

	if (argc < 3) {
		fputs("usage: serve PORT PEM [follow]\n", stderr);
		return 2;
	}
	s.pem = argv[2];
	s.at.sin_family = AF_INET;
	s.at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s.at.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	s.signals = open_signals();
	s.follows = argc > 3;
	take_pem(&s);
	if (s.ctx == NULL && !s.follows)
		return EXIT_FAILURE;
	open_port(&s);
	printf("ready %u\n", ntohs(s.at.sin_port));
	fflush(stdout);
	run(&s);
	close_port(&s);
	close(s.signals);
	SSL_CTX_free(s.ctx);
	return EXIT_SUCCESS;
}
