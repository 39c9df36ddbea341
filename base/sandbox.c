#include "base/sandbox.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/err.h"
#include "base/sandbox_landlock.h"
#include "base/sandbox_seccomp.h"
#include "base/sandbox_user.h"

int sandbox_enter(const struct sandbox *box, unsigned *missing, struct err *e)
{
	const struct rlimit none = { 0, 0 };

	*missing = 0;
	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return err_sys(e, "sandbox: no core dumps");
	if (sandbox_user(box, e) != 0)
		return err_wrap(e, "sandbox");
	/* After the change of user, which sets it anew. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return err_sys(e, "sandbox: not to be looked into");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_sys(e, "sandbox: no new privileges");
	if (sandbox_landlock(box, missing, e) != 0)
		return err_wrap(e, "sandbox");
	if (sandbox_seccomp(box->kind, missing, e) != 0)
		return err_wrap(e, "sandbox");
	return 0;
}

const char *sandbox_missing(unsigned missing)
{
	if ((missing & SANDBOX_NO_SECCOMP) != 0)
		return "no seccomp, as this is an AddressSanitizer build";
	if ((missing & SANDBOX_NO_LANDLOCK) != 0)
		return "no landlock: files and ports are limited by user and call only";
	if ((missing & SANDBOX_NO_TRUNCATE) != 0)
		return "landlock below 3: it limits no truncation, TCP or abstract "
		       "socket";
	if ((missing & SANDBOX_NO_NET) != 0)
		return "landlock below 4: it limits no TCP and no abstract socket";
	if ((missing & SANDBOX_NO_SCOPE) != 0)
		return "landlock below 6: it limits no abstract socket";
	return NULL;
}
