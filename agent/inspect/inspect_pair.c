#include "agent/inspect/inspect_pair.h"

#include "agent/inspect/inspect.h"
#include "base/key.h"

static const EVP_PKEY *key_of(const struct inspect_item *item)
{
	if (item->kind == ITEM_CERT)
		return X509_get0_pubkey(item->cert);
	if (item->kind == ITEM_CSR)
		return X509_REQ_get0_pubkey(item->csr);
	return item->key;
}

/* The first other item with the same key, of those that can belong to it: a private key
 * for a certificate, and for a private key rather a certificate than a request. */
static void pair(struct inspect *in, size_t i)
{
	static const enum inspect_kind order[] = { ITEM_CERT, ITEM_CSR, ITEM_PUBLIC };
	struct inspect_item *mine = &in->items[i];
	const EVP_PKEY *key = key_of(mine);

	for (size_t o = 0; o < 3; o++)
		for (size_t k = 0; k < in->n_items; k++) {
			struct inspect_item *other = &in->items[k];
			const EVP_PKEY *theirs = key_of(other);

			if (other->kind != order[o] || theirs == NULL ||
			    !key_same_public(key, theirs))
				continue;
			if (mine->partner == 0)
				mine->partner = (uint32_t)k + 1;
			if (other->partner == 0)
				other->partner = (uint32_t)i + 1;
		}
}

static size_t count(const struct inspect *in, enum inspect_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < in->n_items; i++)
		n += in->items[i].kind == kind;
	return n;
}

/* As strong as what the CAs of the web ask for. */
static void judge(struct inspect *in, const struct inspect_item *item)
{
	const size_t n = count(in, ITEM_CERT);

	if (item->partner == 0 && n > 0)
		inspect_say_of(in, FOUND_KEY_MISMATCH, item,
			       n == 1
				   ? "the certificate here was issued for another key"
				   : "none of the certificates here was issued for "
				     "this key");
}

void inspect_pair(struct inspect *in)
{
	for (size_t i = 0; i < in->n_items; i++) {
		if (in->items[i].kind != ITEM_KEY || in->items[i].key == NULL)
			continue;
		pair(in, i);
		judge(in, &in->items[i]);
	}
}
