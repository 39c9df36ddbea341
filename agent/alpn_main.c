/* everleaf-alpn: the responder with TLS, for tls-alpn-01. Started by the supervisor alone. */
#include "agent/responder/responder_tls.h"
#include "agent/role/roles.h"
#include "base/key.h"

int main(void)
{
	key_openssl_begin();
	return responder_role(&responder_alpn);
}
