/* everleaf-config: the role that reads the configuration. Started by the supervisor alone. */
#include "agent/role/roles.h"
#include "base/key.h"

int main(void)
{
	key_openssl_begin();
	return config_role();
}
