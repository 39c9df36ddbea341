/*
 * page: a text of any length for another role: written to a memory file piece by piece,
 * so that it takes no memory here, and sealed when it is whole.
 *
 *     page_begin(&p, e); ... buf_printf(&p.text, ...); page_turn(&p, e); ...
 *     page_end(&p, &fd, e);
 */
#pragma once

#include "base/buf.h"

struct err;

struct page_writer {
	int fd;          /* owned; -1: all of it stays in `text` */
	struct buf text; /* owned; not written yet */
};

#define AUTO_PAGE __attribute__((cleanup(page_done)))

/* ERR_SYS, as the next two. */
int page_begin(struct page_writer *p, struct err *e);

/* Write what there is, if it is much. */
int page_turn(struct page_writer *p, struct err *e);

/* All is there: *fd is the caller's. */
int page_end(struct page_writer *p, int *fd, struct err *e);

void page_done(struct page_writer *p);
