/* common_name: which of its names a certificate has in its subject, for who looks there. */
#pragma once

#include <stddef.h>

struct name;

/* The first that can be: an address or a DNS name that is not too long. NULL: none can.
 * Borrowed. */
const char *common_name_of(const struct name *names, size_t n);
