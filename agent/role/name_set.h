/* name_set: some of the names of a certificate, by their places in its list: those that an
 * order leaves out (`optional`; setback.h says when). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/role/spec.h"
#include "base/msg.h"

#define NAME_SET_MAX 128

struct name_set {
	uint64_t bits[NAME_SET_MAX / 64];
};

_Static_assert(LIMIT_IDS <= NAME_SET_MAX, "a bit for each");

static inline bool name_set_has(const struct name_set *set, uint32_t name)
{
	return name < NAME_SET_MAX && (set->bits[name / 64] >> name % 64 & 1) != 0;
}

static inline void name_set_add(struct name_set *set, uint32_t name)
{
	if (name < NAME_SET_MAX)
		set->bits[name / 64] |= UINT64_C(1) << name % 64;
}

static inline void name_set_put(const struct name_set *set, struct msg *m)
{
	msg_put_u64(m, set->bits[0]);
	msg_put_u64(m, set->bits[1]);
}

static inline struct name_set name_set_get(struct msg *m)
{
	const uint64_t first = msg_get_u64(m);

	return (struct name_set){ { first, msg_get_u64(m) } };
}

/* Whether an order of `c` may do without them: only what is optional is ever left out. */
static inline bool name_set_may_be_out(const struct spec *s, const struct spec_cert *c,
				       const struct name_set *set)
{
	for (uint32_t k = 0; k < NAME_SET_MAX; k++)
		if (name_set_has(set, k) &&
		    (k >= c->names.n || s->names[c->names.first + k].optional == 0))
			return false;
	return true;
}

/* The part of a name in spec_cert.names_hash. */
static inline uint64_t spec_name_hash(const struct spec *s,
				      const struct spec_name *name)
{
	return names_hash((enum name_kind)name->kind, spec_text(s, name->value));
}

/* The hash of the names of `c` without them, as spec_cert.names_hash. */
static inline uint64_t name_set_hash(const struct spec *s, const struct spec_cert *c,
				     const struct name_set *set)
{
	const struct spec_name *names = &s->names[c->names.first];
	uint64_t hash = c->names_hash;

	for (uint32_t k = 0; k < c->names.n; k++)
		if (name_set_has(set, k))
			hash -= spec_name_hash(s, &names[k]);
	return hash;
}
