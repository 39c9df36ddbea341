/* everleaf-responder: the role that answers challenges. Started by the supervisor alone. */
#include "agent/roles.h"

int main(void)
{
	return responder_role();
}
