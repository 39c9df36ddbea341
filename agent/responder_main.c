/* everleaf-responder: the role that answers http-01. Started by the supervisor alone. */
#include <stddef.h>

#include "agent/role/roles.h"

int main(void)
{
	return responder_role(NULL);
}
