#include "agent/config/config_system.h"

#include <stddef.h>
#include <string.h>

/* As such. What is below them is often somebody's own. */
static const char *const folders[] = {
	"/",
	"/dev/shm",
	"/etc",
	"/etc/systemd",
	"/etc/udev",
	"/home",
	"/lib",
	"/lib32",
	"/lib64",
	"/libx32",
	"/opt",
	"/root",
	"/run",
	"/srv",
	"/tmp",
	"/usr",
	"/usr/lib",
	"/usr/lib32",
	"/usr/lib64",
	"/usr/libx32",
	"/usr/libexec",
	"/usr/local",
	"/usr/local/lib",
	"/usr/share",
	"/usr/src",
	"/var",
	"/var/cache",
	"/var/lib",
	"/var/lock",
	"/var/log",
	"/var/mail",
	"/var/run",
	"/var/spool",
	"/var/tmp",
};

/* With all below them: the kernel's, programs, and what is run or trusted as root. */
static const char *const trees[] = {
	"/bin",
	"/boot",
	"/dev",
	"/proc",
	"/sbin",
	"/sys",
	"/usr/bin",
	"/usr/sbin",
	"/usr/local/bin",
	"/usr/local/sbin",
	"/lib/modules",
	"/lib/systemd",
	"/usr/lib/modules",
	"/usr/lib/systemd",
	"/etc/cron.d",
	"/etc/cron.daily",
	"/etc/cron.hourly",
	"/etc/cron.monthly",
	"/etc/cron.weekly",
	"/etc/init.d",
	"/etc/ld.so.conf.d",
	"/etc/modprobe.d",
	"/etc/pam.d",
	"/etc/profile.d",
	"/etc/sudoers.d",
	"/etc/systemd/system",
	"/etc/udev/rules.d",
	"/root/.ssh",
	"/var/spool/cron",
};

bool config_is_within(const char *path, const char *folder)
{
	const size_t len = folder == NULL ? 0 : strlen(folder);

	return len > 0 && strncmp(path, folder, len) == 0 &&
	       (path[len] == '/' || path[len] == '\0');
}

bool config_is_system(const char *path)
{
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (strcmp(path, folders[i]) == 0)
			return true;
	if (strncmp(path, "/dev/shm/", 9) == 0)
		return false; /* memory that a test or a container keeps things in */
	for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++)
		if (config_is_within(path, trees[i]))
			return true;
	return false;
}
