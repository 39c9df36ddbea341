/* everleaf-inspect: the role that explains files. Started by the supervisor alone. */
#include "agent/role/output.h"
#include "agent/role/roles.h"
#include "base/key.h"

int main(void)
{
	key_openssl_begin();
	output_begin();
	return inspect_role();
}
