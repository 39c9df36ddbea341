#include "base/sandbox_seccomp.h"

#include <assert.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"

#define FILTER_MAX 512 /* instructions; the longest has 193 */

int sandbox_seccomp(enum sandbox_kind kind, unsigned *missing, struct err *e)
{
	const struct sock_fprog *made = &sandbox_filters[kind];
	struct sock_filter code[FILTER_MAX];
	const struct sock_fprog filter = { made->len, code };

	if (SANDBOX_SANITIZED) {
		*missing |= SANDBOX_NO_SECCOMP;
		return 0;
	}
	assert(made->len <= FILTER_MAX);
	for (size_t i = 0; i < made->len; i++) {
		code[i] = made->filter[i];
		if (code[i].k == SANDBOX_SELF)
			code[i].k = (uint32_t)getpid();
	}
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0)
		return err_sys(e, "seccomp: load");
	return 0;
}
