#include "base/msg.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"

enum field {
	FIELD_U64 = 1,
	FIELD_I64,
	FIELD_STR,
	FIELD_BYTES,
};

#define SMALL 2048 /* bytes: all but those with certificates in them */

struct head {
	uint32_t type;
	uint32_t id;
};

static void drop_fd(struct msg *m)
{
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
}

/* Most messages are small: memory for the largest, taken and given back for each, would be
 * asked of the system each time. Not realloc: the old bytes must not stay behind. */
static void reserve(struct msg *m, size_t cap)
{
	uint8_t *data;

	if (cap <= m->cap)
		return;
	data = xrealloc(NULL, cap, 1);
	if (m->data != NULL) {
		memcpy(data, m->data, m->len);
		explicit_bzero(m->data, m->len);
	}
	free(m->data);
	m->data = data;
	m->cap = cap;
}

static void reset(struct msg *m, size_t cap)
{
	reserve(m, cap);
	drop_fd(m);
	m->broken = false;
	m->at = sizeof(struct head);
	m->len = sizeof(struct head);
}

int msg_pair(int *a, int *b, struct err *e)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return err_sys(e, "socketpair");
	*a = sv[0];
	*b = sv[1];
	return 0;
}

void msg_begin(struct msg *m, uint32_t type, uint32_t id)
{
	reset(m, SMALL);
	m->type = type;
	m->id = id;
}

static void put(struct msg *m, enum field kind, const void *data, size_t len)
{
	uint32_t n = (uint32_t)len;

	if (m->broken || len > LIMIT_MSG || LIMIT_MSG - m->len < len + 1 + sizeof(n)) {
		m->broken = true;
		return;
	}
	if (m->len + 1 + sizeof(n) + len > m->cap)
		reserve(m, LIMIT_MSG);
	m->data[m->len++] = (uint8_t)kind;
	memcpy(m->data + m->len, &n, sizeof(n));
	m->len += sizeof(n);
	if (len > 0)
		memcpy(m->data + m->len, data, len);
	m->len += len;
}

void msg_put_u64(struct msg *m, uint64_t v)
{
	put(m, FIELD_U64, &v, sizeof(v));
}

void msg_put_i64(struct msg *m, int64_t v)
{
	put(m, FIELD_I64, &v, sizeof(v));
}

void msg_put_str(struct msg *m, const char *s)
{
	put(m, FIELD_STR, s == NULL ? "" : s, s == NULL ? 1 : strlen(s) + 1);
}

void msg_put_bytes(struct msg *m, const void *data, size_t len)
{
	put(m, FIELD_BYTES, data, len);
}

static void attach_fd(struct msghdr *h, char *room, size_t size, int fd)
{
	struct cmsghdr *c;

	h->msg_control = room;
	h->msg_controllen = size;
	c = CMSG_FIRSTHDR(h);
	assert(c != NULL);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
}

/* Whoever hears of it at second hand knows it by EPIPE. */
static int gone(struct err *e)
{
	err_set(e, ERR_NET, "the other role is gone");
	e->sysno = EPIPE;
	return ERR_NET;
}

static int deliver(int sock, struct msg *m, int flags, struct err *e)
{
	struct head head = { .type = m->type, .id = m->id };
	_Alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = m->data, .iov_len = m->len };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (m->broken)
		return err_set(e, ERR_LIMIT, "message %u is too large", m->type);
	memcpy(m->data, &head, sizeof(head));
	if (m->fd >= 0)
		attach_fd(&h, room, sizeof(room), m->fd);
	while (sendmsg(sock, &h, flags | MSG_NOSIGNAL) < 0) {
		if (errno == EAGAIN)
			return err_set(e, ERR_BUSY, "the other role does not listen");
		if (errno == EPIPE || errno == ECONNRESET)
			return gone(e);
		if (errno != EINTR)
			return err_sys(e, "send message %u", m->type);
	}
	return 0;
}

int msg_offer(int sock, struct msg *m, struct err *e)
{
	return deliver(sock, m, MSG_DONTWAIT, e);
}

int msg_send(int sock, struct msg *m, struct err *e)
{
	struct pollfd writable = { .fd = sock, .events = POLLOUT };
	int rc;

	while ((rc = deliver(sock, m, 0, e)) == ERR_BUSY)
		if (poll(&writable, 1, -1) < 0 && errno != EINTR)
			return err_sys(e, "poll");
	return rc;
}

void msg_move(struct msg *to, struct msg *m)
{
	*to = *m;
	to->cap = m->len;
	to->data = xcalloc(m->len, 1);
	memcpy(to->data, m->data, m->len);
	m->fd = -1;
}

/* There is room for two (CMSG_SPACE rounds up), and whoever sends two means no good: none
 * of them may stay open. */
static int received_fd(struct msghdr *h)
{
	int fd = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; CMSG_LEN(at + sizeof(fd)) <= c->cmsg_len;
		     at += sizeof(fd)) {
			auto_fd_(&fd);
			memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
		}
		if (c->cmsg_len != CMSG_LEN(sizeof(fd))) {
			auto_fd_(&fd);
			fd = -1;
		}
	}
	return fd;
}

int msg_recv(int sock, struct msg *m, struct err *e)
{
	_Alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(int))];
	struct iovec iov;
	struct msghdr h = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = room,
			    .msg_controllen = sizeof(room) };
	struct head head;
	ssize_t n;

	reset(m, LIMIT_MSG);
	iov = (struct iovec){ .iov_base = m->data, .iov_len = LIMIT_MSG };
	do
		n = recvmsg(sock, &h, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return err_set(e, ERR_BUSY, "no message");
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return gone(e);
	if (n < 0)
		return err_sys(e, "receive a message");
	m->fd = received_fd(&h);
	if ((size_t)n < sizeof(head) || (h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
		return err_set(e, ERR_PROTO, "message of %zd bytes is not one of ours",
			       n);
	memcpy(&head, m->data, sizeof(head));
	m->type = head.type;
	m->id = head.id;
	m->len = (size_t)n;
	return 0;
}

/* The next field if it is of that kind, NULL and a broken message if not. */
static const uint8_t *get(struct msg *m, enum field kind, size_t *len)
{
	size_t left = m->len - m->at;
	const uint8_t *p = m->data + m->at;
	uint32_t n;

	*len = 0;
	if (m->broken || left < 1 + sizeof(n) || p[0] != kind) {
		m->broken = true;
		return NULL;
	}
	memcpy(&n, p + 1, sizeof(n));
	if (n > left - 1 - sizeof(n)) {
		m->broken = true;
		return NULL;
	}
	m->at += 1 + sizeof(n) + n;
	*len = n;
	return p + 1 + sizeof(n);
}

static void get_fixed(struct msg *m, enum field kind, void *v, size_t size)
{
	size_t len;
	const uint8_t *p = get(m, kind, &len);

	memset(v, 0, size);
	if (p == NULL || len != size)
		m->broken = true;
	else
		memcpy(v, p, size);
}

uint64_t msg_get_u64(struct msg *m)
{
	uint64_t v;

	get_fixed(m, FIELD_U64, &v, sizeof(v));
	return v;
}

int64_t msg_get_i64(struct msg *m)
{
	int64_t v;

	get_fixed(m, FIELD_I64, &v, sizeof(v));
	return v;
}

const char *msg_get_str(struct msg *m)
{
	size_t len;
	const uint8_t *p = get(m, FIELD_STR, &len);

	if (p == NULL || len == 0 || memchr(p, '\0', len) != p + len - 1) {
		m->broken = true;
		return "";
	}
	return (const char *)p;
}

const void *msg_get_bytes(struct msg *m, size_t *len)
{
	const uint8_t *p = get(m, FIELD_BYTES, len);

	return p == NULL ? (const void *)"" : p;
}

int msg_take_fd(struct msg *m)
{
	return take_fd(&m->fd);
}

int msg_end(struct msg *m, struct err *e)
{
	if (m->broken || m->at != m->len)
		return err_set(e, ERR_PROTO, "message %u has the wrong fields",
			       m->type);
	return 0;
}

void msg_done(struct msg *m)
{
	drop_fd(m);
	if (m->data != NULL)
		explicit_bzero(m->data, m->len);
	free(m->data);
	m->data = NULL;
	m->cap = 0;
}

void msg_put_err(struct msg *m, const struct err *e)
{
	msg_put_i64(m, e->code);
	msg_put_i64(m, e->sysno);
	msg_put_i64(m, e->retry_at_ms);
	msg_put_str(m, e->text);
}

void msg_get_err(struct msg *m, struct err *e)
{
	int64_t code = msg_get_i64(m);
	int64_t sysno = msg_get_i64(m);
	int64_t retry_at_ms = msg_get_i64(m);
	const char *text = msg_get_str(m);

	if (m->broken || code > ERR_SYS || code < ERR_HOOK) {
		m->broken = true;
		code = ERR_PROTO;
		text = "an answer without a reason";
	}
	err_set(e, (enum err_code)code, "%s", text);
	e->sysno = (int)sysno;
	e->retry_at_ms = retry_at_ms;
}

int msg_dispatch(const struct msg_rule *rules, size_t n, unsigned state, void *role,
		 struct msg *m, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (rules[i].type == m->type && (rules[i].states & (1u << state)) != 0)
			return rules[i].run(role, m, e);
	return err_set(e, ERR_PROTO, "message %u is not allowed here", m->type);
}
