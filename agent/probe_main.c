/* everleaf-probe: the role that looks at what is served. Started by the supervisor alone. */
#include "agent/role/roles.h"
#include "base/key.h"

int main(void)
{
	key_openssl_begin();
	return probe_role();
}
