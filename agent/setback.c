#include "agent/setback.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/challenge_token.h"
#include "agent/role/log.h"
#include "agent/state/state_setback.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"

static const struct spec_name *name_at(const struct setbacks *s, uint32_t name)
{
	return &s->spec->names[s->cert->names.first + name];
}

const char *setbacks_word(const struct setbacks *s, uint32_t name)
{
	return spec_text(s->spec, name_at(s, name)->value);
}

uint32_t setbacks_name(const struct setbacks *s, const char *word)
{
	for (uint32_t k = 0; k < s->cert->names.n; k++)
		if (strcmp(setbacks_word(s, k), word) == 0)
			return k;
	return SPEC_NOBODY;
}

char *setback_way(const struct spec *s, uint32_t challenge)
{
	const char *place = token_place(s, challenge);

	return xasprintf("%s %s", challenge_words[s->challenges[challenge].type],
			 place == NULL ? "" : place);
}

/* -- begin, end -- */

void setbacks_begin(struct setbacks *s, const struct spec *spec, uint32_t cert)
{
	*s = (struct setbacks){ .spec = spec, .cert = &spec->certs[cert] };
	if (s->cert->issuers.n > 0)
		setbacks_at(s, spec->numbers[s->cert->issuers.first]);
}

void setbacks_at(struct setbacks *s, uint32_t issuer)
{
	s->ways = s->cert->challenges.n > 0 ? s->cert->challenges
					    : s->spec->issuers[issuer].challenges;
}

void setbacks_clear(struct setbacks *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->list[i].why);
	s->n = 0;
}

void setbacks_done(struct setbacks *s)
{
	setbacks_clear(s);
	free(TAKE(s->list));
}

/* -- the list -- */

static struct setback *find(const struct setbacks *s, uint32_t name, uint32_t way)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->list[i].name == name && s->list[i].way == way)
			return &s->list[i];
	return NULL;
}

static struct setback *add(struct setbacks *s, uint32_t name, uint32_t way)
{
	s->list = xrealloc(s->list, s->n + 1, sizeof(*s->list));
	s->list[s->n] = (struct setback){ .name = name, .way = way };
	return &s->list[s->n++];
}

static int64_t span_after(unsigned failures)
{
	int64_t span = SETBACK_FIRST_S;

	while (--failures > 0 && span < SETBACK_MOST_S)
		span *= 2;
	return span < SETBACK_MOST_S ? span : SETBACK_MOST_S;
}

void setbacks_note(struct setbacks *s, uint32_t name, uint32_t way, const char *why,
		   int64_t now)
{
	struct setback *b = find(s, name, way);

	if (b == NULL)
		b = add(s, name, way);
	if (!b->now && b->failures < 1000)
		b->failures++;
	free(b->why);
	b->why = xasprintf("%.*s", SETBACK_WHY_MAX, why);
	b->now = true;
	b->at = now;
	b->retry_at = way == SPEC_NOBODY ? now + span_after(b->failures) : 0;
}

void setbacks_again(struct setbacks *s)
{
	for (size_t i = 0; i < s->n; i++)
		s->list[i].now = false;
}

/* -- ways -- */

static bool is_for(const struct setbacks *s, uint32_t way, uint32_t name)
{
	return spec_challenge_is_for(s->spec, &s->spec->challenges[way],
				     name_at(s, name));
}

bool setbacks_next(const struct setbacks *s, uint32_t name, uint32_t *way)
{
	const struct setback *itself = find(s, name, SPEC_NOBODY), *oldest = NULL;

	if (itself != NULL && itself->now)
		return false;
	for (uint32_t w = s->ways.first; w < s->ways.first + s->ways.n; w++) {
		const struct setback *b = find(s, name, w);

		if (!is_for(s, w, name))
			continue;
		if (b == NULL) {
			*way = w;
			return true;
		}
		if (!b->now && (oldest == NULL || b->at < oldest->at))
			oldest = b;
	}
	if (oldest != NULL)
		*way = oldest->way;
	return oldest != NULL;
}

bool setbacks_excludes(const struct setbacks *s, uint32_t name, uint32_t way)
{
	uint32_t next;

	return setbacks_next(s, name, &next) && way != next && is_for(s, way, name) &&
	       (find(s, name, way) != NULL || find(s, name, next) != NULL);
}

void setbacks_put(const struct setbacks *s, size_t *n, struct msg *m)
{
	for (uint32_t k = 0; s->n > 0 && k < s->cert->names.n; k++)
		for (uint32_t w = s->ways.first; w < s->ways.first + s->ways.n; w++) {
			if (!setbacks_excludes(s, k, w))
				continue;
			++*n;
			if (m == NULL)
				continue;
			msg_put_u64(m, w);
			msg_put_str(m, setbacks_word(s, k));
		}
}

/* -- names -- */

/* Why the last of its ways has failed; its text lives as long as the list is not changed. */
static const char *why_none(const struct setbacks *s, uint32_t name)
{
	const struct setback *last = NULL;

	for (size_t i = 0; i < s->n; i++)
		if (s->list[i].name == name && s->list[i].now &&
		    (last == NULL || s->list[i].at >= last->at))
			last = &s->list[i];
	return last == NULL ? "no challenge is for it" : last->why;
}

bool setbacks_go_on(struct setbacks *s, int64_t now)
{
	bool all = true;
	uint32_t way;

	for (uint32_t k = 0; k < s->cert->names.n; k++) {
		AUTO_FREE char *why = NULL;

		if (setbacks_next(s, k, &way))
			continue;
		if (name_at(s, k)->optional == 0) {
			all = false;
			continue;
		}
		if (find(s, k, SPEC_NOBODY) != NULL && find(s, k, SPEC_NOBODY)->now)
			continue;
		why = xstrdup(why_none(s, k));
		setbacks_note(s, k, SPEC_NOBODY, why, now);
	}
	return all;
}

static bool is_out(const struct setbacks *s, const struct setback *b, int64_t at)
{
	return b->way == SPEC_NOBODY && name_at(s, b->name)->optional != 0 &&
	       b->retry_at > at;
}

struct name_set setbacks_out(const struct setbacks *s, int64_t at)
{
	struct name_set out = { { 0 } };

	for (size_t i = 0; i < s->n; i++)
		if (is_out(s, &s->list[i], at))
			name_set_add(&out, s->list[i].name);
	return out;
}

uint64_t setbacks_hash(const struct setbacks *s, int64_t at)
{
	const struct name_set out = setbacks_out(s, at);

	return name_set_hash(s->spec, s->cert, &out);
}

int64_t setbacks_retry_at(const struct setbacks *s)
{
	int64_t first = 0;

	for (size_t i = 0; i < s->n; i++)
		if (is_out(s, &s->list[i], SETBACK_ANY_TIME) &&
		    (first == 0 || s->list[i].retry_at < first))
			first = s->list[i].retry_at;
	return first;
}

bool setbacks_put_off(struct setbacks *s, int64_t at, int64_t until)
{
	bool any = false;

	for (size_t i = 0; i < s->n; i++)
		if (is_out(s, &s->list[i], SETBACK_ANY_TIME) &&
		    !is_out(s, &s->list[i], at) && until > at) {
			s->list[i].retry_at = until;
			any = true;
		}
	return any;
}

/* Of a name itself, or of the way that would be the next for it. */
static bool has_worked(const struct setbacks *s, const struct setback *b)
{
	uint32_t way;

	return b->way == SPEC_NOBODY ||
	       (setbacks_next(s, b->name, &way) && way == b->way);
}

void setbacks_worked(struct setbacks *s, const struct name_set *out)
{
	setbacks_again(s);
	for (size_t i = s->n; i-- > 0;) {
		struct setback *b = &s->list[i];

		if (name_set_has(out, b->name) || !has_worked(s, b))
			continue;
		free(b->why);
		*b = s->list[--s->n];
	}
}

/* -- what is remembered -- */

static uint32_t way_called(const struct setbacks *s, const char *word)
{
	for (uint32_t w = s->ways.first; w < s->ways.first + s->ways.n; w++) {
		AUTO_FREE char *way = setback_way(s->spec, w);

		if (strcmp(way, word) == 0)
			return w;
	}
	return SPEC_NOBODY;
}

static int load(void *arg, const struct setback_row *r)
{
	struct setbacks *s = arg;
	const uint32_t name = setbacks_name(s, r->identifier);
	const uint32_t way = way_called(s, r->way);
	struct setback *b;

	if (name == SPEC_NOBODY || (r->way[0] == '\0' && !name_at(s, name)->optional) ||
	    (r->way[0] != '\0' && way == SPEC_NOBODY))
		return 0;
	b = add(s, name, way);
	b->at = r->at;
	b->retry_at = r->retry_at;
	b->failures = r->failures;
	b->why = xstrdup(r->why);
	return 0;
}

int setbacks_load(struct setbacks *s, struct state *state, struct err *e)
{
	setbacks_clear(s);
	return state_setback_each(state, spec_text(s->spec, s->cert->name), load, s, e);
}

int setbacks_save(const struct setbacks *s, struct agent *a, struct err *e)
{
	const char *name = spec_text(s->spec, s->cert->name);

	TRY(agent_write(a, e));
	TRY(state_setback_clear(a->state, name, e));
	for (size_t i = 0; i < s->n; i++) {
		const struct setback *b = &s->list[i];
		AUTO_FREE char *way =
		    b->way == SPEC_NOBODY ? xstrdup("") : setback_way(s->spec, b->way);
		const struct setback_row row = {
			.name = name,
			.identifier = setbacks_word(s, b->name),
			.way = way,
			.at = b->at,
			.retry_at = b->retry_at,
			.failures = b->failures,
			.why = b->why,
		};

		TRY(state_setback_put(a->state, &row, e));
	}
	return 0;
}

int setbacks_of(const struct agent *a, uint32_t i, struct setbacks *s, struct err *e)
{
	setbacks_begin(s, a->spec, i);
	return setbacks_load(s, a->state, e);
}

bool setbacks_explain(const struct agent *a, uint32_t i, uint64_t hash, int64_t at,
		      int64_t *retry_at)
{
	AUTO_SETBACKS struct setbacks s = { .n = 0 };
	struct err e;

	if (setbacks_of(a, i, &s, &e) < 0) {
		log_error("%s: what has failed: %s", agent_cert_name(a, i), e.text);
		return false;
	}
	*retry_at = setbacks_retry_at(&s);
	return *retry_at != 0 && setbacks_hash(&s, at) == hash;
}

struct name_set setbacks_missing(const struct agent *a, uint32_t i, uint64_t hash)
{
	AUTO_SETBACKS struct setbacks s = { .n = 0 };
	struct err e;

	if (hash == a->spec->certs[i].names_hash || setbacks_of(a, i, &s, &e) < 0 ||
	    setbacks_hash(&s, SETBACK_ANY_TIME) != hash)
		return (struct name_set){ { 0 } };
	return setbacks_out(&s, SETBACK_ANY_TIME);
}
