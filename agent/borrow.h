/*
 * borrow: one step at a CA for a person who waits, without a loop: a worker of its own, a
 * ticket (lend.h), the request, the answer.
 */
#pragma once

struct err;
struct lend_ticket;
struct msg;

/* Send `m` (WORKER_ACCOUNT, its fields put) with the ticket; the answer
 * is left in m. */
int borrow(const struct lend_ticket *t, struct msg *m, struct err *e);
