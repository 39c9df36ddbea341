#include "tests/crash/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "tests/crash/disk.h"
#include "tests/crash/world.h"

#define FREE_TRIES    10000 /* a millisecond each */
#define MKFS_SECONDS  60
#define ARGUMENTS_MAX 16

/* Both file systems have it under this number: <linux/ext4.h> is not exported. */
#define CUT            _IOR('X', 125, uint32_t)
#define CUT_NOLOGFLUSH 2u

/* Blocks of 4096 bytes, as a disk of today gets them; nothing is done later in the
 * background. ext4 and xfs bring along with each sync all names that were changed before
 * it; btrfs does not, so that none of ours can be missing unseen. */
static const char *const make_ext4[] = {
	"mkfs.ext4",
	"-q",
	"-F",
	"-b",
	"4096",
	"-E",
	"nodiscard,lazy_itable_init=0,lazy_journal_init=0",
	NULL
};
static const char *const make_xfs[] = { "mkfs.xfs", "-q", "-f", "-K", NULL };
static const char *const make_btrfs[] = { "mkfs.btrfs", "-q", "-f", "-K", NULL };

const struct volume_kind volume_kinds[] = {
	{ "ext4", "ext4", "", 32, 0, 512, true, make_ext4 },
	{ "ext4-noauto_da_alloc", "ext4", "noauto_da_alloc", 32, 0, 512, false,
	  make_ext4 },
	{ "ext4-writeback", "ext4", "data=writeback", 32, 0, 512, false, make_ext4 },
	{ "xfs", "xfs", "", 300, 0, 4096, true, make_xfs },
	{ "btrfs", "btrfs", "", 160, 65536, 512, false, make_btrfs },
};
const unsigned n_volume_kinds = sizeof(volume_kinds) / sizeof(*volume_kinds);

static bool in_path(const char *program)
{
	char path[256];
	static const char *const folders[] = { "/usr/sbin", "/sbin", "/usr/bin" };

	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", folders[i], program);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

const char *volume_reason(const struct volume_kind *kind)
{
	if (geteuid() != 0)
		return "the rights of root";
	if (access("/dev/fuse", R_OK | W_OK) < 0)
		return "/dev/fuse";
	if (access("/dev/loop-control", R_OK | W_OK) < 0)
		return "/dev/loop-control";
	if (!in_path(kind->make[0]))
		return kind->make[0];
	return NULL;
}

bool volume_alone(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* -1, or a loop device on the disk, which is free again once nobody has it open. */
static int attach(struct volume *v, char device[32])
{
	struct loop_config config = { .info.lo_flags = LO_FLAGS_AUTOCLEAR };
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	char path[200];
	int file, loop = -1;

	snprintf(path, sizeof(path), "%s/%u", v->disk->dir, ++v->n);
	file = open(path, O_RDWR | O_CLOEXEC);
	config.fd = (uint32_t)file;
	for (int i = 0; i < FREE_TRIES && loop < 0 && file >= 0; i++) {
		int n = ioctl(control, LOOP_CTL_GET_FREE);

		snprintf(device, 32, "/dev/loop%d", n);
		loop = n < 0 ? -1 : open(device, O_RDWR | O_CLOEXEC);
		/* Another may have been faster. */
		if (loop >= 0 && ioctl(loop, LOOP_CONFIGURE, &config) < 0) {
			close(loop);
			loop = -1;
			usleep(1000);
		}
	}
	if (file >= 0)
		close(file);
	if (control >= 0)
		close(control);
	return loop;
}

bool volume_make(struct volume *v)
{
	char *argv[ARGUMENTS_MAX + 2];
	char device[32];
	int loop = attach(v, device);
	int status;
	int n = 0;

	if (loop < 0)
		return false;
	for (; v->kind->make[n] != NULL && n < ARGUMENTS_MAX; n++)
		argv[n] = (char *)(uintptr_t)v->kind->make[n];
	argv[n++] = device;
	argv[n] = NULL;
	status = world_exec(argv, "/dev/null", MKFS_SECONDS);
	close(loop);
	return status == 0;
}

bool volume_mount(struct volume *v)
{
	char device[32];
	int loop = attach(v, device);
	int rc, error;

	if (loop < 0)
		return false;
	rc = mount(device, v->dir, v->kind->type, 0, v->kind->options);
	error = errno;
	close(loop);
	errno = error;
	return rc == 0;
}

bool volume_umount(struct volume *v)
{
	if (umount2(v->dir, 0) == 0)
		return true;
	umount2(v->dir, MNT_DETACH);
	return false;
}

int volume_handle(const struct volume *v)
{
	return open(v->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

bool volume_cut(int handle)
{
	uint32_t how = CUT_NOLOGFLUSH;

	return ioctl(handle, CUT, &how) == 0;
}
