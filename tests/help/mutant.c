#include "tests/help/mutant.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/mem.h"

#define HEAD       8 /* type, id */
#define BEFORE     5 /* of each field: its kind and length */
#define FIELDS     64
#define ROOM       (4 * LIMIT_MSG)
#define ONE_SPOILT 2000
#define ODD        (sizeof(((struct mutant *)NULL)->odd) / sizeof(int))

enum kind { U64 = 1, I64, STR, BYTES };

struct field {
	size_t at; /* its first octet, the kind */
	size_t len;
};

/* -- what is drawn -- */

static uint64_t next(struct mutant *u)
{
	uint64_t z = u->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint32_t mutant_draw(struct mutant *u, uint32_t below)
{
	return (uint32_t)((next(u) >> 32) * below >> 32);
}

uint64_t mutant_number(struct mutant *u)
{
	static const uint64_t bounds[] = {
		0,
		1,
		2,
		3,
		4,
		5,
		10,
		11,
		63,
		64,
		65,
		100,
		101,
		127,
		128,
		255,
		256,
		0x7fff,
		0x8000,
		0xffff,
		0x10000,
		0x7fffffff,
		0x80000000,
		0xfffffffe,
		0xffffffff,
		0x100000000,
		0x100000001,
		0x7fffffffffffffff,
		0x8000000000000000,
		0xffffffff00000000,
		0xfffffffffffffffe,
		UINT64_MAX,
	};

	if (mutant_draw(u, 8) == 0)
		return next(u);
	return bounds[mutant_draw(u, sizeof(bounds) / sizeof(*bounds))];
}

static const char *word(struct mutant *u)
{
	static const char *const hostile[] = {
		"",
		".",
		"..",
		"/",
		"../../etc/passwd",
		"/etc/passwd",
		"/proc/self/mem",
		"a/b",
		"-rf",
		"$(id)",
		"`id`",
		"; id #",
		"%s%n%n%n",
		"a\nb",
		"a\rb",
		"\x1b[2J",
		"\x7f",
		"\xff\xfe",
		"a b",
		"*",
		"https://evil.example/x",
		"http://ca.example/",
		"file:///etc/passwd",
		"https://ca.example@evil.example/",
		"LD_PRELOAD=x",
		"{\"version\":1}",
		"-----BEGIN PRIVATE KEY-----\n",
		"_acme-challenge.",
	};
	const uint32_t n = sizeof(hostile) / sizeof(*hostile);
	uint32_t own = 0;

	while (u->words != NULL && u->words[own] != NULL)
		own++;
	if (own > 0 && mutant_draw(u, 2) == 0)
		return u->words[mutant_draw(u, own)];
	return hostile[mutant_draw(u, n)];
}

/* -- the octets -- */

static void replace(struct mutant *u, size_t at, size_t n, const void *by, size_t len)
{
	if (u->len - n + len > ROOM)
		return;
	memmove(u->data + at + len, u->data + at + n, u->len - at - n);
	if (len > 0)
		memcpy(u->data + at, by, len);
	u->len = u->len - n + len;
}

static size_t find_fields(const struct mutant *u, struct field fields[FIELDS])
{
	size_t n = 0, at = HEAD;

	while (n < FIELDS && u->len - at >= BEFORE) {
		uint32_t len;

		memcpy(&len, u->data + at + 1, sizeof(len));
		if (len > u->len - at - BEFORE)
			break;
		fields[n++] = (struct field){ at, BEFORE + len };
		at += BEFORE + len;
	}
	return n;
}

static size_t make_field(uint8_t *out, enum kind kind, const void *data, uint32_t len)
{
	out[0] = (uint8_t)kind;
	memcpy(out + 1, &len, sizeof(len));
	memcpy(out + BEFORE, data, len);
	return BEFORE + len;
}

static size_t draw_field(struct mutant *u, uint8_t out[4096])
{
	const uint64_t number = mutant_number(u);
	const char *text = word(u);
	const size_t len = strnlen(text, 4000);

	switch (mutant_draw(u, 4)) {
	case 0:
		return make_field(out, U64, &number, sizeof(number));
	case 1:
		return make_field(out, I64, &number, sizeof(number));
	case 2:
		return make_field(out, BYTES, text, (uint32_t)len);
	default:
		return make_field(out, STR, text, (uint32_t)len + 1);
	}
}

/* Its value, of the same kind. */
static void change_value(struct mutant *u, const struct field *f)
{
	const size_t at = f->at + BEFORE, len = f->len - BEFORE;
	uint8_t out[4096];

	if (u->data[f->at] == U64 || u->data[f->at] == I64) {
		const uint64_t number = mutant_number(u);

		replace(u, f->at, f->len, out,
			make_field(out, (enum kind)u->data[f->at], &number, 8));
	} else if (mutant_draw(u, 2) == 0) {
		const char *text = word(u);
		const size_t n = strnlen(text, 4000);

		replace(u, f->at, f->len, out,
			make_field(out, (enum kind)u->data[f->at], text,
				   (uint32_t)(n + (u->data[f->at] == STR))));
	} else if (len > 0) {
		u->data[at + mutant_draw(u, (uint32_t)len)] ^=
		    (uint8_t)(1u << mutant_draw(u, 8));
	}
}

/* A length that is true, and another value by it. */
static void change_size(struct mutant *u, const struct field *f)
{
	static const uint32_t sizes[] = { 1, 7, 32, 256, 2048, 65536, 90000 };
	const size_t len = f->len - BEFORE;
	const uint32_t more = sizes[mutant_draw(u, 7)];
	uint32_t size;

	if (len > 0 && mutant_draw(u, 2) == 0) {
		const uint32_t cut = 1 + mutant_draw(u, (uint32_t)len);

		replace(u, f->at + f->len - cut, cut, NULL, 0);
		size = (uint32_t)len - cut;
	} else {
		AUTO_FREE uint8_t *fill = xcalloc(more, 1);

		memset(fill, mutant_draw(u, 2) == 0 ? 'A' : '\0', more);
		replace(u, f->at + BEFORE, 0, fill, more);
		size = (uint32_t)len + more;
	}
	memcpy(u->data + f->at + 1, &size, sizeof(size));
}

static void swap(struct mutant *u, const struct field *x, const struct field *y)
{
	AUTO_FREE uint8_t *copy = xcalloc(u->len, 1);
	const struct field *a = x->at < y->at ? x : y, *b = a == x ? y : x;
	size_t at = a->at;

	if (x->at == y->at)
		return;
	memcpy(copy, u->data, u->len);
	memcpy(u->data + at, copy + b->at, b->len);
	at += b->len;
	memcpy(u->data + at, copy + a->at + a->len, b->at - a->at - a->len);
	at += b->at - a->at - a->len;
	memcpy(u->data + at, copy + a->at, a->len);
}

enum change {
	VALUE,
	VALUE_TOO,
	SIZE,
	KIND,
	LENGTH, /* one that is not true */
	LESS,
	TWICE,
	ORDER,
	MORE,
	CHANGES,
};

static void change_field(struct mutant *u, enum change how)
{
	struct field fields[FIELDS];
	const size_t n = find_fields(u, fields);
	const struct field *f = &fields[n == 0 ? 0 : mutant_draw(u, (uint32_t)n)];
	uint8_t out[4096];
	uint32_t length = (uint32_t)mutant_number(u);

	if (n == 0) {
		replace(u, u->len, 0, out, draw_field(u, out));
		return;
	}
	switch (how) {
	case VALUE:
	case VALUE_TOO:
		change_value(u, f);
		break;
	case SIZE:
		change_size(u, f);
		break;
	case KIND:
		u->data[f->at] = (uint8_t)mutant_draw(u, 7);
		break;
	case LENGTH:
		memcpy(u->data + f->at + 1, &length, sizeof(length));
		break;
	case LESS:
		replace(u, f->at, f->len, NULL, 0);
		break;
	case TWICE:
		memcpy(out, u->data + f->at, f->len < 4096 ? f->len : 4096);
		replace(u, f->at, 0, out, f->len < 4096 ? f->len : 4096);
		break;
	case ORDER:
		swap(u, f, &fields[mutant_draw(u, (uint32_t)n)]);
		break;
	case MORE:
	case CHANGES:
		replace(u, f->at, 0, out, draw_field(u, out));
	}
}

/* -- the whole -- */

static void open_odd(struct mutant *u)
{
	int pipes[2], sockets[2];

	if (pipe2(pipes, O_CLOEXEC) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		abort();
	u->odd[0] = pipes[0]; /* nothing ever comes, and it does not end */
	u->odd[1] = pipes[1];
	u->odd[2] = sockets[0];
	u->odd[3] = sockets[1];
	u->odd[4] = open("/dev/null", O_RDWR | O_CLOEXEC);
	u->odd[5] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	u->odd[6] = memfd_create("odd", MFD_CLOEXEC);
	u->odd[7] = open("/dev/zero", O_RDONLY | O_CLOEXEC);
}

void mutant_begin(struct mutant *u, uint64_t seed)
{
	*u = (struct mutant){ .random = seed, .fd = -1 };
	u->data = xcalloc(ROOM, 1);
	open_odd(u);
}

void mutant_end(struct mutant *u)
{
	for (size_t i = 0; i < ODD; i++)
		close(u->odd[i]);
	free(u->data);
}

static void change_fd(struct mutant *u)
{
	if (u->fd >= 0 && mutant_draw(u, 3) == 0)
		u->fd = -1;
	else
		u->fd = u->odd[mutant_draw(u, ODD)];
}

static void change_type(struct mutant *u)
{
	u->type = mutant_draw(u, 8) == 0 ? (uint32_t)mutant_number(u)
					 : mutant_draw(u, MESSAGES + 5);
}

static void cut(struct mutant *u)
{
	if (u->len > HEAD)
		u->len = HEAD + mutant_draw(u, (uint32_t)(u->len - HEAD));
}

/* What msg_recv() takes for no message. */
static void spoil(struct mutant *u)
{
	switch (mutant_draw(u, 3)) {
	case 0:
		u->len = mutant_draw(u, HEAD);
		break;
	case 1:
		u->fd = u->odd[mutant_draw(u, ODD)];
		u->two = true;
		return; /* one too many is closed, and the message taken */
	default:
		memset(u->data + u->len, 'A', LIMIT_MSG);
		u->len = LIMIT_MSG + 1;
	}
	u->is_none = true;
}

static void change(struct mutant *u)
{
	switch (mutant_draw(u, 24)) {
	case 0:
		change_type(u);
		break;
	case 1:
		cut(u);
		break;
	case 2:
		change_fd(u);
		break;
	default:
		change_field(u, (enum change)mutant_draw(u, CHANGES));
	}
}

void mutant_of(struct mutant *u, const struct msg *m)
{
	const bool as_it_was = mutant_draw(u, 4) == 0;

	memcpy(u->data, m->data, m->len);
	u->len = m->len;
	u->type = m->type;
	u->fd = m->fd;
	u->two = u->is_none = false;
	u->changed = !as_it_was;
	for (uint32_t n = as_it_was ? 0 : 1 + mutant_draw(u, 3); n > 0; n--)
		change(u);
	if (u->len > LIMIT_MSG)
		u->len = LIMIT_MSG;
	if (!as_it_was && mutant_draw(u, ONE_SPOILT) == 0)
		spoil(u);
	memcpy(u->data, &u->type, sizeof(u->type));
	memcpy(u->data + sizeof(u->type), &m->id, sizeof(m->id));
}

int mutant_send(const struct mutant *u, int sock)
{
	_Alignas(struct cmsghdr) char room[CMSG_SPACE(2 * sizeof(int))] = { 0 };
	struct iovec iov = { u->data, u->len };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	const size_t n = u->two ? 2 : 1;
	const int fds[2] = { u->fd, u->fd };

	if (u->fd >= 0) {
		struct cmsghdr *c = (struct cmsghdr *)room;

		h.msg_control = room;
		h.msg_controllen = CMSG_SPACE(n * sizeof(int));
		*c = (struct cmsghdr){ CMSG_LEN(n * sizeof(int)), SOL_SOCKET,
				       SCM_RIGHTS };
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	while (sendmsg(sock, &h, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -1;
	return 0;
}
