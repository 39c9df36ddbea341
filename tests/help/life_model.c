#include "tests/help/life_steps.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/text.h"
#include "base/x509.h"
#include "store/generation.h"

#define H LIFE_H

static void put_path(char path[128], const struct life_cert *c, uint64_t number)
{
	snprintf(path, 128, "archive/%s/%010llu/cert.pem", c->name,
		 (unsigned long long)number);
}

static bool facts_of(const struct life *l, const struct life_cert *c, uint64_t number,
		     struct x509_facts *facts)
{
	AUTO_BUF struct buf pem = { 0 };
	char path[128];
	struct err e;

	put_path(path, c, number);
	return file_read(l->dir, path, LIMIT_CHAIN_BYTES, &pem, &e) == 0 &&
	       x509_facts_from_pem(pem.data, pem.len, facts, &e) == 0;
}

/* What is noted later may be done earlier, at another CA. */
static uint64_t bit(uint64_t number)
{
	if (number > 63)
		abort();
	return UINT64_C(1) << number;
}

void life_model_revoked(struct life_cert *c, uint64_t number)
{
	c->revoked |= bit(number);
}

void life_model_revoked_serial(struct life *l, const char *serial)
{
	struct x509_facts facts;

	for (size_t i = 0; i < l->n_certs; i++)
		for (uint64_t n = l->certs[i].stored; n > 0; n--)
			if (facts_of(l, &l->certs[i], n, &facts) &&
			    strcmp(facts.serial, serial) == 0)
				life_model_revoked(&l->certs[i], n);
}

/* Nobody writes into a set that is stored: what was read once is looked for. */
static bool is_stored(const struct life *l, struct life_cert *c, uint64_t number)
{
	struct x509_facts facts;
	char path[128];

	put_path(path, c, number);
	if (number == c->read)
		return faccessat(l->dir, path, R_OK, 0) == 0;
	c->read = number;
	return facts_of(l, c, number, &facts);
}

void life_model_look(struct life *l)
{
	uint64_t number;
	struct err e;

	for (size_t i = 0; i < l->n_certs; i++) {
		struct life_cert *c = &l->certs[i];

		if (generation_current(l->dir, c->name, &number, &e) < 0 ||
		    number != c->live.number)
			life_wrong(l, c, "another set is live than was made so");
		if (number != 0 && !is_stored(l, c, number))
			life_wrong(l, c, "what is live is not in the store");
	}
}

/* -- commands -- */

static void check_revoked(struct life *l, struct life_cert *c, int status)
{
	const bool replace = (l->asked_for.flags & REQUEST_REPLACE) != 0;

	if (status == 1 && !l->was_full && l->number_before != 0)
		c->to_revoke |= bit(l->number_before);
	if (status != 0)
		return;
	if (replace && c->live.number <= l->number_before)
		life_wrong(l, c, "is said to be replaced, and is not");
	if (l->number_before != 0 && (c->revoked & bit(l->number_before)) == 0)
		life_wrong(l, c, "is said to be revoked, and is not");
}

void life_model_done(struct life *l, int status)
{
	struct life_cert *c = &l->certs[l->asked_for.cert];

	switch ((int)l->asked_for.command) {
	case COMMAND_RENEW:
		/* A switch that was cut short has brought a new one. */
		if (status == 0 && c->live.number <= l->number_before && !l->was_cut)
			life_wrong(l, c, "is said to be renewed, and is not");
		break;
	case COMMAND_ROLLBACK:
		if (status == 0 && c->live.number >= l->number_before)
			life_wrong(l, c, "is said to be rolled back, and is not");
		break;
	case COMMAND_FORGET:
		if (status == 0 && c->live.number != 0)
			life_wrong(l, c, "is said to be forgotten, and is not");
		break;
	case COMMAND_REVOKE:
		check_revoked(l, c, status);
		break;
	default:
		break;
	}
}

/* -- status -- */

static bool is_owed(const json_t *row, const char *hook)
{
	const json_t *owed = json_object_get(row, "hooks_pending"), *one;
	size_t i;

	json_array_foreach(owed, i, one) if (strcmp(json_string_value(one), hook) ==
					     0) return true;
	return false;
}

static void check_row(const struct life *l, const struct life_cert *c,
		      const json_t *row)
{
	const char *until = json_string_value(json_object_get(row, "not_after"));
	const uint64_t number =
	    (uint64_t)json_integer_value(json_object_get(row, "generation"));
	char at[TEXT_TIME_MAX];

	if (number != c->live.number)
		life_wrong(l, c, "status says that another set is live");
	if (number != 0 &&
	    (until == NULL || strcmp(until, text_time(at, c->live.not_after)) != 0))
		life_wrong(l, c, "status says that it ends at another time");
	for (int h = 0; h < LIFE_HOOKS; h++)
		if (c->hooked[h] != number && !is_owed(row, h == 0 ? "h0" : "h1"))
			life_wrong(l, c, "status does not say what is owed to a hook");
}

static const json_t *row_of(const json_t *all, const char *name)
{
	const json_t *row;
	size_t i;

	json_array_foreach(all, i, row) if (strcmp(json_string_value(
						       json_object_get(row, "name")),
						   name) == 0) return row;
	return NULL;
}

/* Whether it could still matter to anybody: not to an agent that was begun by a clock by
 * which it had ended. */
static bool is_to_be_revoked(const struct life *l, const struct life_cert *c)
{
	const uint64_t left = c->absent ? 0 : c->to_revoke & ~c->revoked;
	struct x509_facts facts;

	for (uint64_t n = 1; n <= c->stored && left != 0; n++)
		if ((left & bit(n)) != 0 && facts_of(l, c, n, &facts) &&
		    facts.not_after > life_now(l) && facts.not_after > l->latest)
			return true;
	return false;
}

void life_model_status(struct life *l, const char *text)
{
	json_error_t e;
	json_t *all = json_loads(text, JSON_REJECT_DUPLICATES, &e);
	const json_t *rows = json_object_get(all, "certificates");
	const json_t *revocations = json_object_get(all, "revocations");

	if (all == NULL)
		life_wrong(l, NULL, "status is no JSON");
	for (size_t i = 0; i < l->n_certs; i++) {
		const struct life_cert *c = &l->certs[i];
		const json_t *row = row_of(rows, c->name);

		if ((row != NULL) == c->absent)
			life_wrong(l, c, "status has other certificates");
		if (row != NULL)
			check_row(l, c, row);
		if (is_to_be_revoked(l, c) && row_of(revocations, c->name) == NULL)
			life_wrong(l, c, "status does not say what is to be revoked");
	}
	json_decref(all);
}

/* -- in the end -- */

void life_model_over(struct life *l)
{
	for (size_t i = 0; i < l->n_certs; i++) {
		const struct life_cert *c = &l->certs[i];
		struct x509_facts facts;

		if (c->absent)
			continue;
		if (!facts_of(l, c, c->live.number, &facts))
			life_wrong(l, c, "what is live is not in the store");
		/* Who goes back has the names of then. */
		if (!c->is_back && facts.n_names != 1 + (size_t)c->wide)
			life_wrong(l, c, "has other names than it is to have");
		if (c->edited || c->broken)
			life_wrong(l, c, "was changed by somebody, and is not mended");
		if (is_to_be_revoked(l, c))
			life_wrong(l, c, "was to be revoked, and is not");
		for (int h = 0; h < LIFE_HOOKS; h++)
			if (c->hooked[h] != c->live.number)
				life_wrong(l, c, "a hook was not told of what is live");
	}
}
