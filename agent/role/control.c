#include "agent/role/control.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/auto.h"
#include "base/err.h"

int control_address(const char *runtime_dir, struct sockaddr_un *sa, struct err *e)
{
	int n;

	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	n = snprintf(sa->sun_path, sizeof(sa->sun_path), "%s/" CONTROL_SOCKET,
		     runtime_dir);
	if (n < 0 || (size_t)n >= sizeof(sa->sun_path))
		return err_set(e, ERR_CONFIG,
			       "%s/" CONTROL_SOCKET ": too long for a socket (%zu)",
			       runtime_dir, sizeof(sa->sun_path) - 1);
	return 0;
}

int control_connect(const struct sockaddr_un *sa, int flags)
{
	AUTO_FD int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) < 0)
		return -1;
	return take_fd(&fd);
}

int control_peer(int fd, uid_t *uid, struct err *e)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0)
		return err_sys(e, "who has connected");
	*uid = who.uid;
	return 0;
}

int control_may(const struct request *r, uid_t uid, uid_t owner, struct err *e)
{
	if (request_shows(r))
		return 0;
	if (!request_writes(r) || r->command == COMMAND_AGENT)
		return err_set(e, ERR_REFUSED, "that is not asked of an agent");
	if (r->command == COMMAND_RENEW || r->command == COMMAND_CRL || uid == 0 ||
	    uid == owner)
		return 0;
	return err_set(e, ERR_REFUSED,
		       "only root or the owner of the state may ask for that");
}
