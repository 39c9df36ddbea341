/*
 * borrow: one step at a CA for a person who waits, without a loop: a worker of its own, a
 * ticket (lend.h), the request, the answer.
 */
#pragma once

#include <stdint.h>

struct err;
struct lend_ticket;
struct msg;

/* A role of its own: SUP_WORKER or SUP_PROBE; *fd is the caller's. */
int borrow_role(uint32_t type, int *fd, struct err *e);

/* Ask it; the answer is left in m. A person does not wait for ever: ERR_NET. */
int borrow_ask(int fd, struct msg *m, struct err *e);

/* Send `m` (WORKER_ACCOUNT or WORKER_CA, its fields put) with the ticket; the answer
 * is left in m. */
int borrow(const struct lend_ticket *t, struct msg *m, struct err *e);
