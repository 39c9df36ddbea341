/*
 * alloc: every allocation of a program that it is linked into, its own and those of all
 * libraries, counted; one of them fails, or it and all that follow (alloc_page.h).
 *
 * The program's own malloc() stands before that of the C library and of the sanitizer.
 * Without a page nothing is counted and nothing fails. The page is named by the
 * environment of the supervisor: roles get next to none of it, so each looks at that of
 * its parent, before its sandbox closes. It counts from there on; what libraries do
 * before main() is not everleaf's. Nor is how the C library looks users and groups up: it
 * crashes without memory (nss/nss_database.c of 2.36).
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/crash/alloc_page.h"

#ifdef SANITIZED
#define BELOW(name) __interceptor_##name
#else
#define BELOW(name) __libc_##name
#endif

void *BELOW(malloc)(size_t size);
void *BELOW(calloc)(size_t n, size_t size);
void *BELOW(realloc)(void *p, size_t size);

#define FRAMES     14
#define OWN_FRAMES 2 /* fails(), and who called it */

static struct alloc_role *role;
static _Thread_local bool inside;

static uint32_t who(void)
{
	void *frames[FRAMES + OWN_FRAMES];
	uint32_t hash = 2166136261u;
	int n;

	inside = true;
	n = backtrace(frames, FRAMES + OWN_FRAMES);
	inside = false;
	for (int i = OWN_FRAMES; i < n; i++)
		hash = (hash ^ (uint32_t)(uintptr_t)frames[i]) * 16777619u;
	return hash;
}

static bool fails(void)
{
	unsigned n;

	if (role == NULL || inside)
		return false;
	n = atomic_fetch_add(&role->n, 1) + 1;
	if (role->traces && n <= ALLOC_MAX)
		role->who[n - 1] = who();
	if (role->at == 0 || n < role->at || (n > role->at && !role->onward))
		return false;
	role->reached = true;
	errno = ENOMEM;
	return true;
}

/* In the environment of process `pid`. */
static bool find_page(pid_t pid, char path[256])
{
	static char env[65536];
	const size_t len = strlen(ALLOC_PAGE);
	char name[64];
	ssize_t n;
	int fd;

	snprintf(name, sizeof(name), "/proc/%d/environ", (int)pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, env, sizeof(env) - 1);
	if (fd >= 0)
		close(fd);
	for (char *at = env; at < env + n; at += strlen(at) + 1)
		if (strncmp(at, ALLOC_PAGE "=", len + 1) == 0) {
			snprintf(path, 256, "%s", at + len + 1);
			return true;
		}
	return false;
}

__attribute__((constructor)) static void begin(void)
{
	struct alloc_page *page = MAP_FAILED;
	char path[256];
	void *frame[1];
	int fd = -1;

	if (find_page(getpid(), path) || find_page(getppid(), path))
		fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0) {
		page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			    0);
		close(fd);
	}
	(void)backtrace(frame, 1); /* it loads a library the first time */
	for (size_t i = 0; page != MAP_FAILED && i < ALLOC_ROLES; i++)
		if (strcmp(page->roles[i].program, program_invocation_short_name) == 0)
			role = &page->roles[i];
}

void *malloc(size_t size)
{
	return fails() ? NULL : BELOW(malloc)(size);
}

void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : BELOW(calloc)(n, size);
}

void *realloc(void *p, size_t size)
{
	return fails() ? NULL : BELOW(realloc)(p, size);
}

void *reallocarray(void *p, size_t n, size_t size)
{
	size_t all;

	if (__builtin_mul_overflow(n, size, &all) || fails())
		return NULL;
	return BELOW(realloc)(p, all);
}

char *strndup(const char *s, size_t max)
{
	const size_t len = strnlen(s, max);
	char *copy = malloc(len + 1);

	if (copy == NULL)
		return NULL;
	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

char *strdup(const char *s)
{
	return strndup(s, strlen(s));
}

/* -- users and groups -- */

#define LOOK_UP(type, name, argument)                              \
	type *name(argument key)                                   \
	{                                                          \
		type *(*next)(argument key);                       \
		type *found;                                       \
                                                                   \
		inside = true;                                     \
		*(void **)(void *)&next = dlsym(RTLD_NEXT, #name); \
		found = next(key);                                 \
		inside = false;                                    \
		return found;                                      \
	}

LOOK_UP(struct passwd, getpwnam, const char *)
LOOK_UP(struct passwd, getpwuid, uid_t)
LOOK_UP(struct group, getgrnam, const char *)
