/*
 * mutant: a message as a role that somebody has taken over would send it: one that is
 * right, of which something is changed, field by field: kinds, lengths, numbers at their
 * bounds, order, text, octets, the descriptor, the type. What is drawn depends on the seed
 * alone.
 *
 *     mutant_begin(&u, seed);
 *     mutant_of(&u, &m);
 *     mutant_send(&u, sock);
 *     mutant_end(&u);
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/msg.h"

struct mutant {
	uint64_t random;
	const char *const
	    *words;    /* borrowed: text that is worth a try, ends with NULL */
	uint8_t *data; /* owned */
	size_t len;
	uint32_t type; /* as it is sent */
	int fd;        /* borrowed of the message or of `odd`; -1: none */
	int odd[8];    /* owned: descriptors that no message comes with */
	bool two;      /* the descriptor is sent twice */
	bool changed;  /* it is not what the message was */
	bool is_none;  /* it is no message any more: who takes it ends, or closes */
};

void mutant_begin(struct mutant *u, uint64_t seed);
void mutant_end(struct mutant *u);

/* Less than `below`. */
uint32_t mutant_draw(struct mutant *u, uint32_t below);

/* One of the bounds of numbers. */
uint64_t mutant_number(struct mutant *u);

/* From m, which is borrowed until it is sent; one in four is what m was. */
void mutant_of(struct mutant *u, const struct msg *m);

/* 0, or -1 if the other end is gone. */
int mutant_send(const struct mutant *u, int sock);
