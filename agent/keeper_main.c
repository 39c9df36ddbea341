/* everleaf-keeper: the role that holds keys, writes files. Started by the supervisor alone. */
#include "agent/role/roles.h"
#include "base/key.h"

int main(void)
{
	key_openssl_begin();
	return keeper_role();
}
