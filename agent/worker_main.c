/* everleaf-worker: the role that goes to CAs. Started by the supervisor alone. */
#include "agent/role/roles.h"
#include "base/key.h"

int main(void)
{
	key_openssl_begin();
	return worker_role();
}
