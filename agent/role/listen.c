#include "agent/role/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/text.h"

#define BACKLOG 128
#define UNIX    "unix:"

static void set_v4(struct listen_address *a, const void *host)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(a->port) };

	memcpy(&in.sin_addr, host, sizeof(in.sin_addr));
	memcpy(&a->sa, &in, sizeof(in));
	a->len = sizeof(in);
	a->is_any = in.sin_addr.s_addr == htonl(INADDR_ANY);
}

static void set_v6(struct listen_address *a, const void *host)
{
	struct sockaddr_in6 in = { .sin6_family = AF_INET6,
				   .sin6_port = htons(a->port) };

	memcpy(&in.sin6_addr, host, sizeof(in.sin6_addr));
	memcpy(&a->sa, &in, sizeof(in));
	a->len = sizeof(in);
	a->is_any = IN6_IS_ADDR_UNSPECIFIED(&in.sin6_addr);
}

bool listen_parse(const char *text, struct listen_address *a)
{
	const char *colon = strrchr(text, ':');
	bool v6 = text[0] == '[';
	char host[INET6_ADDRSTRLEN] = "";
	size_t n = colon == NULL ? 0 : (size_t)(colon - text);
	uint8_t raw[sizeof(struct in6_addr)];
	uint64_t port;

	if (n == 0 || n >= sizeof(host) || (v6 && (n < 2 || text[n - 1] != ']')))
		return false;
	memcpy(host, v6 ? text + 1 : text, v6 ? n - 2 : n);
	if (inet_pton(v6 ? AF_INET6 : AF_INET, host, raw) != 1 ||
	    !text_u64(colon + 1, UINT16_MAX, &port) || port == 0)
		return false;
	*a = (struct listen_address){ .text = text, .port = (uint16_t)port, .fd = -1 };
	(v6 ? set_v6 : set_v4)(a, raw);
	return true;
}

bool listen_parse_unix(const char *text, struct listen_address *a)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	const char *path = text + strlen(UNIX);

	if (strncmp(text, UNIX, strlen(UNIX)) != 0 || path[0] != '/' ||
	    strlen(path) >= sizeof(un.sun_path))
		return false;
	memcpy(un.sun_path, path, strlen(path));
	*a = (struct listen_address){ .text = text, .len = sizeof(un), .fd = -1 };
	memcpy(&a->sa, &un, sizeof(un));
	return true;
}

/* Of a socket that is bound. */
static bool read_address(int fd, struct listen_address *a)
{
	union {
		struct sockaddr_storage any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} sa = { .any = { .ss_family = AF_UNSPEC } };
	socklen_t len = sizeof(sa);

	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		return false;
	*a = (struct listen_address){ .fd = -1 };
	if (sa.any.ss_family == AF_INET) {
		a->port = ntohs(sa.in.sin_port);
		set_v4(a, &sa.in.sin_addr);
	} else if (sa.any.ss_family == AF_INET6) {
		a->port = ntohs(sa.in6.sin6_port);
		set_v6(a, &sa.in6.sin6_addr);
	}
	return a->port != 0;
}

bool listen_take(struct listen *given, int fd)
{
	struct listen_address *a = &given->list[given->n];
	socklen_t len = sizeof(int);
	int listens = 0;

	if (given->n == RESPONDER_LISTENERS ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0 ||
	    listens == 0 || !read_address(fd, a) ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return false;
	a->fd = fd;
	given->n++;
	return true;
}

/* -------- who serves whom */

static bool is_same(const struct listen_address *a, const struct listen_address *b)
{
	return a->len == b->len && memcmp(&a->sa, &b->sa, a->len) == 0;
}

static bool includes(const struct listen_address *a, const struct listen_address *b)
{
	return a->is_any && a->port == b->port && a->sa.ss_family == b->sa.ss_family;
}

static size_t server_of(const struct listen *l, size_t i)
{
	for (size_t k = 0; k < l->n; k++)
		if (includes(&l->list[k], &l->list[i]))
			return k;
	for (size_t k = 0; k < i; k++)
		if (is_same(&l->list[k], &l->list[i]))
			return k;
	return i;
}

bool listen_wants(const struct listen *l, const struct listen_address *given)
{
	for (size_t i = 0; i < l->n; i++)
		if (is_same(&l->list[i], given))
			return true;
	return false;
}

static bool has_v4(const struct listen *l, uint16_t port)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->list[i].sa.ss_family == AF_INET && l->list[i].port == port)
			return true;
	return false;
}

void listen_add(struct listen *l, const char *text, unsigned serves)
{
	struct listen_address *a = &l->list[l->n];

	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->list[i].text, text) == 0) {
			l->list[i].serves |= serves;
			return;
		}
	if (l->n == RESPONDER_LISTENERS ||
	    (!listen_parse(text, a) && !listen_parse_unix(text, a)))
		return;
	a->serves = serves;
	l->n++;
	for (size_t i = 0; i < l->n; i++) {
		l->list[i].by = server_of(l, i);
		l->list[i].v6_only = has_v4(l, l->list[i].port);
	}
}

unsigned listen_serves(const struct listen *l, const struct listen_address *a)
{
	unsigned serves = 0;

	for (size_t i = 0; i < l->n; i++)
		if (&l->list[l->list[i].by] == a)
			serves |= l->list[i].serves;
	return serves;
}

/* -------- sockets */

static bool is_unix(const struct listen_address *a)
{
	return a->sa.ss_family == AF_UNIX;
}

static const char *path_of(const struct listen_address *a)
{
	return a->text + strlen(UNIX);
}

/* One that nobody answers goes, but nothing that is not a socket. 0 or an errno. */
static int make_room(const struct sockaddr_un *sa, int kind)
{
	struct stat st;
	AUTO_FD int fd = socket(AF_UNIX, kind, 0);

	if (lstat(sa->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : errno;
	if (!S_ISSOCK(st.st_mode))
		return EEXIST;
	if (fd < 0 || connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0 ||
	    errno != ECONNREFUSED)
		return EADDRINUSE;
	return unlink(sa->sun_path) < 0 ? errno : 0;
}

int listen_unix(const struct sockaddr_un *sa, int type, gid_t group, int *out)
{
	const int kind = type | SOCK_CLOEXEC | SOCK_NONBLOCK;
	AUTO_FD int fd = socket(AF_UNIX, kind, 0);
	int error = fd < 0 ? errno : make_room(sa, kind);
	mode_t mask;
	gid_t own;

	if (error != 0)
		return error;
	if (fchmod(fd, 0660) < 0) /* bind() makes it so */
		return errno;
	mask = umask(0);
	own = (gid_t)setfsgid(group);
	if (bind(fd, (const struct sockaddr *)sa, sizeof(*sa)) < 0)
		error = errno;
	(void)setfsgid(own);
	umask(mask);
	if (error != 0)
		return error;
	if (listen(fd, BACKLOG) < 0)
		return errno;
	*out = take_fd(&fd);
	return 0;
}

static int open_unix(struct listen_address *a, gid_t group)
{
	struct sockaddr_un sa;

	memcpy(&sa, &a->sa, sizeof(sa));
	return listen_unix(&sa, SOCK_STREAM, group, &a->fd);
}

/* A host without IPv6 has IPv4 to offer where any address will do. */
static int open_socket(struct listen_address *a)
{
	const struct in_addr any = { .s_addr = htonl(INADDR_ANY) };
	const int kind = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
	int fd = socket(a->sa.ss_family, kind, 0);

	if (fd >= 0 || errno != EAFNOSUPPORT || !a->is_any || a->v6_only ||
	    a->sa.ss_family != AF_INET6)
		return fd;
	set_v4(a, &any);
	return socket(AF_INET, kind, 0);
}

/* 0 or an errno. */
static int open_listener(struct listen_address *a)
{
	AUTO_FD int fd = open_socket(a);
	const int on = 1, v6_only = a->v6_only;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return errno;
	if (a->sa.ss_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only)) < 0)
		return errno;
	if (bind(fd, (const struct sockaddr *)&a->sa, a->len) < 0 ||
	    listen(fd, BACKLOG) < 0)
		return errno;
	a->fd = take_fd(&fd);
	return 0;
}

/* -1: nobody has. */
static int given_for(const struct listen *given, const struct listen_address *a)
{
	for (size_t i = 0; given != NULL && i < given->n; i++)
		if (is_same(a, &given->list[i]))
			return fcntl(given->list[i].fd, F_DUPFD_CLOEXEC, 0);
	return -1;
}

static int open_address(const struct listen *l, struct listen_address *a)
{
	a->fd = given_for(l->given, a);
	if (a->fd >= 0)
		return 0;
	return is_unix(a) ? open_unix(a, l->group) : open_listener(a);
}

static void bind_one(const struct listen *l, struct listen_address *a)
{
	int error = open_address(l, a);
	const char *what = strerror(error);
	const char *then = "";

	a->failed[0] = '\0';
	if (error == 0)
		return;
	if (error == EADDRINUSE && (a->serves & SERVES_CHALLENGES) != 0)
		then = ": is a web server running there? use webroot instead";
	if (error == EEXIST)
		then = ": it is not a socket";
	if (error == EADDRNOTAVAIL)
		then = ": this host does not have it now";
	snprintf(a->failed, sizeof(a->failed), "listen %s: %s%s", a->text, what, then);
}

size_t listen_bind(struct listen *l, unsigned serves)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		if ((listen_serves(l, &l->list[i]) & serves) == 0)
			continue;
		if (l->list[i].fd < 0)
			bind_one(l, &l->list[i]);
		n += l->list[i].fd >= 0;
	}
	for (size_t i = 0; i < l->n; i++)
		if (l->list[i].by != i)
			memcpy(l->list[i].failed, l->list[l->list[i].by].failed,
			       sizeof(l->list[i].failed));
	return n;
}

static void inherit(struct listen_address *a, struct listen *from)
{
	for (size_t k = 0; k < from->n && a->fd < 0; k++)
		if (is_same(a, &from->list[k]) && a->v6_only == from->list[k].v6_only)
			a->fd = take_fd(&from->list[k].fd);
}

void listen_forget_lost(struct listen *l)
{
	struct stat st;

	for (size_t i = 0; i < l->n; i++) {
		struct listen_address *a = &l->list[i];

		if (a->fd < 0 || !is_unix(a) || lstat(path_of(a), &st) == 0)
			continue;
		auto_fd_(&a->fd);
		a->fd = -1;
	}
}

void listen_inherit(struct listen *l, struct listen *from)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->list[i].by == i)
			inherit(&l->list[i], from);
}

void listen_close(struct listen *l, unsigned serves)
{
	for (size_t i = 0; i < l->n; i++) {
		if ((listen_serves(l, &l->list[i]) & ~serves) != 0)
			continue;
		if (l->list[i].fd >= 0 && is_unix(&l->list[i]))
			(void)unlink(path_of(&l->list[i]));
		auto_fd_(&l->list[i].fd);
		l->list[i].fd = -1;
	}
}
