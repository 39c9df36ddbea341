/* everleaf-ca: the role that goes to CAs, apart because of the libraries that it needs: to
 * link them takes longer than a probe. Started by the supervisor alone. */
#include <stdio.h>

#include "agent/roles.h"

int main(int argc, char **argv)
{
	if (argc == 2 && role_called(argv[1]) == ROLE_WORKER)
		return worker_role();
	fputs("everleaf-ca: only everleaf starts this program\n", stderr);
	return EXIT_USAGE;
}
