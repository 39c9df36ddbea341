#include "base/sandbox_landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/sandbox.h"
#include "base/sandbox_seccomp.h"

/* Of linux/landlock.h as of ABI 7: Debian 12's headers are older than the kernels that
 * this runs on. */
#define FS_EXECUTE     (1ull << 0)
#define FS_WRITE_FILE  (1ull << 1)
#define FS_READ_FILE   (1ull << 2)
#define FS_READ_DIR    (1ull << 3)
#define FS_REMOVE_DIR  (1ull << 4)
#define FS_REMOVE_FILE (1ull << 5)
#define FS_MAKE_DIR    (1ull << 7)
#define FS_MAKE_REG    (1ull << 8)
#define FS_MAKE_SYM    (1ull << 12)
#define FS_REFER       (1ull << 13) /* ABI 2 */
#define FS_TRUNCATE    (1ull << 14) /* ABI 3 */
#define FS_IOCTL_DEV   (1ull << 15) /* ABI 5 */
#define FS_ALL         ((1ull << 16) - 1)

#define FS_OF_A_FILE (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE)
#define FS_READ      (FS_READ_FILE | FS_READ_DIR)
#define FS_WRITE                                                                  \
	(FS_READ | FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | \
	 FS_MAKE_REG | FS_MAKE_SYM | FS_REFER | FS_TRUNCATE)

#define NET_BIND    (1ull << 0) /* ABI 4 */
#define NET_CONNECT (1ull << 1)

#define SCOPE_ABSTRACT_SOCKET (1ull << 0) /* ABI 6 */
#define SCOPE_SIGNAL          (1ull << 1)

#define CREATE_RULESET_VERSION 1u
#define RULE_PATH_BENEATH      1
#define RULE_NET_PORT          2

struct ruleset {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

struct path_rule {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

struct port_rule {
	uint64_t allowed;
	uint64_t port;
};

/* What is forbidden unless a rule allows it, and how much of the struct a kernel of
 * that ABI knows (it refuses more). */
static struct ruleset handled(enum sandbox_kind kind, long abi, size_t *size)
{
	struct ruleset r = { .fs = FS_ALL,
			     .net = NET_BIND | NET_CONNECT,
			     .scoped = SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL };

	if (kind == SANDBOX_WORKER)
		r.net = NET_BIND;
	if (abi < 2)
		r.fs &= ~FS_REFER;
	if (abi < 3)
		r.fs &= ~FS_TRUNCATE;
	if (abi < 5)
		r.fs &= ~FS_IOCTL_DEV;
	*size = abi < 4 ? 8 : abi < 6 ? 16 : 24;
	return r;
}

static unsigned lacking(long abi)
{
	return (abi < 3 ? SANDBOX_NO_TRUNCATE : 0) | (abi < 4 ? SANDBOX_NO_NET : 0) |
	       (abi < 6 ? SANDBOX_NO_SCOPE : 0);
}

/* A path that this user cannot reach now needs no rule: it could not use it. */
static bool unreachable(int error)
{
	return error == ENOENT || error == ENOTDIR || error == EACCES;
}

static int allow_path(int ruleset, uint64_t fs, const struct sandbox_path *p,
		      struct err *e)
{
	struct path_rule rule = { .allowed =
				      p->right == SANDBOX_WRITE ? FS_WRITE : FS_READ };
	AUTO_FD int fd = open(p->path, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && unreachable(errno))
		return 0;
	if (fd < 0 || fstat(fd, &st) != 0)
		return err_sys(e, "landlock: %s", p->path);
	if (!S_ISDIR(st.st_mode))
		rule.allowed &= FS_OF_A_FILE; /* others are refused for a file */
	rule.allowed &= fs;
	rule.fd = fd;
	if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) != 0)
		return err_sys(e, "landlock: allow %s", p->path);
	return 0;
}

static int allow_paths(int ruleset, uint64_t fs, const struct sandbox *box,
		       struct err *e)
{
	const struct sandbox_path proc = { "/proc", SANDBOX_READ };

	if (SANDBOX_SANITIZED) /* LeakSanitizer reads /proc/self/maps at the end */
		TRY(allow_path(ruleset, fs, &proc, e));
	for (size_t i = 0; i < box->n_paths; i++)
		TRY(allow_path(ruleset, fs, &box->paths[i], e));
	return 0;
}

/* A worker may leave by an address that was configured: the port is the kernel's to
 * choose, and nobody can be listened to. */
static int allow_source_address(int ruleset, enum sandbox_kind kind, long abi,
				struct err *e)
{
	const struct port_rule rule = { .allowed = NET_BIND, .port = 0 };

	if (kind != SANDBOX_WORKER || abi < 4)
		return 0;
	if (syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule, 0) != 0)
		return err_sys(e, "landlock: allow a source address");
	return 0;
}

int sandbox_landlock(const struct sandbox *box, unsigned *missing, struct err *e)
{
	long abi =
	    syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
	AUTO_FD int fd = -1;
	struct ruleset r;
	size_t size;

	if (abi < 1) {
		*missing |= SANDBOX_NO_LANDLOCK | lacking(0);
		return 0;
	}
	*missing |= lacking(abi);
	r = handled(box->kind, abi, &size);
	fd = (int)syscall(SYS_landlock_create_ruleset, &r, size, 0);
	if (fd < 0)
		return err_sys(e, "landlock: make a ruleset");
	TRY(allow_paths(fd, r.fs, box, e));
	TRY(allow_source_address(fd, box->kind, abi, e));
	if (syscall(SYS_landlock_restrict_self, fd, 0) != 0)
		return err_sys(e, "landlock: restrict");
	return 0;
}
