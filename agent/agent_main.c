/* everleaf-agent: the role that decides. Started by the supervisor alone, or for
 * `everleaf version`: most of the libraries are here. */
#include <string.h>

#include "agent/role/output.h"
#include "agent/role/roles.h"
#include "agent/role/version.h"
#include "base/key.h"

int main(int argc, char **argv)
{
	key_openssl_begin();
	output_begin();
	if (argc == 2 && strcmp(argv[1], VERSION_WORD) == 0)
		return role_printed(version_print(), true);
	return agent_role();
}
