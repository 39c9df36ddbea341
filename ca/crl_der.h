/*
 * crl_der: the elements of DER (X.690 8.1, 10.1) one after another, without a copy and
 * without anything that OpenSSL would allocate: a list has a million of them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DER_BOOLEAN     0x01
#define DER_INTEGER     0x02
#define DER_BITS        0x03
#define DER_OCTETS      0x04
#define DER_OID         0x06
#define DER_ENUMERATED  0x0a
#define DER_UTC         0x17
#define DER_GENERALIZED 0x18
#define DER_SEQUENCE    0x30
#define DER_CONTEXT_0   0xa0

/* How an element begins. */
struct der_head {
	uint8_t tag;
	uint8_t size; /* of the head itself */
	uint32_t len; /* of what follows */
};

/* Octets that are not read yet. */
struct der {
	const uint8_t *at;
	size_t len;
};

/* Read the head of what begins at `at`. How many octets that takes: more than `len` if
 * it is not whole; 0 if it is no head of DER: a tag of several octets, a length that is
 * indefinite, of more than four octets or longer than it need be. */
static inline size_t der_head(const uint8_t *at, size_t len, struct der_head *h)
{
	size_t n;

	if (len < 2)
		return 2;
	h->tag = at[0];
	h->size = 2;
	h->len = at[1];
	if ((at[0] & 0x1f) == 0x1f)
		return 0;
	if (at[1] < 0x80)
		return 2;
	n = at[1] & 0x7f;
	if (n == 0 || n > 4)
		return 0;
	if (len < 2 + n)
		return 2 + n;
	h->size = (uint8_t)(2 + n);
	h->len = 0;
	for (size_t i = 0; i < n; i++)
		h->len = h->len << 8 | at[2 + i];
	return h->len < 0x80 || at[2] == 0 ? 0 : 2 + n;
}

/* Take the next element of `d`; false: none that is whole. */
static inline bool der_next(struct der *d, uint8_t *tag, struct der *value)
{
	struct der_head h;
	const size_t n = der_head(d->at, d->len, &h);

	if (n == 0 || n > d->len || h.len > d->len - n)
		return false;
	*tag = h.tag;
	*value = (struct der){ d->at + n, h.len };
	d->at += n + h.len;
	d->len -= n + h.len;
	return true;
}

/* ... which must have this tag. */
static inline bool der_take(struct der *d, uint8_t tag, struct der *value)
{
	uint8_t found;

	return d->len > 0 && d->at[0] == tag && der_next(d, &found, value);
}

/* Whether an INTEGER is as short as it can be (X.690 8.3.2). */
static inline bool der_is_integer(const struct der *d)
{
	if (d->len == 0)
		return false;
	return d->len == 1 || !((d->at[0] == 0 && d->at[1] < 0x80) ||
				(d->at[0] == 0xff && d->at[1] >= 0x80));
}

/* Whether an OBJECT IDENTIFIER is made of whole numbers, each as short as it can be (X.690
 * 8.19.2). */
bool der_is_oid(const struct der *d);

/* A UTCTime or GeneralizedTime as RFC 5280 4.1.2.5 writes it, by its form. */
bool der_is_time(uint8_t tag, const struct der *d);

/* ... in Unix seconds; false: there is no such moment. */
bool der_time(uint8_t tag, const struct der *d, int64_t *at);
