#include "base/sandbox_user.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/sandbox.h"

/* Only a later exec would look at it, and none will come: what cannot be dropped
 * without CAP_SETPCAP may stay. */
static void drop_bounding_set(void)
{
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

static int change_ids(uid_t uid, gid_t gid, struct err *e)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
		return err_sys(e, "keep capabilities");
	if (setgroups(0, NULL) != 0)
		return err_sys(e, "give up groups");
	if (setresgid(gid, gid, gid) != 0)
		return err_sys(e, "become group %u", gid);
	if (setresuid(uid, uid, uid) != 0)
		return err_sys(e, "become user %u", uid);
	return 0;
}

static int limit_capabilities(uint64_t wanted, struct err *e)
{
	struct __user_cap_header_struct head = { .version =
						     _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) != 0)
		return err_sys(e, "read capabilities");
	for (unsigned i = 0; i < 2; i++) {
		uint32_t part = (uint32_t)(wanted >> (32 * i));

		data[i].permitted &= part;
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &head, data) != 0)
		return err_sys(e, "limit capabilities");
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	(void)prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
	return 0;
}

static int verify_final(uid_t uid, gid_t gid, struct err *e)
{
	if (uid != 0 && setresuid(0, (uid_t)-1, (uid_t)-1) == 0)
		return err_set(e, ERR_SYS, "user %u could become root again", uid);
	if (gid != 0 && setresgid(0, (gid_t)-1, (gid_t)-1) == 0)
		return err_set(e, ERR_SYS, "group %u could become root again", gid);
	if (getuid() != uid || geteuid() != uid || getgid() != gid || getegid() != gid)
		return err_set(e, ERR_SYS, "not user %u and group %u", uid, gid);
	return 0;
}

int sandbox_user(const struct sandbox *box, struct err *e)
{
	drop_bounding_set();
	if (box->uid != (uid_t)-1)
		TRY(change_ids(box->uid, box->gid, e));
	TRY(limit_capabilities(box->capabilities, e));
	if (box->uid != (uid_t)-1)
		TRY(verify_final(box->uid, box->gid, e));
	return 0;
}
