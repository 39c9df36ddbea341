/*
 * responder_pages: what the agent has said last, and what it is to be asked.
 *
 * A page is asked for when somebody wants it, once however many do, and kept for
 * RESPONDER_KEEP_MS: at rest nobody is asked anything. It is a sealed memory file that is
 * mapped and sent from there, so a large one costs no memory but its own; those of who is
 * still being sent an older one are counted, and while there are RESPONDER_OLD of them the
 * newest is good enough for all who come.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/responder/responder_reply.h"

struct err;

#define RESPONDER_KEEP_MS 1000
#define RESPONDER_OLD     2

struct responder_text; /* one version of a page; opaque */

struct responder_pages {
	struct page {
		struct responder_text *last; /* held; NULL: none came yet */
		bool wanted;                 /* somebody waits for it */
		bool asked;                  /* and the agent knows */
	} pages[RESPONDER_PAGES];
	size_t n_texts; /* all that are held by anybody */
};

/* Good for who asks now: held for the caller; NULL: it has to be asked for, and is
 * wanted. */
struct responder_text *responder_pages_get(struct responder_pages *p,
					   enum responder_page page);

/* Which the agent has to be asked for now: false: none. It is then taken as asked. */
bool responder_pages_ask(struct responder_pages *p, enum responder_page *page);

/* It has come, in `fd` (-1: without a text), which stays the caller's. ERR_SYS, ERR_PROTO:
 * it is not sealed. */
int responder_pages_come(struct responder_pages *p, enum responder_page page, int fd,
			 struct err *e);

/* The agent could not say it. */
void responder_pages_fail(struct responder_pages *p, enum responder_page page);

/* The newest, held for the caller; NULL: there is none. */
struct responder_text *responder_pages_last(struct responder_pages *p,
					    enum responder_page page);

const char *responder_text_data(const struct responder_text *t, size_t *len);

/* Let go of one that was held; NULL is fine. */
void responder_pages_drop(struct responder_pages *p, struct responder_text *t);

void responder_pages_done(struct responder_pages *p);
