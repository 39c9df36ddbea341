#include "agent/responder.h"

#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/responder_tokens.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

/* = RFC 8555 8.3 "The path at which the resource is provisioned is comprised of the fixed
 * prefix "/.well-known/acme-challenge/", followed by the "token" value in the challenge." */
#define PREFIX "/.well-known/acme-challenge/"

#define REQUEST_BYTES 2048 /* of memory for a request; CAs send less than 500 */

struct connection {
	int fd; /* libmicrohttpd's */
	int64_t until_ms;
};

/* One listening socket and those who came through it. */
struct door {
	struct responder *responder; /* borrowed */
	struct MHD_Daemon *daemon;
	size_t max;
	size_t n;
	struct connection open[RESPONDER_CONNECTIONS]; /* oldest first */
};

struct responder {
	struct responder_tokens tokens;
	struct MHD_Response *not_found;
	struct MHD_Response *not_allowed;
	size_t n;
	struct door doors[RESPONDER_LISTENERS];
};

/* -------- who is connected */

/* libmicrohttpd sees the end of input, and closes. */
static void cut(const struct connection *c)
{
	(void)shutdown(c->fd, SHUT_RDWR);
}

static void connected(struct door *d, int fd)
{
	size_t keep = d->max - d->max / 16; /* a place is free for whoever comes next */

	assert(d->n < d->max);
	d->open[d->n++] =
	    (struct connection){ fd, clock_boot_ms() + RESPONDER_SECONDS * 1000 };
	if (d->n > keep)
		cut(&d->open[d->n - keep - 1]); /* those before it are cut already */
}

static void disconnected(struct door *d, int fd)
{
	size_t i = 0;

	while (i < d->n && d->open[i].fd != fd)
		i++;
	assert(i < d->n);
	d->n--;
	memmove(d->open + i, d->open + i + 1, (d->n - i) * sizeof(*d->open));
}

static void on_connection(void *door, struct MHD_Connection *c, void **context,
			  enum MHD_ConnectionNotificationCode what)
{
	int fd =
	    MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;

	(void)context;
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		connected(door, fd);
	else
		disconnected(door, fd);
}

static void cut_the_late(struct door *d)
{
	int64_t now = clock_boot_ms();

	for (size_t i = 0; i < d->n; i++) {
		if (d->open[i].until_ms > now)
			continue;
		cut(&d->open[i]);
		d->open[i].until_ms = now + RESPONDER_SECONDS * 1000;
	}
}

/* -------- requests */

static enum MHD_Result answer_token(struct MHD_Connection *c, const char *authorization)
{
	/* A copy: the token may be withdrawn while it is sent. */
	struct MHD_Response *r =
	    MHD_create_response_from_buffer(strlen(authorization),
					    (void *)(uintptr_t)authorization,
					    MHD_RESPMEM_MUST_COPY);
	enum MHD_Result rc = MHD_NO;

	if (r == NULL)
		return MHD_NO;
	if (MHD_add_response_header(r, "Content-Type", "application/octet-stream") ==
		MHD_YES &&
	    MHD_add_response_header(r, "Connection", "close") == MHD_YES)
		rc = MHD_queue_response(c, MHD_HTTP_OK, r);
	MHD_destroy_response(r);
	return rc;
}

static const char *find(const struct responder *r, struct MHD_Connection *c,
			const char *path)
{
	if (strncmp(path, PREFIX, strlen(PREFIX)) != 0 ||
	    MHD_get_connection_values(c, MHD_GET_ARGUMENT_KIND, NULL, NULL) != 0)
		return NULL;
	return responder_tokens_find(&r->tokens, path + strlen(PREFIX));
}

/* Answered as soon as the header is there: what a body would say is not read. */
static enum MHD_Result on_request(void *door, struct MHD_Connection *c,
				  const char *path, const char *method,
				  const char *version, const char *upload,
				  size_t *upload_size, void **context)
{
	const struct responder *r = ((const struct door *)door)->responder;
	const char *authorization;

	(void)version;
	(void)upload;
	(void)upload_size;
	(void)context;
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return MHD_queue_response(c, MHD_HTTP_METHOD_NOT_ALLOWED,
					  r->not_allowed);
	authorization = find(r, c, path);
	if (authorization == NULL)
		return MHD_queue_response(c, MHD_HTTP_NOT_FOUND, r->not_found);
	return answer_token(c, authorization);
}

/* Paths are compared as they were sent: a token has no other spelling. */
static size_t on_escape(void *door, struct MHD_Connection *c, char *text)
{
	(void)door;
	(void)c;
	return strlen(text);
}

/* -------- the life of a responder */

static struct MHD_Response *empty_response(const char *header, const char *value)
{
	struct MHD_Response *r =
	    MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);

	if (r != NULL)
		(void)MHD_add_response_header(r, "Connection", "close");
	if (r != NULL && header != NULL)
		(void)MHD_add_response_header(r, header, value);
	return r;
}

static int open_door(struct door *d, int listener, struct err *e)
{
	const struct MHD_OptionItem options[] = {
		{ MHD_OPTION_CONNECTION_LIMIT, (intptr_t)d->max, NULL },
		{ MHD_OPTION_PER_IP_CONNECTION_LIMIT, RESPONDER_PER_ADDRESS, NULL },
		{ MHD_OPTION_CONNECTION_MEMORY_LIMIT, REQUEST_BYTES, NULL },
		{ MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, d },
		{ MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)on_escape, d },
		{ MHD_OPTION_END, 0, NULL },
	};
	int flags = fcntl(listener, F_GETFL);

	if (flags < 0 || fcntl(listener, F_SETFL, flags | O_NONBLOCK) != 0)
		return err_sys(e, "responder: listening socket");
	d->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, d,
				     MHD_OPTION_LISTEN_SOCKET, listener,
				     MHD_OPTION_ARRAY, options, MHD_OPTION_END);
	if (d->daemon == NULL)
		return err_sys(e, "responder: start");
	return 0;
}

static int open_doors(struct responder *r, const int *listeners, size_t n,
		      struct err *e)
{
	r->not_found = empty_response(NULL, NULL);
	r->not_allowed = empty_response("Allow", "GET, HEAD");
	if (r->not_found == NULL || r->not_allowed == NULL)
		return err_set(e, ERR_SYS, "responder: no memory");
	for (size_t i = 0; i < n; i++) {
		r->doors[i].responder = r;
		r->doors[i].max = RESPONDER_CONNECTIONS / n;
		TRY(open_door(&r->doors[i], listeners[i], e));
		r->n++;
	}
	return 0;
}

int responder_new(const int *listeners, size_t n, struct responder **out, struct err *e)
{
	struct responder *r = xcalloc(1, sizeof(*r));
	int rc;

	assert(n <= RESPONDER_LISTENERS);
	rc = open_doors(r, listeners, n, e);
	if (rc < 0)
		responder_free(r);
	else
		*out = r;
	return rc;
}

/* Stopping a daemon would close its listener, which is not ours. */
static void close_door(struct door *d)
{
	(void)MHD_quiesce_daemon(d->daemon);
	MHD_stop_daemon(d->daemon);
}

void responder_free(struct responder *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->n; i++)
		close_door(&r->doors[i]);
	if (r->not_found != NULL)
		MHD_destroy_response(r->not_found);
	if (r->not_allowed != NULL)
		MHD_destroy_response(r->not_allowed);
	responder_tokens_done(&r->tokens);
	free(r);
}

int responder_add(struct responder *r, const char *token, const char *authorization,
		  struct err *e)
{
	return responder_tokens_add(&r->tokens, token, authorization, e);
}

void responder_remove(struct responder *r, const char *token)
{
	responder_tokens_remove(&r->tokens, token);
}

void responder_clear(struct responder *r)
{
	responder_tokens_done(&r->tokens);
}

size_t responder_poll(const struct responder *r, struct pollfd *fds)
{
	for (size_t i = 0; i < r->n; i++)
		fds[i] = (struct pollfd){
			.fd = MHD_get_daemon_info(r->doors[i].daemon,
						  MHD_DAEMON_INFO_EPOLL_FD)
				  ->epoll_fd,
			.events = POLLIN,
		};
	return r->n;
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int responder_timeout_ms(const struct responder *r)
{
	int64_t wait = INT_MAX, now = clock_boot_ms();
	unsigned MHD_LONG_LONG theirs;

	for (size_t i = 0; i < r->n; i++) {
		const struct door *d = &r->doors[i];

		if (MHD_get_timeout(d->daemon, &theirs) == MHD_YES)
			wait =
			    sooner(wait, theirs > INT_MAX ? INT_MAX : (int64_t)theirs);
		for (size_t k = 0; k < d->n; k++)
			wait = sooner(wait, d->open[k].until_ms - now);
	}
	return wait == INT_MAX ? -1 : wait < 0 ? 0 : (int)wait;
}

void responder_run(struct responder *r)
{
	for (size_t i = 0; i < r->n; i++) {
		cut_the_late(&r->doors[i]);
		(void)MHD_run(r->doors[i].daemon);
	}
}

size_t responder_drain(struct responder *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		(void)MHD_quiesce_daemon(r->doors[i].daemon);
		n += r->doors[i].n;
	}
	return n;
}
