#include "agent/net/probe_address.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "agent/net/probe_io.h"
#include "base/auto.h"
#include "base/err.h"

static int unix_address(const char *path, struct probe_address *a, struct err *e)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(un.sun_path))
		return err_set(e, ERR_NET, "the path of a socket has at most %zu bytes",
			       sizeof(un.sun_path) - 1);
	memcpy(un.sun_path, path, strlen(path));
	memcpy(&a->sa, &un, sizeof(un));
	a->len = sizeof(un);
	snprintf(a->text, sizeof(a->text), "%s", path);
	return 0;
}

static void inet_address(const struct addrinfo *ai, struct probe_address *a)
{
	char host[64] = "?", port[8] = "?";

	memcpy(&a->sa, ai->ai_addr, ai->ai_addrlen);
	a->len = ai->ai_addrlen;
	(void)getnameinfo(ai->ai_addr, ai->ai_addrlen, host, sizeof(host), port,
			  sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(a->text, sizeof(a->text),
		 ai->ai_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

int probe_resolve(const char *host, const char *port, struct probe_address *list,
		  size_t *n, struct err *e)
{
	const struct addrinfo want = { .ai_socktype = SOCK_STREAM,
				       .ai_flags = AI_NUMERICSERV };
	struct addrinfo *found;
	int rc;

	*n = 0;
	if (host[0] == '/') {
		TRY(unix_address(host, list, e));
		*n = 1;
		return 0;
	}
	rc = getaddrinfo(host, port, &want, &found);
	if (rc != 0)
		return err_set(e, ERR_NET, "%s: %s", host, gai_strerror(rc));
	for (struct addrinfo *ai = found; ai != NULL && *n < PROBE_ADDRESS_MAX;
	     ai = ai->ai_next)
		inet_address(ai, &list[(*n)++]);
	freeaddrinfo(found);
	return 0;
}

static int failed(int sysno, struct err *e)
{
	err_set(e, ERR_NET, "%s", strerror(sysno));
	e->sysno = sysno;
	return ERR_NET;
}

static int finish(int fd, int64_t until_ms, struct err *e)
{
	int sysno = 0;
	socklen_t len = sizeof(sysno);

	TRY(probe_wait(fd, POLLOUT, until_ms, e));
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &sysno, &len) != 0)
		sysno = errno;
	return sysno == 0 ? 0 : failed(sysno, e);
}

int probe_connect(const struct probe_address *a, int64_t until_ms, int *out,
		  struct err *e)
{
	AUTO_FD int fd =
	    socket(a->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return failed(errno, e);
	if (connect(fd, (const struct sockaddr *)&a->sa, a->len) != 0) {
		if (errno != EINPROGRESS && errno != EINTR)
			return failed(errno, e);
		TRY(finish(fd, until_ms, e));
	}
	*out = take_fd(&fd);
	return 0;
}
