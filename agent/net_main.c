/* everleaf-net: the roles that meet whoever is on the network: our own services, and the
 * CA that looks for its answers. Started by the supervisor alone. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/roles.h"

int main(int argc, char **argv)
{
	enum role role = argc == 2 ? role_called(argv[1]) : ROLES;

	if (role == ROLE_PROBE)
		return probe_role();
	if (role == ROLE_RESPONDER)
		return responder_role();
	fputs("everleaf-net: only everleaf starts this program\n", stderr);
	return EXIT_USAGE;
}
