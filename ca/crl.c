#include "ca/crl.h"

#include <string.h>

int crl_number_cmp(const struct crl_number *a, const struct crl_number *b)
{
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return memcmp(a->octets, b->octets, a->len);
}

uint64_t crl_serial_key(const void *octets, size_t len)
{
	const uint8_t *at = octets;
	uint64_t key = 0;

	for (size_t i = len > sizeof(key) ? len - sizeof(key) : 0; i < len; i++)
		key = key << 8 | at[i];
	return key;
}
