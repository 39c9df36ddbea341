#include "agent/keeper/keeper.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/key.h"
#include "base/spki.h"
#include "store/pending.h"

static struct keeper_key *slot_of(struct keeper *k, const struct spec_cert *c)
{
	return &k->keys[(size_t)(c - k->start.spec.certs) % KEEPER_KEYS];
}

static void clear(struct keeper_key *slot)
{
	EVP_PKEY_free(slot->key);
	buf_done(&slot->pem);
	buf_done(&slot->csr);
	buf_done(&slot->spki);
	*slot = (struct keeper_key){ .cert = NULL };
}

int keeper_waiting_set(struct keeper *k, const struct spec_cert *c, EVP_PKEY *key,
		       struct err *e)
{
	struct keeper_key *slot = slot_of(k, c);

	clear(slot);
	TRY(key_to_pem(key, &slot->pem, e));
	TRY(key_to_spki(key, &slot->spki, e));
	EVP_PKEY_up_ref(key);
	slot->cert = c;
	slot->key = key;
	return 0;
}

int keeper_waiting_keep(struct keeper *k, const struct spec_cert *c, EVP_PKEY *key,
			struct err *e)
{
	struct keeper_key *slot = slot_of(k, c);

	TRY(keeper_waiting_set(k, c, key, e));
	if (pending_keep(k->root, keeper_text(k, c->name), &slot->pem, e) == 0)
		return 0;
	clear(slot);
	return e->code;
}

/* The same one always waits: that of the request. */
static int set_request(struct keeper *k, const struct spec_cert *c,
		       struct keeper_key *slot, struct err *e)
{
	const char *pem = keeper_text(k, c->request);

	TRY(spki_of_csr(pem, strlen(pem), &slot->csr, &slot->spki, e));
	TRY(key_from_spki(slot->spki.data, slot->spki.len, &slot->key, e));
	slot->cert = c;
	return 0;
}

int keeper_waiting(struct keeper *k, const struct spec_cert *c,
		   struct keeper_key **waits, struct err *e)
{
	struct keeper_key *slot = slot_of(k, c);
	AUTO_KEY EVP_PKEY *key = NULL;

	*waits = slot;
	if (slot->cert == c && slot->key != NULL)
		return 0;
	clear(slot);
	if (c->csr.at != 0)
		return set_request(k, c, slot, e);
	TRY(pending_load(k->root, keeper_text(k, c->name), &key, e));
	return key == NULL ? 0 : keeper_waiting_set(k, c, key, e);
}

void keeper_waiting_stored(struct keeper *k, const struct spec_cert *c, uint64_t number)
{
	struct keeper_key *slot = slot_of(k, c);

	if (slot->cert == c)
		clear(slot);
	k->stored[c - k->start.spec.certs] = number;
}

bool keeper_has_stored(const struct keeper *k, const struct spec_cert *c,
		       uint64_t number)
{
	return number != 0 && k->stored[c - k->start.spec.certs] == number;
}

void keeper_waiting_end(struct keeper *k)
{
	for (size_t i = 0; i < KEEPER_KEYS; i++)
		clear(&k->keys[i]);
	free(k->stored);
}
