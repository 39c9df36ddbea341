#include "base/hash.h"

/* Since 3.0; but what takes their place loads a provider. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

void hash_begin(struct hash *h)
{
	SHA256_Init(&h->ctx);
}

void hash_add(struct hash *h, const void *data, size_t len)
{
	SHA256_Update(&h->ctx, data, len);
}

void hash_end(struct hash *h, uint8_t sum[HASH_LEN])
{
	SHA256_Final(sum, &h->ctx);
}

void hash_all(const void *data, size_t len, uint8_t sum[HASH_LEN])
{
	struct hash h;

	hash_begin(&h);
	hash_add(&h, data, len);
	hash_end(&h, sum);
}
