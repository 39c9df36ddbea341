/*
 * sandbox: what a role gives up before it looks at anything from outside.
 *
 * sandbox_enter() takes, in this order: core dumps, the user and its capabilities, being
 * looked into (ptrace, /proc), the right to gain privileges, the file system and the
 * network (Landlock), and every system call that is not on the role's list (seccomp; a
 * call outside it kills the process). Memory is never executable. It works on the calling
 * thread: enter before there is a second one. Descriptors are closed by whoever starts
 * the role. Children inherit all of it, which is why only the unsandboxed supervisor
 * starts programs (the keeper forks, agent/keeper/child.h, and stays what it is). What a kernel
 * lacks is reported, and is the only thing that may be missing.
 *
 * A role that dies of SIGSYS made a call that is not on its list: `dmesg` names it
 * ("syscall=N"), `strace -f` shows it; the lists are in sandbox_calls.c.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

enum sandbox_kind {
	SANDBOX_CONFIG,    /* computes: no file, no network */
	SANDBOX_AGENT,     /* reads the store, writes its state database */
	SANDBOX_KEEPER,    /* writes files below given folders, watches them */
	SANDBOX_WORKER,    /* connects, resolves names; writes nothing */
	SANDBOX_RESPONDER, /* accepts and answers; never connects */
	SANDBOX_KINDS,
};

enum sandbox_right {
	SANDBOX_READ, /* files and folders below, read */
	SANDBOX_WRITE, /* ... read, written, made, removed, renamed; symbolic links made */
};

struct sandbox_path {
	const char *path; /* borrowed; one that the role cannot reach is passed over */
	enum sandbox_right right;
};

struct sandbox {
	enum sandbox_kind kind;
	uid_t uid; /* (uid_t)-1: keep user and groups */
	gid_t gid;
	uint64_t
	    capabilities; /* 1 << CAP_...: all that is kept, if the caller has it */
	const struct sandbox_path *paths;
	size_t n_paths;
};

#define SANDBOX_NO_LANDLOCK (1u << 0) /* none at all */
#define SANDBOX_NO_TRUNCATE (1u << 1) /* Landlock before ABI 3 */
#define SANDBOX_NO_NET      (1u << 2) /* before ABI 4: TCP is not limited by it */
#define SANDBOX_NO_SCOPE    (1u << 3) /* before ABI 6: signals, abstract sockets */
#define SANDBOX_NO_SECCOMP  (1u << 4) /* built with AddressSanitizer: no seccomp */

/* Enter, for good. *missing says what this kernel lacks (SANDBOX_NO_*). On failure the
 * role must end: it may be half inside. */
int sandbox_enter(const struct sandbox *box, unsigned *missing, struct err *e);

/* "landlock below 4: it limits no TCP and no abstract socket" for the log and for status,
 * or NULL if nothing is missing. Static. */
const char *sandbox_missing(unsigned missing);
