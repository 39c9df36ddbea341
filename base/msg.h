/*
 * msg: what roles say to each other.
 *
 * One send on an AF_UNIX SOCK_SEQPACKET socket is one message: a type, an id that the
 * answer repeats, typed fields, at most one descriptor. A reader takes the fields in
 * the order in which they were put and ends with msg_end(): a field of another type, a
 * short message or a byte too many makes it fail, so half-understood messages do not
 * exist. Getters after a mismatch return 0 or "" and need no check of their own.
 *
 *     msg_begin(&m, KEEPER_INSTALL, id);      type = in.type; id = in.id;
 *     msg_put_u64(&m, cert);                  cert = msg_get_u64(&in);
 *     msg_put_str(&m, chain);                 chain = msg_get_str(&in);
 *     TRY(msg_send(sock, &m, e));             TRY(msg_end(&in, e));
 *
 * msg_rule and msg_dispatch() are the other half: each role has one table of what may
 * be asked of it in which of its states. Anything else is refused, never interpreted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/* One message: EVERLEAF_NAMES may be 64 KiB. Larger things travel as a descriptor. */
#define LIMIT_MSG (96 * 1024)

struct msg {
	uint32_t type;
	uint32_t id;
	int fd;      /* owned, -1: none. Sending does not close it */
	bool broken; /* a field did not fit, or was read as something else */
	size_t at;   /* where the next field is read */
	size_t len;
	size_t cap;
	uint8_t *data; /* owned, `cap` bytes of it */
};

#define AUTO_MSG __attribute__((cleanup(msg_done)))
#define MSG_NONE         \
	{                \
		.fd = -1 \
	}

/* Two ends that messages go between; the caller owns both. */
int msg_pair(int *a, int *b, struct err *e);

/* Start a message in `m`, which may hold an older one: its memory is used again. */
void msg_begin(struct msg *m, uint32_t type, uint32_t id);
void msg_put_u64(struct msg *m, uint64_t v);
void msg_put_i64(struct msg *m, int64_t v);
void msg_put_str(struct msg *m, const char *s); /* NULL is sent as "" */
void msg_put_bytes(struct msg *m, const void *data, size_t len);

/* Send m and its descriptor. ERR_LIMIT if the fields did not fit, ERR_NET with
 * EPIPE if the other role is gone. Waits while the socket is full. */
int msg_send(int sock, struct msg *m, struct err *e);

/* The same without waiting, for a peer that may not listen: ERR_BUSY, it is full. */
int msg_offer(int sock, struct msg *m, struct err *e);

/* Hand m's content and descriptor to *to (uninitialized), no larger than it need be;
 * m can be begun again. */
void msg_move(struct msg *to, struct msg *m);

/* Take one message from `sock` into `m`. ERR_BUSY: none is there (on a non-blocking
 * socket); ERR_NET: the other end is gone; ERR_PROTO: not a message of ours. */
int msg_recv(int sock, struct msg *m, struct err *e);

uint64_t msg_get_u64(struct msg *m);
int64_t msg_get_i64(struct msg *m);
const char *msg_get_str(struct msg *m); /* never NULL; lives as long as m's content */
const void *msg_get_bytes(struct msg *m, size_t *len);
int msg_take_fd(struct msg *m); /* -1: none; the caller owns it */

/* ERR_PROTO unless every field was read as what it was and nothing is left. */
int msg_end(struct msg *m, struct err *e);

void msg_done(struct msg *m);

/* An answer that carries an err instead of a result, and its way back into one. */
void msg_put_err(struct msg *m, const struct err *e);
void msg_get_err(struct msg *m, struct err *e);

/* One request a role understands, and the states (1u << state) it may come in. */
struct msg_rule {
	uint32_t type;
	uint32_t states;
	int (*run)(void *role, struct msg *m, struct err *e);
};

/* Run the rule for m, ERR_PROTO if there is none for it in `state`. */
int msg_dispatch(const struct msg_rule *rules, size_t n, unsigned state, void *role,
		 struct msg *m, struct err *e);
