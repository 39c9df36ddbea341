/*
 * listen: the sockets on which challenges, and who asks how we are, are answered; each is
 * bound once, for all that is served there (SERVES_* of responder.h).
 *
 * "[::]:80" takes what comes by IPv4 as well, unless an IPv4 address of that port is
 * listed too. An address that another of the list includes ("127.0.0.1:80" beside
 * "0.0.0.0:80", or the same one spelled otherwise) needs no socket of its own. What
 * cannot be bound is tried again by the next listen_bind(); the others are there.
 *
 * "unix:/path" is a socket of the file system, of mode 0660 and the group that is given. It
 * takes the place of one that nobody answers, and of nothing else, and is taken away again
 * when it is closed.
 *
 * A socket that a service manager has bound to the same address already is used in its
 * place, by a descriptor of our own: it stays with the manager, and stays bound.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define RESPONDER_ADDRESSES 16 /* at which challenges are answered, */
#define RESPONDER_LISTENERS (RESPONDER_ADDRESSES + 1) /* ... and the pages */

#define SERVES_CHALLENGES (1u << 0)
#define SERVES_PAGES      (1u << 1)
#define SERVES_ALPN       (1u << 2) /* by TLS: nothing else is served there */

struct sockaddr_un;

struct listen_address {
	const char *text; /* as configured, borrowed */
	unsigned serves;
	struct sockaddr_storage sa;
	socklen_t len;
	uint16_t port;
	bool is_any;  /* takes what is sent to any address of this host */
	bool v6_only; /* IPv4 is somebody else's */
	size_t by;    /* index of the one that serves it, perhaps its own */
	int fd;       /* owned; -1: none */
	char failed[160];
};

struct listen {
	struct listen_address list[RESPONDER_LISTENERS];
	size_t n;
	gid_t group; /* of those in the file system; (gid_t)-1: the caller's */
	const struct listen *given; /* bound already, borrowed; NULL: none */
};

/* Read "192.0.2.1:80" or "[2001:db8::1]:80": false if it is not such an address. */
bool listen_parse(const char *text, struct listen_address *a);

/* Read "unix:/run/x.sock": the same. */
bool listen_parse_unix(const char *text, struct listen_address *a);

/*
 * Listen at a socket of the file system, as above, of `type` SOCK_STREAM or _SEQPACKET. It
 * has owner and mode from the first moment on, whoever can change its folder. 0 with *fd,
 * or an errno: EADDRINUSE if somebody answers there, EEXIST if it is no socket.
 */
int listen_unix(const struct sockaddr_un *sa, int type, gid_t group, int *fd);

/* Add `text`, which must outlive *l, and what is served there. One that is no address, or
 * is one too many, is passed over: the configuration has been checked. */
void listen_add(struct listen *l, const char *text, unsigned serves);

/* What is served by the socket of `a`: of all addresses that it includes. */
unsigned listen_serves(const struct listen *l, const struct listen_address *a);

/* Add the listening TCP socket `fd`, which is owned then, to those that are given. false:
 * it is no such socket, or one too many, and stays the caller's. */
bool listen_take(struct listen *given, int fd);

/* Whether the socket is that of an address in `l`. */
bool listen_wants(const struct listen *l, const struct listen_address *given);

/* Bind what serves any of `serves` and is not bound yet; how many sockets of those there
 * are then. Why an address has none is in `failed` ("": it has one, perhaps another's). */
size_t listen_bind(struct listen *l, unsigned serves);

/* Close sockets of the file system that somebody has removed from there: the next
 * listen_bind() makes them anew. */
void listen_forget_lost(struct listen *l);

/* Take over the sockets of `from` whose addresses are those of `l`. */
void listen_inherit(struct listen *l, struct listen *from);

/* Close what serves nothing else than `serves`. */
void listen_close(struct listen *l, unsigned serves);
