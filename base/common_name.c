#include "base/common_name.h"

#include <string.h>

#include "base/names.h"

#define COMMON_NAME_MAX 64 /* RFC 5280 A.1, ub-common-name */

const char *common_name_of(const struct name *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((names[i].kind == NAME_DNS || names[i].kind == NAME_IP) &&
		    strlen(names[i].value) <= COMMON_NAME_MAX)
			return names[i].value;
	return NULL;
}
